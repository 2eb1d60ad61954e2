"""Server-sent events: cut a byte stream into events, and watch an answer go by."""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.answers import error_evidence, usage_of

_EVENT_END: Final = re.compile(rb"\r?\n\r?\n")
_EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
_DONE: Final = b"[DONE]"


class EventSplitter:
    """Cuts a stream into events, each with its closing blank line, however the stream was chunked."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """What came after the last complete event."""
        return self._rest

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        data, start = self._rest + chunk, 0
        # An end may straddle the seam: search from three bytes before it.
        for match in _EVENT_END.finditer(data, max(0, len(self._rest) - 3)):
            yield data[start : match.end()]
            start = match.end()
        self._rest = data[start:]


def data_of(event: bytes) -> bytes:
    """The event's data lines joined; empty for comments."""
    if event.startswith(b"data:") and event.count(b"\n") == 2:
        return event[5:].strip()
    lines = (line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
    return b"\n".join(lines)


class StreamWatch:
    """Reads a streamed answer as it passes: first content, end, usage, faults.

    `feed` returns the bytes to forward. After a fault nothing more is to be fed.
    """

    def __init__(self, *, status: int, content_type: str, strip_usage: bool) -> None:
        self.has_content = False
        self.done = False
        self.fault: FailureEvidence | None = None
        self.events = 0
        self._usage: Usage | None = None
        self._content_events = 0
        self._unfinished: set[int] = set()
        self._finished: set[int] = set()
        self._splitter = EventSplitter()
        self._status = status
        self._content_type = content_type
        self._strip_usage = strip_usage

    @property
    def finished(self) -> bool:
        """Every choice that has begun has its finish reason."""
        return bool(self._finished) and not self._unfinished

    @property
    def complete(self) -> bool:
        return self.fault is None and (self.finished or (self.done and self.has_content))

    @property
    def usage(self) -> Usage:
        """As the channel reported it; without a report, one output token per event with content."""
        if self._usage is not None:
            return self._usage
        return Usage(output_tokens=self._content_events) if self._content_events else NO_USAGE

    def feed(self, chunk: bytes) -> bytes:
        kept = []
        for event in self._splitter.feed(chunk):
            if self._take(event):
                kept.append(event)
            if self.fault is not None:
                break
        if len(self._splitter.rest) > _EVENT_BYTES_MAX:
            self._malformed("an event without an end")
        return b"".join(kept)

    def end(self) -> bytes:
        """The stream has ended: what is left to forward. Sets `fault` if the answer is not complete.

        Never makes up an end: an answer without finish reason and without [DONE] was cut.
        """
        rest, kept = self._splitter.rest.strip() + b"\n\n", b""
        if not self.done and self.fault is None and _is_whole(rest) and self._take(rest):
            kept = rest
        if self.fault is None and not self.complete:
            code = "stream_interrupted" if self.has_content else "malformed_response"
            message = "the stream ended before the answer did" if self.has_content else "an empty stream"
            self.fault = self._evidence(code, message)
        return kept

    def _take(self, event: bytes) -> bool:
        """Note what the event says; False if it is not for the client."""
        self.events += 1
        data = data_of(event)
        if not data:
            return True
        if data == _DONE:
            self.done = True
            return True
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self._malformed("an event that is not JSON")
        if not isinstance(payload, dict):
            return self._malformed("an event that is not an object")
        if payload.get("error") or event.startswith(b"event: error"):
            phase = Phase.STREAM if self.has_content else Phase.FIRST_CHUNK
            self.fault = error_evidence(payload, self._status, self._content_type, phase)
            return False
        return self._note(payload)

    def _note(self, payload: dict[str, Any]) -> bool:
        usage, choices = payload.get("usage"), payload.get("choices")
        if usage:
            self._usage = usage_of(usage)
        if not choices:
            return not (usage and self._strip_usage)
        for choice in choices:
            if isinstance(choice, dict):
                self._note_choice(choice)
        return True

    def _note_choice(self, choice: dict[str, Any]) -> None:
        index = choice.get("index") or 0
        if choice.get("finish_reason"):
            self._finished.add(index)
            self._unfinished.discard(index)
            self.has_content = True
        elif index not in self._finished:
            self._unfinished.add(index)
        if _says_something(choice):
            self.has_content = True
            self._content_events += 1

    def _malformed(self, message: str) -> bool:
        self.fault = self._evidence("malformed_response", message)
        return False

    def _evidence(self, code: str, message: str) -> FailureEvidence:
        return FailureEvidence(
            phase=Phase.STREAM if self.has_content else Phase.FIRST_CHUNK,
            status=self._status,
            error_code=code,
            message=message,
            content_type=self._content_type,
        )


def _says_something(choice: dict[str, Any]) -> bool:
    """Whether the choice carries a part of the answer: text, a tool call, reasoning; not the bare role."""
    if choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for key, value in delta.items() if key != "role")


def _is_whole(event: bytes) -> bool:
    """Whether an event that lacks its closing blank line is otherwise complete."""
    data = data_of(event)
    if not data or data == _DONE:
        return data == _DONE
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True
