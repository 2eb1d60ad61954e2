"""LlamaIndex against a gateway: `python smoke.py BASE_URL MODEL`. Prints what it saw as JSON.

Run by the Python of an environment of its own: LlamaIndex wants an older major version of the official client.
"""

import asyncio
import json
import sys
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike


def weather(city: str) -> str:
    """The weather of a city."""
    return f"fine in {city}"


async def main(base_url: str, model: str) -> dict[str, Any]:
    llm = OpenAILike(
        model=model,
        api_base=base_url,
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        timeout=20.0,
    )
    hello = [ChatMessage(role="user", content="Hello?")]
    plain = await llm.achat(hello)
    parts = [chunk.delta or "" async for chunk in await llm.astream_chat(hello)]
    tool = FunctionTool.from_defaults(fn=weather)
    called = await llm.achat_with_tools([tool], user_msg="How is it in Seoul?")
    calls = llm.get_tool_calls_from_response(called)
    return {
        "chat": plain.message.content,
        "stream": "".join(parts),
        "tool": [calls[0].tool_name, calls[0].tool_kwargs],
    }


print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2]))))
