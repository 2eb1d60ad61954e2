"""The Responses API's resource around an answer, and what a request asks of it."""

from collections.abc import Mapping
from typing import Any, Final

from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_ECHOED: Final[Mapping[str, Any]] = {
    "previous_response_id": None,
    "instructions": None,
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": True,
    "background": False,
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}
"""Settings that come back as they were sent, and their values when they were not."""


def response_object(
    request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int, status: str
) -> dict[str, Any]:
    """The resource without output: 31 required keys. Usage and completion time are there once it has ended."""
    body = request.body
    echoed = {key: default if body.get(key) is None else body[key] for key, default in _ECHOED.items()}
    return {
        "id": ident,
        "object": "response",
        "created_at": created,
        "completed_at": created if status == "completed" else None,
        "status": status,
        "incomplete_details": None,
        "model": request.model,
        "output": [],
        "error": None,
        "tools": [_tool(tool) for tool in body.get("tools") or ()],
        "text": {"format": _format(body), "verbosity": "medium"},
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "usage": _usage(request, answer) if status in {"completed", "incomplete"} else None,
        "service_tier": "default",
        **echoed,
    }


def called_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function named by `tool_choice` or the first one offered, unless tools are off or the last item is a result."""
    asked, choice = body.get("input"), body.get("tool_choice")
    offered: list[Mapping[str, Any]] = [
        tool for tool in body.get("tools") or () if tool.get("type") == "function"
    ]
    has_result = isinstance(asked, list) and asked and asked[-1].get("type") == "function_call_output"
    if not offered or choice == "none" or has_result:
        return None
    wanted = choice.get("name") if isinstance(choice, dict) else None
    return next((tool for tool in offered if tool["name"] == wanted), offered[0])


def asked_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that the answer must fit, if it must fit one."""
    asked = _format(body)
    if asked["type"] == "json_schema":
        schema: Mapping[str, Any] = asked["schema"]
        return schema
    return {"properties": {"answer": {"type": "string"}}} if asked["type"] == "json_object" else None


def _format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    asked = (body.get("text") or {}).get("format") or {"type": "text"}
    if asked.get("type") != "json_schema":
        return {"type": str(asked.get("type"))}
    return {"name": "", "description": None, "schema": {}, "strict": False, **asked}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": True, **tool}


def _usage(request: ProviderRequest, answer: ProviderAnswer) -> dict[str, Any]:
    given, made = answer.tokens(request)
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": answer.cached_input_tokens,
            "cache_write_tokens": answer.cache_write_tokens,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": given + made,
    }
