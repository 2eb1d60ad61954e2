"""Frameworks as clients: what they build on the official clients works unchanged through the gateway."""

import os
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

# LangSmith's tracing is not wanted, whatever the machine's environment says.
os.environ["LANGSMITH_TRACING"] = "false"

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

SAID = {"gpt-5-fake": "I am gpt-a.", "claude-opus-fake": "I am claude-a."}


class Place(BaseModel):
    """Somewhere on Earth."""

    name: str
    height_m: float


def weather(city: str) -> str:
    """The weather in a city."""
    return f"Sunny in {city}."


@pytest.fixture
async def common(house) -> AsyncIterator[dict[str, Any]]:
    """What every LangChain client is told. It would never close an HTTP client of its own."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield {
            "model": "gpt-5-fake",
            "base_url": f"{house.url}/v1",
            "api_key": "none",
            "max_retries": 0,
            "http_async_client": http,
        }


@pytest.fixture(params=["chat", "responses"])
def langchain(common, request) -> ChatOpenAI:
    return ChatOpenAI(**common, use_responses_api=request.param == "responses")


async def test_langchain_chats_and_streams(langchain):
    message = await langchain.ainvoke("Hello?")
    assert message.text == SAID["gpt-5-fake"]
    assert message.usage_metadata["output_tokens"] == 3
    parts = [chunk async for chunk in langchain.astream("Hello?")]
    assert "".join(part.text for part in parts) == SAID["gpt-5-fake"]


async def test_langchain_calls_tools_and_fills_schemas(langchain):
    (call,) = (await langchain.bind_tools([weather]).ainvoke("Hello?")).tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "value"})
    for method in ("json_schema", "function_calling"):
        place = await langchain.with_structured_output(Place, method=method).ainvoke("Where?")
        assert place == Place(name="value", height_m=1.5)


async def test_langchain_embeds(common):
    embeddings = OpenAIEmbeddings(**common, check_embedding_ctx_length=False)
    assert [len(one) for one in await embeddings.aembed_documents(["one", "two"])] == [3, 3]


@pytest.fixture(params=["chat", "responses", "anthropic"])
def model(house, request) -> Model:
    match request.param:
        case "chat":
            return OpenAIChatModel("gpt-5-fake", provider=OpenAIProvider(openai_client=house.openai))
        case "responses":
            return OpenAIResponsesModel("gpt-5-fake", provider=OpenAIProvider(openai_client=house.openai))
        case _:
            return AnthropicModel(
                "claude-opus-fake", provider=AnthropicProvider(anthropic_client=house.anthropic)
            )


async def test_pydantic_ai_runs_its_tools_and_then_answers(house, model):
    agent = Agent(model)
    cities = []

    @agent.tool_plain
    def weather(city: str) -> str:
        cities.append(city)
        return f"Sunny in {city}."

    result = await agent.run("Hello?")
    assert result.output == SAID[model.model_name]
    assert cities == ["value"]
    assert len(house.attempts) == 2, "one request for the call, one for the answer"


async def test_pydantic_ai_streams_and_fills_schemas(model):
    async with Agent(model).run_stream("Hello?") as stream:
        assert (
            "".join([part async for part in stream.stream_text(delta=True, debounce_by=None)])
            == (SAID[model.model_name])
        )
    result = await Agent(model, output_type=Place).run("Where?")
    assert result.output == Place(name="value", height_m=1.5)
