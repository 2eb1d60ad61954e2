"""Between OpenAI's bytes and the library any-llm-sdk: parameters in, whole answers and events out. Pure.

The library does the translating. Here is only what it leaves open: names for the same thing, and one id per answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from foreroute.gateway.any_llm_errors import Refusal

_PASSED: Final = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "messages", "n", "parallel_tool_calls",
        "presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format", "seed", "service_tier",
        "stop", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
    }
)  # fmt: skip
_OVERLOOKED: Final = frozenset(
    {
        "max_completion_tokens", "metadata", "model", "prompt_cache_retention", "safety_identifier", "store",
        "stream",
    }
)  # fmt: skip
"""They change nothing in the answer, or are read here."""
_USUAL: Final[Mapping[str, Any]] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "service_tier": "auto",
}
"""OpenAI's defaults: whoever says them asks for nothing, and providers without the parameter refuse them."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the library is to be called with, but for the model. `wants_usage`: in a stream."""

    parameters: Mapping[str, Any]
    wants_usage: bool


def read_body(body: bytes) -> Ask | Refusal:
    """Nothing is passed on that is not known: the library hands unknown names to the provider's own client, where
    some of them say whom to call and with which headers.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Refusal(status=400, message="The request body is not a JSON object.")
    given = {name: value for name, value in fields.items() if value is not None}
    for name in given:
        if name not in _PASSED and name not in _OVERLOOKED:
            message = f"`{name}` cannot be translated for this channel's provider."
            return Refusal(status=400, message=message, param=name, code="unsupported_parameter")
    parameters = {
        name: value for name, value in given.items() if name in _PASSED and not _is_usual(name, value)
    }
    if (limit := given.get("max_completion_tokens")) is not None:
        parameters["max_tokens"] = limit  # most of the library's providers read the older name only
    if isinstance(stop := parameters.get("stop"), str):
        parameters["stop"] = [stop]
    parameters.setdefault("messages", [])
    options = given.get("stream_options")
    return Ask(parameters, isinstance(options, dict) and options.get("include_usage") is True)


def whole_bytes(completion: Any, model: str, answer_id: str) -> bytes:
    """A whole answer as OpenAI writes it. `answer_id` is for answers that have none."""
    payload = completion.model_dump(mode="json", exclude_none=True)
    payload["id"] = payload.get("id") or answer_id
    payload["model"] = _model(payload, model)
    for choice in payload.get("choices", ()):
        message = choice.get("message", {})
        _flatten_reasoning(message)
        message.setdefault("content", None)
    return orjson.dumps(payload)


@dataclass(slots=True)
class EventWriter:
    """Writes one streamed answer. `[DONE]` only after every choice has got its finish reason from the library."""

    model: str
    answer_id: str
    wants_usage: bool
    _created: int | None = None
    _usage: Any = None
    _open: set[int] = field(default_factory=set)
    _finished: set[int] = field(default_factory=set)

    def event(self, chunk: Any) -> bytes:
        """Usage is kept for the end: some providers repeat it, growing, in every chunk."""
        payload = chunk.model_dump(mode="json", exclude_none=True)
        self._usage = payload.pop("usage", None) or self._usage
        if self._created is None:
            self._created = payload.get("created", 0)
        choices = payload.get("choices")
        if not choices:
            return b""
        for choice in choices:
            self._note(choice)
        return _event({**payload, **self._head(payload)})

    def end(self) -> bytes:
        """What follows the last chunk."""
        out = b""
        if self.wants_usage and self._usage is not None:
            out = _event({**self._head({}), "choices": [], "usage": self._usage})
        return out + b"data: [DONE]\n\n" if self._finished and not self._open else out

    def _note(self, choice: dict[str, Any]) -> None:
        index, delta = choice.get("index", 0), choice.setdefault("delta", {})
        if index in self._open or index in self._finished:
            delta.pop("role", None)
        if choice.setdefault("finish_reason", None):
            self._finished.add(index)
            self._open.discard(index)
        elif index not in self._finished:
            self._open.add(index)
        _flatten_reasoning(delta)
        for call in delta.get("tool_calls", ()):
            _drop_empty(call, "id")
            _drop_empty(call.get("function", {}), "name")

    def _head(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": self.answer_id,
            "object": "chat.completion.chunk",
            "created": self._created or 0,
            "model": _model(payload, self.model),
        }


def _is_usual(name: str, value: Any) -> bool:
    return name in _USUAL and value == _USUAL[name]


def _model(payload: Mapping[str, Any], model: str) -> str:
    """The library says "None" where the provider has said nothing."""
    named = payload.get("model")
    return named if isinstance(named, str) and named not in {"", "None"} else model


def _flatten_reasoning(message: dict[str, Any]) -> None:
    """The library's object, as the text that clients read."""
    reasoning = message.pop("reasoning", None)
    if isinstance(reasoning, dict) and reasoning.get("content"):
        message["reasoning_content"] = reasoning["content"]


def _drop_empty(fields: dict[str, Any], name: str) -> None:
    """A later part of a tool call repeats neither its id nor its name; an empty one would overwrite it."""
    if not fields.get(name):
        fields.pop(name, None)


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"
