"""Server-sent events: cut a byte stream into events."""

import re
from typing import Final

_EVENT_END: Final = re.compile(rb"\r?\n\r?\n")


class EventSplitter:
    """Cuts a stream into events, each with its closing blank line, however the stream was chunked."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """What came after the last complete event."""
        return self._rest

    def feed(self, chunk: bytes) -> list[bytes]:
        if not self._rest and b"\r" not in chunk:
            *events, self._rest = chunk.split(b"\n\n")  # the usual case, and much the fastest way
            return [event + b"\n\n" for event in events]
        data, start, events = self._rest + chunk, 0, []
        # An end may straddle the seam: search from three bytes before it.
        for match in _EVENT_END.finditer(data, max(0, len(self._rest) - 3)):
            events.append(data[start : match.end()])
            start = match.end()
        self._rest = data[start:]
        return events


def data_of(event: bytes) -> bytes:
    """The event's data lines joined; empty for comments."""
    lines = event.count(b"\n")
    if lines == 2 and event.startswith(b"data:"):
        return event[5:].strip()
    if lines == 3 and event.startswith(b"event:") and (at := event.find(b"\ndata:")) > 0:
        return event[at + 6 :].strip()
    return b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
