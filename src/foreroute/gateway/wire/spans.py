"""Where the top-level values of a JSON object lie in its text, so that one can be exchanged and no other byte.

Two ways to the same result: `spans_of` for text that a parser has accepted, and `skim` for text so large that
parsing it in one go would hold up everyone else; `skim` checks the structure only.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^,}\]\s]+")
_NESTING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_TOKEN: Final = re.compile(rb'["\[\]{}]')
_DEEPER: Final = (b"{", b"[")
_BREATH_TOKENS: Final = 4096
_BREATH_BYTES: Final = 1 << 20


class BadJson(ValueError):  # noqa: N818 - reads as what it is
    """The text is no JSON object; the message says where."""


@dataclass(frozen=True, slots=True)
class Span:
    """One top-level value. `key` is as written, quotes included; `depth` counts the object around it."""

    key: bytes
    start: int
    end: int
    depth: int

    def names(self, name: str) -> bool:
        """Whether the key is this name, also when it is written with escapes."""
        return self.key == b'"%b"' % name.encode() or (b"\\" in self.key and orjson.loads(self.key) == name)


def spans_of(body: bytes) -> Iterator[Span]:
    """The values of a JSON object that is known to be valid, in order."""
    at = _skip(body, body.index(b"{") + 1)
    while body[at : at + 1] == b'"':
        key = _STRING.match(body, at)
        assert key is not None  # noqa: S101 - the parser has accepted the body
        start = _skip(body, _skip(body, key.end()) + 1)
        end, depth = _value_end(body, start)
        yield Span(key.group(), start, end, depth)
        at = _skip(body, end)
        if body[at : at + 1] == b",":
            at = _skip(body, at + 1)


def skim(body: bytes) -> Iterator[Span | None]:
    """The same for text of any kind, with a None after each millisecond or so of work. Raises BadJson."""
    at = _expect(body, 0, b"{", "a JSON object")
    at = _skip(body, at)
    if body[at : at + 1] == b"}":
        return _expect_end(body, at + 1)
    while True:
        if body[at : at + 1] != b'"':
            raise BadJson(f"a key in double quotes expected at byte {at}")
        key_end = _string_end(body, at)
        start = _skip(body, _expect(body, key_end, b":", "a colon"))
        value = _Value(start)
        while value.end is None:
            value.read(body)
            yield None
        yield Span(body[at:key_end], start, value.end, value.depth)
        at = _skip(body, value.end)
        if body[at : at + 1] == b"}":
            return _expect_end(body, at + 1)
        at = _skip(body, _expect(body, at, b",", "a comma or a closing brace"))


def without(body: bytes, spans: Sequence[Span], names: Collection[str]) -> tuple[bytes, tuple[Span, ...]]:
    """The object without some of its members, closed up, and where the others lie in it."""
    parts, kept, at = [b"{"], list[Span](), 1
    for span in spans:
        if any(span.names(name) for name in names):
            continue
        head = (b"," if kept else b"") + span.key + b":"
        parts += [head, body[span.start : span.end]]
        start = at + len(head)
        at = start + span.end - span.start
        kept.append(Span(span.key, start, at, span.depth))
    return b"".join([*parts, b"}"]), tuple(kept)


class _Value:
    """The value at `start`, read in portions."""

    def __init__(self, start: int) -> None:
        self.end: int | None = None
        self.depth = 1
        self._start = self._at = start
        self._open: list[bytes] = []

    def read(self, body: bytes) -> None:
        first = body[self._start : self._start + 1]
        if first == b'"':
            self.end = _string_end(body, self._start)
        elif first in _DEEPER:
            self._read_nested(body)
        else:
            self.end = _scalar_end(body, self._start)

    def _read_nested(self, body: bytes) -> None:
        since = self._at
        for _ in range(_BREATH_TOKENS):
            token = _TOKEN.search(body, self._at)
            if token is None:
                raise BadJson(f"brackets that are opened at byte {self._start} are not closed")
            self._at = token.end()
            match token.group():
                case b'"':
                    self._at = _string_end(body, token.start())
                case b"{" | b"[" as bracket:
                    self._open.append(bracket)
                    self.depth = max(self.depth, len(self._open) + 1)
                case bracket:
                    self._close(bracket, token.start())
            if not self._open:
                self.end = self._at
                return
            if self._at - since > _BREATH_BYTES:
                return

    def _close(self, bracket: bytes, at: int) -> None:
        if self._open.pop() != (b"{" if bracket == b"}" else b"["):
            raise BadJson(f"the bracket at byte {at} closes another kind")


def _scalar_end(body: bytes, start: int) -> int:
    match = _SCALAR.match(body, start)
    try:
        if match is None:
            raise BadJson(f"a value expected at byte {start}")
        orjson.loads(match.group())
    except orjson.JSONDecodeError:
        raise BadJson(f"a value expected at byte {start}") from None
    return match.end()


def _string_end(body: bytes, start: int) -> int:
    """One past the closing quote. `find` is as fast as memory, whatever the string's length."""
    at = start + 1
    while True:
        quote = body.find(b'"', at)
        if quote < 0:
            raise BadJson(f"the string that begins at byte {start} does not end")
        before = quote
        while body[before - 1 : before] == b"\\":
            before -= 1
        if (quote - before) % 2 == 0:
            return quote + 1
        at = quote + 1


def _expect(body: bytes, at: int, wanted: bytes, what: str) -> int:
    at = _skip(body, at)
    if body[at : at + 1] != wanted:
        raise BadJson(f"{what} expected at byte {at}")
    return at + 1


def _expect_end(body: bytes, at: int) -> None:
    if (rest := _skip(body, at)) != len(body):
        raise BadJson(f"nothing expected after the object, at byte {rest}")


def _value_end(body: bytes, start: int) -> tuple[int, int]:
    """(end, depth) of the value at `start`."""
    first = body[start : start + 1]
    if first not in _DEEPER:
        match = (_STRING if first == b'"' else _SCALAR).match(body, start)
        assert match is not None  # noqa: S101 - the parser has accepted the body
        return match.end(), 1
    level = deepest = 0
    for match in _NESTING.finditer(body, start):
        token = match.group()
        if token in _DEEPER:
            level += 1
            deepest = max(deepest, level)
        elif token in (b"}", b"]"):
            level -= 1
            if level == 0:
                return match.end(), deepest + 1
    raise AssertionError("unbalanced brackets in a body that the parser has accepted")


def _skip(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return at if match is None else match.end()
