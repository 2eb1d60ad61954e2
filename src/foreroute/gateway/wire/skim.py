"""Where the top-level values lie in text so large that reading it in one go would hold up everyone else.

Reads in steps, and checks the structure only. What a step costs is counted in units of about ten nanoseconds: what
a regular expression takes for a byte.
"""

import re
from collections.abc import Generator, Iterator
from typing import Final

import orjson

from foreroute.gateway.wire.spans import BACKSLASH, MEMBERS_MAX, SPACE, BadBody, NotJson, Span, TooMany

_TOKEN: Final = re.compile(rb'["\[\]{}]')
_SCALAR: Final = re.compile(rb"[^,}\]\s]+")
_CLOSES: Final = {ord("}"): ord("{"), ord("]"): ord("[")}
_QUOTE: Final = ord('"')
_PAUSE_UNITS: Final = 1 << 18
_TOKEN_UNITS: Final = 64
_BYTES_PER_UNIT: Final = 4
"""Of a string: it is read almost as fast as memory."""
_WINDOW_BYTES: Final = 1 << 16
_STRING_WINDOW_BYTES: Final = 1 << 20
_SHORT_BYTES: Final = 1 << 10
_KEY_BYTES_MAX: Final = 1024
_SCALAR_BYTES_MAX: Final = 1024

Steps = Generator[None, None, None]


def skim(body: bytes, *, depth_max: int) -> Iterator[Span | None]:
    """The top-level values in order, with a None after every few milliseconds of work. Raises BadBody."""
    return _Skimmer(body, depth_max).members()


class _Skimmer:
    """Reads forward from `at`. Each method stops short where it is time for a pause."""

    def __init__(self, body: bytes, depth_max: int) -> None:
        self._body = body
        self._depth_max = depth_max
        self._at = 0
        self._left = _PAUSE_UNITS

    def members(self) -> Iterator[Span | None]:
        yield from self._expect(b"{", "a JSON object")
        yield from self._space()
        count = 0
        while count or not self._is_at(b"}"):
            count += 1
            if count > MEMBERS_MAX:
                raise TooMany
            key_at = self._at
            yield from self._key()
            key = self._body[key_at : self._at]
            yield from self._expect(b":", "a colon")
            yield from self._space()
            start = self._at
            yield from self._value()
            yield Span(key, start, self._at)
            yield from self._space()
            if self._is_at(b"}"):
                break
            yield from self._expect(b",", "a comma or a closing brace")
            yield from self._space()
        self._at += 1
        yield from self._space()
        if self._at != len(self._body):
            raise NotJson(f"nothing expected after the object, at byte {self._at}")

    def _key(self) -> Steps:
        start = self._at
        if not self._is_at(b'"'):
            raise NotJson(f"a key in double quotes expected at byte {start}")
        yield from self._string()
        if self._at - start > _KEY_BYTES_MAX:
            raise BadBody(f"has a key longer than {_KEY_BYTES_MAX} bytes, at byte {start}")

    def _value(self) -> Steps:
        if self._is_at(b'"'):
            yield from self._string()
        elif self._is_at(b"{") or self._is_at(b"["):
            yield from self._nested()
        else:
            self._scalar()

    def _nested(self) -> Steps:
        body, start, opened = self._body, self._at, bytearray()
        while True:
            stop = self._at + _WINDOW_BYTES
            token = _TOKEN.search(body, self._at, stop)
            place = min(stop, len(body)) if token is None else token.start()
            self._left -= _TOKEN_UNITS + place - self._at
            self._at = place
            if token is not None:
                if (mark := body[place]) == _QUOTE:
                    if not self._short_string():
                        yield from self._string()
                elif self._bracket(mark, opened):
                    return
            elif place == len(body):
                raise NotJson(f"brackets that are opened at byte {start} are not closed")
            if self._left <= 0:
                self._left = _PAUSE_UNITS
                yield

    def _bracket(self, mark: int, opened: bytearray) -> bool:
        """Whether this one closes the outermost."""
        if mark not in _CLOSES:
            opened.append(mark)
            if len(opened) >= self._depth_max:
                raise BadBody(f"is nested deeper than the limit of {self._depth_max} levels")
        elif opened.pop() != _CLOSES[mark]:
            raise NotJson(f"the bracket at byte {self._at} closes another kind")
        self._at += 1
        return not opened

    def _short_string(self) -> bool:
        """Past the string at once if that is easy."""
        end = self._body.find(b'"', self._at + 1, self._at + _SHORT_BYTES)
        if end < 0 or self._body[end - 1] == BACKSLASH:
            return False
        self._at = end + 1
        return True

    def _string(self) -> Steps:
        body, start, odd = self._body, self._at, False
        self._at += 1
        while True:
            stop = self._at + _STRING_WINDOW_BYTES
            quote = body.find(b'"', self._at, stop)
            if quote < 0 and stop >= len(body):
                raise NotJson(f"the string that begins at byte {start} does not end")
            end = stop if quote < 0 else quote
            odd = _ends_escaping(body, self._at, end, odd)
            self._left -= _TOKEN_UNITS + (end - self._at) // _BYTES_PER_UNIT
            self._at = end
            if quote >= 0:
                self._at += 1
                if not odd:
                    return
                odd = False
            if self._left <= 0:
                self._left = _PAUSE_UNITS
                yield

    def _scalar(self) -> None:
        match = _SCALAR.match(self._body, self._at, self._at + _SCALAR_BYTES_MAX)
        try:
            if match is None:
                raise NotJson(f"a value expected at byte {self._at}")
            if match.end() - self._at == _SCALAR_BYTES_MAX:
                raise BadBody(f"has a number longer than {_SCALAR_BYTES_MAX} bytes, at byte {self._at}")
            orjson.loads(match.group())
        except orjson.JSONDecodeError:
            raise NotJson(f"a value expected at byte {self._at}") from None
        self._left -= _TOKEN_UNITS
        self._at = match.end()

    def _expect(self, wanted: bytes, what: str) -> Steps:
        yield from self._space()
        if not self._is_at(wanted):
            raise NotJson(f"{what} expected at byte {self._at}")
        self._at += 1

    def _space(self) -> Steps:
        while True:
            match = SPACE.match(self._body, self._at, self._at + _WINDOW_BYTES)
            end = self._at if match is None else match.end()
            size, self._at = end - self._at, end
            self._left -= _TOKEN_UNITS + size
            if self._left <= 0:
                self._left = _PAUSE_UNITS
                yield
            if size < _WINDOW_BYTES:
                return

    def _is_at(self, mark: bytes) -> bool:
        return self._body.startswith(mark, self._at)


def _ends_escaping(body: bytes, start: int, end: int, odd: bool) -> bool:
    """Whether the text from `start` to `end` ends in a backslash that escapes what follows."""
    if start == end:
        return odd
    if body[end - 1] != BACKSLASH:
        return False
    run = end - start - len(body[start:end].rstrip(b"\\"))
    return (run % 2 == 1) ^ (odd and run == end - start)
