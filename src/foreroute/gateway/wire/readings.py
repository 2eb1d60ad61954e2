"""How each wire format says content, end and usage, in a stream and in a whole answer."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.extras import extras_of
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.units import chat_usage, count, details, messages_usage, responses_usage, searched
from foreroute.gateway.wire.units import tier_of as _tier_of


class Reading(Protocol):
    """Reads the events of one streamed answer, as parsed objects, in order."""

    usage: Usage | None
    """As the channel reported it so far; None: not at all."""
    has_content: bool
    """A part of the answer has come: text, a tool call, reasoning, or an end without any."""
    content_events: int
    answer_id: str | None
    tier: str
    """The service tier that answers, as far as the channel says; empty: it does not."""

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
        self.tier = ""
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()

    @property
    def finished(self) -> bool:
        return bool(self._finished) and not self._unfinished

    def fault(self, payload: Mapping[str, Any]) -> bool:
        return bool(payload.get("error"))

    def note(self, payload: Mapping[str, Any]) -> bool:
        usage, choices = payload.get("usage"), payload.get("choices")
        if payload.get("service_tier"):
            self.tier = _tier_of(payload) or self.tier
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
        index = count(choice, "index")
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
        self.tier = ""
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
            self.tier = _tier_of(response) or self.tier
            if usage := details(response, "usage"):
                self.usage = searched(responses_usage(usage), response)
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
        self.tier = ""
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
        self.tier = _tier_of(payload) or self.tier
        late, early = messages_usage(payload), self.usage or NO_USAGE
        self.usage = Usage(
            input_tokens=late.input_tokens or early.input_tokens,
            cached_input_tokens=late.cached_input_tokens or early.cached_input_tokens,
            cache_write_tokens=late.cache_write_tokens or early.cache_write_tokens,
            output_tokens=late.output_tokens or early.output_tokens,
            reasoning_tokens=late.reasoning_tokens or early.reasoning_tokens,
            extras=extras_of(dict(early.extras) | dict(late.extras)),
        )


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


def _says_something(choice: Mapping[str, Any]) -> bool:
    """Whether the choice carries a part of the answer: text, a tool call, reasoning; not the bare role."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text"))
    said = delta.get("content") or choice.get("text")
    return bool(said) or any(delta[key] for key in delta if key != "role")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
