"""Complete OpenAI objects: every key that the specification requires is there, null where it may be."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from foreroute.testing.fake_script import ProviderAnswer, ProviderRequest

_ARGUMENT_FRAGMENT = 6
_EXAMPLES: Mapping[str, Any] = {"string": "value", "integer": 1, "number": 1.5, "boolean": True, "array": []}


class FakeAnswers:
    """One answer to one request in all its forms."""

    def __init__(self, request: ProviderRequest, answer: ProviderAnswer, *, ident: str, created: int) -> None:
        self._request = request
        self._answer = answer
        self._chat = request.path == "/chat/completions"
        self._ident = ident
        self._created = created
        self._tool = _called_tool(request.body) if self._chat else None

    @staticmethod
    def models(names: Sequence[str], created_at: float) -> dict[str, Any]:
        data = [{"id": n, "object": "model", "created": int(created_at), "owned_by": "fake"} for n in names]
        return {"object": "list", "data": data}

    def error(self) -> dict[str, Any]:
        answer = self._answer
        return {
            "error": {
                "message": answer.error_message,
                "type": answer.error_type,
                "param": None,
                "code": answer.error_code,
            }
        }

    def whole(self) -> dict[str, Any]:
        if self._request.path == "/embeddings":
            return self._embeddings()
        text = "".join(self._answer.chunks)
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": self._finish_reason()}
        if self._chat:
            message: dict[str, Any] = {
                "role": "assistant",
                "content": text,
                "refusal": None,
                "annotations": [],
            }
            if self._tool is not None:
                message |= {"content": None, "tool_calls": [self._tool_call()]}
            choice["message"] = message
        else:
            choice["text"] = text
        return {**self._head(chunk=False), "choices": [choice], "usage": self._usage()}

    def opening_event(self) -> bytes:
        """The role, alone, as the first event of a chat stream."""
        if not self._chat:
            return b""
        return self._delta({"role": "assistant", "content": None if self._tool else "", "refusal": None})

    def content_events(self) -> list[bytes]:
        if self._tool is not None:
            return self._tool_events()
        return [self._delta({"content": text}) for text in self._answer.chunks]

    def closing_events(self) -> list[bytes]:
        events = [self._delta({}, finish_reason=self._finish_reason())]
        if self._usage_asked():
            events.append(_event({**self._head(chunk=True), "choices": [], "usage": self._usage()}))
        return [*events, self.done_event()]

    def empty_event(self) -> bytes:
        return _event({**self._head(chunk=True), "choices": []})

    def done_event(self) -> bytes:
        return b"data: [DONE]\n\n"

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
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish_reason}
        if self._chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.get("content", "")
        usage = {"usage": None} if self._usage_asked() else {}
        return _event({**self._head(chunk=True), "choices": [choice], **usage})

    def _usage_asked(self) -> bool:
        return bool((self._request.body.get("stream_options") or {}).get("include_usage"))

    def _finish_reason(self) -> str:
        return "tool_calls" if self._tool is not None else self._answer.finish_reason

    def _usage(self) -> dict[str, Any]:
        answer = self._answer
        output = len(answer.chunks) if answer.output_tokens is None else answer.output_tokens
        prompt = self._request.prompt_tokens if answer.input_tokens is None else answer.input_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": {"cached_tokens": answer.cached_input_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": answer.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _tool_call(self) -> dict[str, Any]:
        assert self._tool is not None  # noqa: S101 - only called for requests with tools
        function = {"name": self._tool["name"], "arguments": _arguments(self._tool)}
        return {"id": f"call_{self._ident}", "type": "function", "function": function}

    def _tool_events(self) -> list[bytes]:
        call = self._tool_call()
        arguments = call["function"]["arguments"]
        opening = {**call, "index": 0, "function": {**call["function"], "arguments": ""}}
        fragments = [
            {"index": 0, "function": {"arguments": arguments[at : at + _ARGUMENT_FRAGMENT]}}
            for at in range(0, len(arguments), _ARGUMENT_FRAGMENT)
        ]
        return [self._delta({"tool_calls": [part]}) for part in [opening, *fragments]]

    def _embeddings(self) -> dict[str, Any]:
        asked = self._request.body.get("input", "")
        texts = asked if isinstance(asked, list) and asked and not isinstance(asked[0], int) else [asked]
        data = [
            {"object": "embedding", "index": index, "embedding": [0.1, -0.2, 0.3]}
            for index in range(len(texts))
        ]
        tokens = self._usage()["prompt_tokens"]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self._request.model, "usage": usage}


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def _called_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first function offered, unless tools are off or the last message already brings a tool's result."""
    messages = body.get("messages") or [{}]
    if not body.get("tools") or body.get("tool_choice") == "none" or messages[-1].get("role") == "tool":
        return None
    function: Mapping[str, Any] = body["tools"][0]["function"]
    return function


def _arguments(function: Mapping[str, Any]) -> str:
    properties = (function.get("parameters") or {}).get("properties") or {}
    filled = {name: _EXAMPLES.get(schema.get("type"), {}) for name, schema in properties.items()}
    return orjson.dumps(filled).decode()
