"""How each wire format says content, end and usage, in a stream and in a whole answer."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.gateway.wire.paths import Endpoint


class Reading(Protocol):
    """Reads the events of one streamed answer, as parsed objects, in order."""

    usage: Usage | None
    """As the channel reported it so far; None: not at all."""
    has_content: bool
    """A part of the answer has come: text, a tool call, reasoning, or an end without any."""
    content_events: int
    answer_id: str | None

    def note(self, payload: Mapping[str, Any]) -> bool:
        """Takes an event in; True if all that it carries is the usage report."""
        ...

    def fault(self, payload: Mapping[str, Any]) -> bool:
        """Whether the event says that the answer failed."""
        ...

    @property
    def finished(self) -> bool:
        """The answer has said that it is complete."""
        ...


class ChatReading:
    """Chat and text completions. Every choice that has begun needs its finish reason."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.has_content = False
        self.content_events = 0
        self.answer_id: str | None = None
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()

    @property
    def finished(self) -> bool:
        return bool(self._finished) and not self._unfinished

    def fault(self, payload: Mapping[str, Any]) -> bool:
        return bool(payload.get("error"))

    def note(self, payload: Mapping[str, Any]) -> bool:
        usage, choices = payload.get("usage"), payload.get("choices")
        if usage and isinstance(usage, dict):
            self.usage = chat_usage(usage)
        if not choices:
            return bool(usage)
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._note_choice(choice)
        return False

    def _note_choice(self, choice: dict[str, Any]) -> None:
        index = _count(choice, "index")
        if choice.get("finish_reason"):
            self._finished.add(index)
            self._unfinished.discard(index)
            self.has_content = True
        elif index not in self._finished:
            self._unfinished.add(index)
        if _says_something(choice):
            self.has_content = True
            self.content_events += 1


class ResponsesReading:
    """OpenAI's Responses: typed events up to `response.completed` or `response.incomplete`."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.has_content = False
        self.content_events = 0
        self.answer_id: str | None = None
        self._ended = False

    @property
    def finished(self) -> bool:
        """A response that is complete and has nothing in it is none."""
        return self._ended and self.has_content

    def fault(self, payload: Mapping[str, Any]) -> bool:
        return _text(payload.get("type")) in _RESPONSES_FAULTS or bool(payload.get("error"))

    def note(self, payload: Mapping[str, Any]) -> bool:
        kind, response = _text(payload.get("type")), payload.get("response")
        if payload.get("delta"):
            self.has_content = True
            self.content_events += 1
        if isinstance(response, dict):
            self.answer_id = _text(response.get("id")) or self.answer_id
            if usage := _details(response, "usage"):
                self.usage = responses_usage(usage)
        if kind in _RESPONSES_ENDS:
            self._ended = True
            self.has_content |= kind != "response.completed" or bool(
                isinstance(response, dict) and response.get("output")
            )
        return False


class MessagesReading:
    """Anthropic's Messages: `message_stop` ends, `message_delta` carries stop reason and final usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.has_content = False
        self.content_events = 0
        self.answer_id: str | None = None
        self._stop_reason = False
        self._stopped = False

    @property
    def finished(self) -> bool:
        return self._stopped and self._stop_reason

    def fault(self, payload: Mapping[str, Any]) -> bool:
        return payload.get("type") == "error" or bool(payload.get("error"))

    def note(self, payload: Mapping[str, Any]) -> bool:
        match payload.get("type"):
            case "message_start":
                message = payload.get("message")
                self._add_usage(message.get("usage") if isinstance(message, dict) else None)
            case "content_block_start":
                block = payload.get("content_block")
                self.has_content |= isinstance(block, dict) and block.get("type") != "text"
            case "content_block_delta":
                self.has_content = True
                self.content_events += 1
            case "message_delta":
                self._add_usage(payload.get("usage"))
                delta = payload.get("delta")
                if isinstance(delta, dict) and delta.get("stop_reason"):
                    self._stop_reason = self.has_content = True
            case "message_stop":
                self._stopped = True
        return False

    def _add_usage(self, payload: Any) -> None:
        """Later reports are totals, and may leave out what has not changed."""
        if not isinstance(payload, dict):
            return
        late, early = messages_usage(payload), self.usage or NO_USAGE
        self.usage = Usage(
            input_tokens=late.input_tokens or early.input_tokens,
            cached_input_tokens=late.cached_input_tokens or early.cached_input_tokens,
            cache_write_tokens=late.cache_write_tokens or early.cache_write_tokens,
            output_tokens=late.output_tokens or early.output_tokens,
            reasoning_tokens=late.reasoning_tokens or early.reasoning_tokens,
        )


