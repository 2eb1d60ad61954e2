"""Watches a streamed answer go by: first content, end, usage, faults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.wire.answers import error_evidence
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.readings import reading_of
from foreroute.gateway.wire.sse import EventSplitter, data_of

_EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
_DONE: Final = b"[DONE]"
_TYPED: Final = frozenset({Endpoint.RESPONSES, Endpoint.MESSAGES})
"""Their events say which one is the last."""


class StreamWatch:
    """`feed` returns the bytes to forward: whole events. After a fault nothing more is to be fed.

    `input_tokens` is an estimate, for streams that never say what they used.
    """

    def __init__(
        self, endpoint: Endpoint, *, status: int, content_type: str, strip_usage: bool, input_tokens: int = 0
    ) -> None:
        self.done = False
        self.fault: FailureEvidence | None = None
        self.events = 0
        self._reading = reading_of(endpoint)
        self._typed = endpoint in _TYPED
        self._splitter = EventSplitter()
        self._status = status
        self._content_type = content_type
        self._strip_usage = strip_usage
        self._input_tokens = input_tokens

    @property
    def has_content(self) -> bool:
        return self._reading.has_content

    @property
    def answer_id(self) -> str | None:
        return self._reading.answer_id

    @property
    def tier(self) -> str:
        """The service tier that answers, as far as the channel has said."""
        return self._reading.tier

    @property
    def over(self) -> bool:
        """Nothing more is to come. A chat may go on after its finish reason: with its usage, with [DONE]."""
        return self.done or (self._typed and self._reading.finished)

    @property
    def complete(self) -> bool:
        return self.fault is None and (self._reading.finished or (self.done and self.has_content))

    @property
    def usage(self) -> Usage:
        """As the channel reported it; without a report, the estimate and a token for each event with content."""
        reading = self._reading
        if reading.usage is not None and not self._runs_on(reading.usage):
            return reading.usage
        if not reading.content_events:
            return reading.usage or NO_USAGE
        early = reading.usage or Usage(input_tokens=self._input_tokens)
        return replace(early, output_tokens=max(early.output_tokens, reading.content_events))

    def _runs_on(self, usage: Usage) -> bool:
        """Whether more has come since the report: Anthropic's first one knows the input only."""
        return not self._reading.finished and usage.output_tokens < self._reading.content_events

    def feed(self, chunk: bytes) -> bytes:
        kept, splitter = [], self._splitter
        for event in splitter.feed(chunk):
            if self._take(event):
                kept.append(event)
            if self.fault is not None:
                break
        if len(splitter.rest) > _EVENT_BYTES_MAX:
            self._malformed("an event without an end")
        return kept[0] if len(kept) == 1 else b"".join(kept)

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
        if self._reading.fault(payload) or event.startswith(b"event: error"):
            phase = Phase.STREAM if self.has_content else Phase.FIRST_CHUNK
            self.fault = error_evidence(_error_in(payload), self._status, self._content_type, phase)
            return False
        only_usage = self._reading.note(payload)
        return not (only_usage and self._strip_usage)

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


def _error_in(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that holds the error: `response.failed` keeps it one level deeper."""
    response = payload.get("response")
    return response if isinstance(response, dict) and response.get("error") else payload


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
