"""Server-sent events: cut a byte stream into events."""

import re
from collections.abc import Iterator
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
