"""OpenAI's `/chat/completions` and the older `/completions`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from foreroute.testing.fake_answers import event, fragments, openai_error
from foreroute.testing.fake_schema import filled_text
from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_DONE: Final = b"data: [DONE]\n\n"
_CHOICES_MAX: Final = 16


class ChatAnswer:
    """One answer in this dialect: see `FakeAnswer`. With `n`, every choice says the same."""

    headers: Mapping[str, str] = {}

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int) -> None:
        self._request = request
        self._answer = answer
        self._chat = request.path == "/chat/completions"
        self._ident = ident
        self._created = created
        self._tool = _called_tool(request.body) if self._chat else None
        asked = request.body.get("n")
        self._choices = range(min(asked, _CHOICES_MAX) if isinstance(asked, int) and asked > 1 else 1)

    def error(self) -> dict[str, Any]:
        return openai_error(self._answer)

    def whole(self) -> dict[str, Any]:
        choices = [self._choice(index) for index in self._choices]
        return {**self._head(chunk=False), "choices": choices, "usage": self._usage()}

    def empty(self) -> dict[str, Any]:
        return {**self.whole(), "choices": []}

    def failed(self) -> dict[str, Any]:
        return self.error()

    def preamble(self) -> bytes:
        return b""

    def content(self) -> Iterator[bytes]:
        opening = self._opening()
        for delta in (
            self._tool_deltas() if self._tool is not None else [{"content": t} for t in self._texts()]
        ):
            yield opening + self._delta(delta)
            opening = b""

    def closing(self) -> bytes:
        finish = self._delta({}, finish_reason=self._finish_reason())
        usage = {**self._head(chunk=True), "choices": [], "usage": self._usage()}
        return finish + (event(usage) if self._usage_asked() else b"") + _DONE

    def empty_closing(self) -> bytes:
        return event({**self._head(chunk=True), "choices": []}) + _DONE

    def failure(self) -> bytes:
        return event(self.error())

    def _texts(self) -> list[str]:
        schema = _asked_schema(self._request.body) if self._chat else None
        return list(self._answer.chunks) if schema is None else fragments(filled_text(schema))

    def _opening(self) -> bytes:
        """The role, alone, as the first event of a chat stream."""
        if not self._chat:
            return b""
        return self._delta({"role": "assistant", "content": None if self._tool else "", "refusal": None})

    def _choice(self, index: int) -> dict[str, Any]:
        choice = {"index": index, "logprobs": None, "finish_reason": self._finish_reason()}
        text = "".join(self._texts())
        if not self._chat:
            return choice | {"text": text}
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        if self._tool is not None:
            message |= {"content": None, "tool_calls": [self._tool_call(self._tool)]}
        return choice | {"message": message}

    def _head(self, *, chunk: bool) -> dict[str, Any]:
        kind = "chat.completion" if self._chat else "text_completion"
        return {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-{self._ident}",
            "object": f"{kind}.chunk" if chunk and self._chat else kind,
            "created": self._created,
            "model": self._request.model,
            "system_fingerprint": "fp_fake",
            **({"service_tier": "default"} if self._chat else {}),
        }

    def _delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        said = {"delta": delta} if self._chat else {"text": delta.get("content", "")}
        usage = {"usage": None} if self._usage_asked() else {}
        choices = [
            {"index": index, "logprobs": None, "finish_reason": finish_reason, **said}
            for index in self._choices
        ]
        return b"".join(event({**self._head(chunk=True), "choices": [choice], **usage}) for choice in choices)

    def _usage_asked(self) -> bool:
        return bool((self._request.body.get("stream_options") or {}).get("include_usage"))

    def _finish_reason(self) -> str:
        return "tool_calls" if self._tool is not None else self._answer.finish_reason

    def _usage(self) -> dict[str, Any]:
        answer = self._answer
        prompt, output = answer.tokens(self._request)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": {
                "cached_tokens": answer.cached_input_tokens,
                "cache_write_tokens": answer.cache_write_tokens,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": answer.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _tool_call(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        function = {"name": tool["name"], "arguments": filled_text(tool.get("parameters") or {})}
        return {"id": f"call_{self._ident}", "type": "function", "function": function}

    def _tool_deltas(self) -> Iterator[dict[str, Any]]:
        call = self._tool_call(self._tool or {})
        yield {"tool_calls": [{**call, "index": 0, "function": {**call["function"], "arguments": ""}}]}
        for part in fragments(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}


def _called_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function named by `tool_choice` or the first one offered, unless tools are off or the last message is a tool's result."""
    messages, choice = body.get("messages") or [{}], body.get("tool_choice")
    offered: list[Mapping[str, Any]] = [t["function"] for t in body.get("tools") or () if t.get("function")]
    if not offered or choice == "none" or messages[-1].get("role") == "tool":
        return None
    wanted = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    return next((tool for tool in offered if tool["name"] == wanted), offered[0])


def _asked_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that the answer must fit, if it must fit one."""
    asked = body.get("response_format") or {}
    if asked.get("type") == "json_schema":
        schema: Mapping[str, Any] = (asked.get("json_schema") or {}).get("schema") or {}
        return schema
    return {"properties": {"answer": {"type": "string"}}} if asked.get("type") == "json_object" else None