_COUNT_MAX: Final = 10**12
"""An answer that reports more tokens reports nothing; they would not fit into a store either."""
_RESPONSES_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_RESPONSES_FAULTS: Final = frozenset({"response.failed", "error"})


def reading_of(endpoint: Endpoint) -> Reading:
    match endpoint:
        case Endpoint.RESPONSES:
            return ResponsesReading()
        case Endpoint.MESSAGES:
            return MessagesReading()
        case _:
            return ChatReading()


def usage_of(endpoint: Endpoint, payload: Any) -> Usage:
    """A usage report in the words of the endpoint, in disjoint buckets; odd reports are no report."""
    if not isinstance(payload, dict):
        return NO_USAGE
    match endpoint:
        case Endpoint.MESSAGES:
            return messages_usage(payload)
        case Endpoint.RESPONSES:
            return responses_usage(payload)
        case Endpoint.OPAQUE:
            return responses_usage(payload) if "input_tokens" in payload else chat_usage(payload)
        case _:
            return chat_usage(payload)


def chat_usage(payload: Any) -> Usage:
    """OpenAI counts cached and cache-written tokens inside the prompt's."""
    return _inclusive(payload, "prompt_tokens", "completion_tokens")


def responses_usage(payload: Any) -> Usage:
    """As chat, under other names."""
    return _inclusive(payload, "input_tokens", "output_tokens")


def messages_usage(payload: Mapping[str, Any]) -> Usage:
    """Anthropic counts cached and cache-written tokens beside the input's."""
    return Usage(
        input_tokens=_count(payload, "input_tokens"),
        cached_input_tokens=_count(payload, "cache_read_input_tokens"),
        cache_write_tokens=_count(payload, "cache_creation_input_tokens"),
        output_tokens=_count(payload, "output_tokens"),
        reasoning_tokens=_count(_details(payload, "output_tokens_details"), "thinking_tokens"),
    )


def _inclusive(payload: Any, input_key: str, output_key: str) -> Usage:
    if not isinstance(payload, dict):
        return NO_USAGE
    details = _details(payload, f"{input_key}_details")
    cached = _count(details, "cached_tokens") or _count(payload, "prompt_cache_hit_tokens")
    written, told = _count(details, "cache_write_tokens"), _count(payload, input_key)
    # More from the cache than in the prompt: this provider counts them beside it, as Anthropic does.
    fresh = told if cached + written > told else told - cached - written
    output, thought = (
        _count(payload, output_key),
        _count(_details(payload, f"{output_key}_details"), "reasoning_tokens"),
    )
    # Gemini and xAI count reasoning in the total alone, and bill it as output.
    beside = max(0, _count(payload, "total_tokens") - told - output)
    if cached + written > told:
        beside = 0
    return Usage(
        input_tokens=fresh,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output + beside,
        reasoning_tokens=min(max(thought, beside), output + beside),
    )


def _says_something(choice: Mapping[str, Any]) -> bool:
    """Whether the choice carries a part of the answer: text, a tool call, reasoning; not the bare role."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text"))
    said = delta.get("content") or choice.get("text")
    return bool(said) or any(delta[key] for key in delta if key != "role")


def _count(payload: Mapping[str, Any], key: str) -> int:
    value = payload.get(key)
    return value if type(value) is int and 0 < value <= _COUNT_MAX else 0


def _details(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
