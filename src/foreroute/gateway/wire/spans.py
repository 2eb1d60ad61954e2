"""Where the top-level values of a JSON object lie in its text, so that one can be exchanged and no other byte.

For text that a parser has accepted; `skim` does the same for text that is too large for a parser.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

SPACE: Final = re.compile(rb"[ \t\r\n]*")
BACKSLASH: Final = ord("\\")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^,}\]\s]+")
_NESTING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}"]', re.DOTALL)
"""A lone quote opens a string that is cut off."""
_TEXT_MEMBER: Final = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
_DEEPER: Final = (b"{", b"[")
_NESTS: Final = frozenset({dict, list})
MEMBERS_MAX: Final = 1000
"""More top-level members than any request has, repeated ones counted."""
_MODEL: Final = b'"model"'
_MODELS_LETTERS: Final = rb"\u006"
"""How any of the letters of `model` begins when it is written as an escape: they are U+0061 to U+006F."""


class BadBody(ValueError):  # noqa: N818 - reads as what it is
    """The message goes on after "The request body"."""


class TooMany(BadBody):
    """The object has more members than MEMBERS_MAX."""

    def __init__(self) -> None:
        super().__init__(f"has more than {MEMBERS_MAX} members")


class NotJson(BadBody):
    """The text is no JSON object; the message says where."""

    def __init__(self, what: str) -> None:
        super().__init__(f"is not valid JSON: {what}")


class NoObject(NotJson):
    """It is JSON, but something else than an object."""

    def __init__(self) -> None:
        ValueError.__init__(self, "must be a JSON object")


@dataclass(frozen=True, slots=True)
class Span:
    """One top-level value. `key` is as written, quotes included."""

    key: bytes
    start: int
    end: int

    @property
    def name(self) -> str:
        """The key as it is meant, also when it is written with escapes. Raises NotJson for a broken one."""
        if BACKSLASH not in self.key:
            return self.key[1:-1].decode("utf-8", "replace")
        try:
            return str(orjson.loads(self.key))
        except orjson.JSONDecodeError as error:
            raise NotJson(f"a key that begins with {self.key[:20]!r} is broken: {error.msg}") from None


def spans_of(body: bytes) -> tuple[Span, ...]:
    """The values of a JSON object that is known to be valid, in order. Raises TooMany."""
    spans, at = list[Span](), _first(body)
    while (member := _member(body, at)) is not None:
        if len(spans) == MEMBERS_MAX:
            raise TooMany
        key, start = member
        end = _value_end(body, start)
        spans.append(Span(key, start, end))
        at = _next(body, end)
    return tuple(spans)


def head_of(body: bytes, names: Collection[str], size: int) -> bytes | None:
    """How the first of the named values begins; None if there is none. For a JSON object that is known to be valid."""
    at = _first(body)
    for _ in range(MEMBERS_MAX):
        if (member := _member(body, at)) is None:
            return None
        key, start = member
        if Span(key, start, start).name in names:
            head = body[start : start + size]
            return head[: _value_end(head, 0)]
        at = _next(body, _value_end(body, start))
    return None


def lone_model(body: bytes) -> tuple[int, int] | None:
    """Where the value of the only `model` in a valid object lies, which is known to have one at its top, and a string.

    None if the word stands there more than once, or may be written with escapes: then it takes a closer look. The
    quote behind `model` cannot be an escaped one, so it ends a string, and the colon makes that string a key.
    """
    at = body.find(_MODEL)
    if at < 0 or body[at - 1] == BACKSLASH or body.find(_MODEL, at + 1) >= 0 or _MODELS_LETTERS in body:
        return None
    member = _TEXT_MEMBER.match(body, at + len(_MODEL))
    return None if member is None else member.span(1)


def is_deeper(value: Any, depth_max: int) -> bool:
    """Whether lists and objects are nested in more levels than that, the outermost one counted. `value` is one of
    them, `depth_max` at least 1.
    """
    level = [value]
    for _ in range(depth_max - 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if inner and type(inner) in _NESTS
        ]
        if not level:
            return False
    return any(type(inner) in _NESTS for outer in level for inner in _inside(outer))


def without(body: bytes, spans: Sequence[Span], names: Collection[str]) -> tuple[bytes, tuple[Span, ...]]:
    """The object without some of its members, closed up, and where the others lie in it."""
    parts, kept, at = [b"{"], list[Span](), 1
    for span in spans:
        if span.name in names:
            continue
        head = (b"," if kept else b"") + span.key + b":"
        parts += [head, body[span.start : span.end]]
        start = at + len(head)
        at = start + span.end - span.start
        kept.append(Span(span.key, start, at))
    return b"".join([*parts, b"}"]), tuple(kept)


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


def _first(body: bytes) -> int:
    return _skip(body, body.index(b"{") + 1)


def _member(body: bytes, at: int) -> tuple[bytes, int] | None:
    """The key at this place, and where its value begins; None behind the last one."""
    key = _STRING.match(body, at)
    return None if key is None else (key[0], _skip(body, _skip(body, key.end()) + 1))


def _next(body: bytes, end: int) -> int:
    at = _skip(body, end)
    return _skip(body, at + 1) if body.startswith(b",", at) else at


def _value_end(body: bytes, start: int) -> int:
    """One past the value at `start`; the end of the text where that is cut off before."""
    first = body[start : start + 1]
    if first not in _DEEPER:
        match = (_STRING if first == b'"' else _SCALAR).match(body, start)
        return len(body) if match is None else match.end()
    level = 0
    for match in _NESTING.finditer(body, start):
        token = match.group()
        if token in _DEEPER:
            level += 1
        elif token in (b"}", b"]"):
            level -= 1
            if level == 0:
                return match.end()
        elif token == b'"':
            break
    return len(body)


def _skip(body: bytes, at: int) -> int:
    match = SPACE.match(body, at)
    return at if match is None else match.end()
