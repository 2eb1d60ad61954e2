"""Anthropic's `/messages`, whole and as its named events, and `/messages/count_tokens`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from foreroute.testing.fake_answers import event, fragments
from foreroute.testing.fake_schema import filled, filled_text
from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_ERROR_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class MessagesAnswer:
    """One answer in this dialect: see `FakeStream`."""

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int) -> None:
        del created  # Anthropic's messages carry no time
        self._request = request
        self._answer = answer
        self._ident = ident
        self._tool = _called_tool(request.body)
        self.headers = {"request-id": f"req_{ident}"}

    def error(self) -> dict[str, Any]:
        return anthropic_error(self._answer, f"req_{self._ident}")

    def whole(self) -> dict[str, Any]:
        return self._message([self._block(done=True)], self._stop_reason(), self._usage())

    def empty(self) -> dict[str, Any]:
        return self._message([], self._stop_reason(), self._usage())

    def failed(self) -> dict[str, Any]:
        return self.error()

    def preamble(self) -> bytes:
        message = self._message([], None, {**self._usage(), "output_tokens": 1})
        return _event({"type": "message_start", "message": message})

    def content(self) -> Iterator[bytes]:
        opening = _event(
            {"type": "content_block_start", "index": 0, "content_block": self._block(done=False)}
        )
        opening += _event({"type": "ping"})
        for text in self._texts():
            delta = (
                {"type": "text_delta", "text": text}
                if self._tool is None
                else {"type": "input_json_delta", "partial_json": text}
            )
            yield opening + _event({"type": "content_block_delta", "index": 0, "delta": delta})
            opening = b""

    def closing(self) -> bytes:
        return _event({"type": "content_block_stop", "index": 0}) + self.empty_closing()

    def empty_closing(self) -> bytes:
        delta = {
            "container": None,
            "stop_details": None,
            "stop_reason": self._stop_reason(),
            "stop_sequence": None,
        }
        names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        usage = self._usage()
        last = {name: usage[name] for name in (*names, "output_tokens_details", "server_tool_use")}
        return _event({"type": "message_delta", "delta": delta, "usage": last}) + _event(
            {"type": "message_stop"}
        )

    def failure(self) -> bytes:
        return _event(self.error())

    def _message(
        self, content: list[dict[str, Any]], stop_reason: str | None, usage: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "id": f"msg_{self._ident}",
            "type": "message",
            "role": "assistant",
            "model": self._request.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "stop_details": None,
            "container": None,
            "usage": usage,
        }

    def _stop_reason(self) -> str:
        return "tool_use" if self._tool is not None else _STOP_REASONS[self._answer.finish_reason]

    def _texts(self) -> list[str]:
        if self._tool is not None:
            return fragments(filled_text(self._tool.get("input_schema") or {}))
        asked = (self._request.body.get("output_config") or {}).get("format") or {}
        schema = asked.get("schema")
        return list(self._answer.chunks) if schema is None else fragments(filled_text(schema))

    def _block(self, *, done: bool) -> dict[str, Any]:
        if self._tool is None:
            return {"type": "text", "text": "".join(self._texts()) if done else "", "citations": None}
        return {
            "type": "tool_use",
            "id": f"toolu_{self._ident}",
            "name": self._tool["name"],
            "input": filled(self._tool.get("input_schema") or {}) if done else {},
            "caller": {"type": "direct"},
        }

    def _usage(self) -> dict[str, Any]:
        answer = self._answer
        given, made = answer.tokens(self._request)
        cached, written = answer.cached_input_tokens, answer.cache_write_tokens
        return {
            "input_tokens": max(0, given - cached - written),
            "output_tokens": made,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens_details": {"thinking_tokens": answer.reasoning_tokens},
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": None,
        }


class CountTokensAnswer:
    """How many tokens a request's messages would be: see `FakeAnswer`."""

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str) -> None:
        self._request = request
        self._answer = answer
        self.headers = {"request-id": f"req_{ident}"}

    def error(self) -> dict[str, Any]:
        return anthropic_error(self._answer, self.headers["request-id"])

    def whole(self) -> dict[str, Any]:
        return {"input_tokens": self._answer.tokens(self._request)[0]}

    def empty(self) -> dict[str, Any]:
        return {}

    def failed(self) -> dict[str, Any]:
        return self.error()


def anthropic_error(answer: ProviderAnswer, request_id: str) -> dict[str, Any]:
    """Anthropic's error object, with the type that the answer names or else its status stands for."""
    kind = answer.error_type
    if kind not in _ERROR_TYPES.values():
        default = "api_error" if answer.status >= 500 or answer.status == 200 else "invalid_request_error"
        kind = _ERROR_TYPES.get(answer.status, default)
    error = {"type": kind, "message": answer.error_message}
    return {"type": "error", "error": error, "request_id": request_id}


def _event(payload: Mapping[str, Any]) -> bytes:
    return event(payload, payload["type"])


def _called_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The tool named by `tool_choice` or the first of the client's own, unless tools are off or a result came last."""
    offered: list[Mapping[str, Any]] = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    choice, last = body.get("tool_choice") or {}, (body.get("messages") or [{}])[-1].get("content")
    has_result = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
    if not offered or choice.get("type") == "none" or has_result:
        return None
    return next((tool for tool in offered if tool["name"] == choice.get("name")), offered[0])
