"""The OpenAI wire format, request side: look at what routing needs, pass the rest through by bytes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from foreroute.core.ids import RouteName
from foreroute.gateway.errors import ErrorAnswer


class Endpoint(StrEnum):
    """What is served; the value is the path after the version."""

    CHAT = "/chat/completions"
    COMPLETIONS = "/completions"
    EMBEDDINGS = "/embeddings"


_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^,}\]\s]+")
_NESTING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_DEEPER: Final = (b"{", b"[")
_WANT_USAGE: Final = b'"stream_options":{"include_usage":true}'


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a top-level value lies in the body."""

    key: bytes
    start: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A request for a model, as far as the gateway reads it."""

    endpoint: Endpoint
    model: RouteName
    stream: bool
    wants_usage: bool
    """The client itself asked for the usage chunk of a stream."""
    body: bytes
    spans: tuple[_Span, ...]
    stream_options: Any = None

    def for_channel(self, model: str) -> bytes:
        """The body for a channel: its own model name, and usage asked for on streams. No other byte changes."""
        edits: list[tuple[int, int, bytes]] = []
        if model != self.model:
            value = orjson.dumps(model)
            edits += [(span.start, span.end, value) for span in self.spans if _names(span, "model")]
        if self.stream and not self.wants_usage and self.endpoint is not Endpoint.EMBEDDINGS:
            edits += self._usage_edits()
        return _edited(self.body, edits)

    def _usage_edits(self) -> list[tuple[int, int, bytes]]:
        spans = [span for span in self.spans if _names(span, "stream_options")]
        if spans:
            known = self.stream_options if isinstance(self.stream_options, dict) else {}
            value = orjson.dumps({**known, "include_usage": True})
            return [(span.start, span.end, value) for span in spans]
        brace = self.body.index(b"{") + 1
        return [(brace, brace, _WANT_USAGE + b",")]


def read_request(endpoint: Endpoint, body: bytes, *, depth_max: int) -> ModelRequest | ErrorAnswer:
    """The request, or what is wrong with it. Reads `model`, `stream` and `stream_options`; keeps the rest."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno} (byte {error.pos})"
        return _bad(f"The request body is not valid JSON: {error.msg.split(':')[0]} at {place}.")
    if not isinstance(payload, dict):
        return _bad("The request body must be a JSON object.")
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        return _bad("You must provide a `model`, as a string.", param="model")
    stream = payload.get("stream", False)
    if stream is not None and not isinstance(stream, bool):
        return _bad("`stream` must be true or false.", param="stream")
    spans = tuple(_top_level(body))
    if max(span.depth for span in spans) > depth_max:
        return _bad(f"The request body is nested deeper than the limit of {depth_max} levels.")
    options = payload.get("stream_options")
    return ModelRequest(
        endpoint=endpoint,
        model=RouteName(model),
        stream=bool(stream),
        wants_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        body=body,
        spans=spans,
        stream_options=options,
    )


def _bad(message: str, *, param: str | None = None) -> ErrorAnswer:
    return ErrorAnswer(status=400, message=message, param=param)


def _names(span: _Span, name: str) -> bool:
    """Whether the span's key is this name, also when it is written with escapes."""
    return span.key == b'"%b"' % name.encode() or (b"\\" in span.key and orjson.loads(span.key) == name)


def _top_level(body: bytes) -> Iterator[_Span]:
    """The values of a JSON object that is known to be valid, each with its key as written."""
    at = _skip(body, body.index(b"{") + 1)
    while body[at : at + 1] == b'"':
        key = _STRING.match(body, at)
        assert key is not None  # noqa: S101 - the parser has accepted the body
        start = _skip(body, _skip(body, key.end()) + 1)
        end, depth = _value_end(body, start)
        yield _Span(key.group(), start, end, depth)
        at = _skip(body, end)
        if body[at : at + 1] == b",":
            at = _skip(body, at + 1)


def _value_end(body: bytes, start: int) -> tuple[int, int]:
    """(end, depth) of the value at `start`; depth counts the object around it."""
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


def _edited(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    if not edits:
        return body
    parts, at = [], 0
    for start, end, value in sorted(edits):
        parts += [body[at:start], value]
        at = end
    return b"".join([*parts, body[at:]])
