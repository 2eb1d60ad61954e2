"""A request as far as the gateway reads it: what routing and money need. The rest passes through by bytes."""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from foreroute.core.ids import RouteName
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.preferences import NO_PREFERENCES, OURS, Preferences, read_preferences
from foreroute.gateway.wire.spans import BadJson, Span, skim, spans_of, without

_WANT_USAGE: Final = b'"stream_options":{"include_usage":true}'
_USAGE_ON_DEMAND: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS})
_LARGE: Final = 256 * 1024
"""Larger bodies are skimmed instead of parsed: a parser would hold up everyone else."""
_READ: Final = (
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "previous_response_id",
    "provider",
    "models",
)
_OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_PROMPTS: Final = ("system", "instructions", "messages", "input", "prompt")
_PREFIX_BYTES: Final = 2048
_BYTES_PER_TOKEN: Final = 4
_IMAGE_TOKENS: Final = 1000
_INLINE_DATA: Final = b";base64,"
_FORM_MODEL: Final = re.compile(rb'name="model"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n')


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A request for a model. `path` follows the version in an upstream's address, query included."""

    endpoint: Endpoint
    path: str
    model: RouteName
    body_model: str | None = None
    """The model that the body itself names, if it does."""
    stream: bool = False
    wants_usage: bool = False
    """The client itself asked for the usage chunk of a stream."""
    method: str = "POST"
    content_type: str = "application/json"
    body: bytes = b""
    spans: Sequence[Span] = ()
    stream_options: Any = None
    input_tokens: int = 0
    """An estimate: a token for every four bytes, inline images a thousand each."""
    output_tokens_max: int | None = None
    """The most that the client lets every choice have."""
    choices: int = 1
    follows: str | None = None
    """An earlier answer or object that only one channel knows."""
    preferences: Preferences = field(default=NO_PREFERENCES)

    def for_channel(self, model: str) -> bytes:
        """The body for a channel: its own model name, and usage asked for on streams. No other byte changes."""
        edits: list[tuple[int, int, bytes]] = []
        if model != self.body_model and self.spans:
            edits += self._model_edits(model)
        if self.stream and not self.wants_usage and self.endpoint in _USAGE_ON_DEMAND:
            edits += self._usage_edits()
        return _edited(self.body, edits)

    def prefix(self) -> bytes | None:
        """A digest of how the prompt begins: equal for prompts that a provider's cache may have in common."""
        for span in self.spans:
            if any(span.names(name) for name in _PROMPTS):
                head = self.body[span.start : min(span.end, span.start + _PREFIX_BYTES)]
                return hashlib.blake2b(head, digest_size=16).digest()
        return None

    def _model_edits(self, model: str) -> list[tuple[int, int, bytes]]:
        value = model.encode() if self.content_type.startswith("multipart/") else orjson.dumps(model)
        found = [(span.start, span.end, value) for span in self.spans if span.names("model")]
        return found or [_inserted(self.body, b'"model":' + value)]

    def _usage_edits(self) -> list[tuple[int, int, bytes]]:
        spans = [span for span in self.spans if span.names("stream_options")]
        if spans:
            known = self.stream_options if isinstance(self.stream_options, dict) else {}
            value = orjson.dumps({**known, "include_usage": True})
            return [(span.start, span.end, value) for span in spans]
        return [_inserted(self.body, _WANT_USAGE)]


async def read_request(call: Call, body: bytes, *, depth_max: int) -> ModelRequest | ErrorAnswer:
    """The request, or what is wrong with it. Never holds the event loop for more than a few milliseconds."""
    if len(body) <= _LARGE:
        return read_small_request(call, body, depth_max=depth_max)
    spans = []
    try:
        for span in skim(body):
            if span is None:
                await asyncio.sleep(0)
            else:
                spans.append(span)
        fields = {name: orjson.loads(body[s.start : s.end]) for s in spans for name in _READ if s.names(name)}
    except BadJson as error:
        return _bad(f"The request body is not valid JSON: {error}.")
    except orjson.JSONDecodeError as error:
        return _bad(f"The request body is not valid JSON: {error.msg}.")
    return _request(call, body, fields, spans, depth_max)


def read_small_request(call: Call, body: bytes, *, depth_max: int) -> ModelRequest | ErrorAnswer:
    """The same at once, for a body that a parser is through with in no time."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno} (byte {error.pos})"
        return _bad(f"The request body is not valid JSON: {error.msg.split(':')[0]} at {place}.")
    if not isinstance(payload, dict):
        return _bad("The request body must be a JSON object.")
    return _request(call, body, payload, tuple(spans_of(body)), depth_max)


def read_opaque_request(
    call: Call, method: str, body: bytes, content_type: str, fallback: RouteName
) -> ModelRequest:
    """A request that is passed through without being understood. Its model, where it names one, is exchanged."""
    model, spans = call.model, tuple[Span, ...]()
    if content_type.startswith("multipart/") and (found := _FORM_MODEL.search(body)) is not None:
        model, spans = RouteName(found[1].decode("utf-8", "replace")), (_form_span(found),)
    elif content_type.startswith("application/json"):
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            payload = None
        if isinstance(payload, dict) and isinstance(payload.get("model"), str):
            model, spans = RouteName(payload["model"]), tuple(spans_of(body))
    return ModelRequest(
        endpoint=Endpoint.OPAQUE,
        path=call.path,
        method=method,
        model=fallback if model is None else model,
        body_model=model if spans else None,
        content_type=content_type,
        body=body,
        spans=spans,
        input_tokens=len(body) // _BYTES_PER_TOKEN
        if spans and not content_type.startswith("multipart/")
        else 0,
        follows=_object_in(call.path),
    )


def _request(
    call: Call, body: bytes, fields: Mapping[str, Any], spans: Sequence[Span], depth_max: int
) -> ModelRequest | ErrorAnswer:
    model = call.model or fields.get("model")
    if not isinstance(model, str) or not model:
        return _bad("You must provide a `model`, as a string.", param="model")
    stream = fields.get("stream", False)
    if stream is not None and not isinstance(stream, bool):
        return _bad("`stream` must be true or false.", param="stream")
    if spans and max(span.depth for span in spans) > depth_max:
        return _bad(f"The request body is nested deeper than the limit of {depth_max} levels.")
    preferences = read_preferences(fields)
    if isinstance(preferences, ErrorAnswer):
        return preferences
    if preferences is not NO_PREFERENCES:
        body, spans = without(body, spans, OURS)
    options, follows = fields.get("stream_options"), fields.get("previous_response_id")
    return ModelRequest(
        endpoint=call.endpoint,
        path=call.path,
        model=RouteName(model),
        body_model=fields.get("model"),
        stream=bool(stream) and call.endpoint not in _NEVER_STREAMED,
        wants_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        body=body,
        spans=spans,
        stream_options=options,
        input_tokens=_tokens_in(body),
        output_tokens_max=next((n for key in _OUTPUT_LIMITS if (n := _positive(fields.get(key)))), None),
        choices=_positive(fields.get("n")) or 1,
        follows=follows if isinstance(follows, str) else None,
        preferences=preferences,
    )


_NEVER_STREAMED: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS})


def _tokens_in(body: bytes) -> int:
    size, images, at = len(body), 0, 0
    while (at := body.find(_INLINE_DATA, at)) >= 0:
        end = body.find(b'"', at)
        images, size = images + 1, size - (max(end, at) - at)
        at = max(end, at + 1)
    return size // _BYTES_PER_TOKEN + images * _IMAGE_TOKENS


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _form_span(found: re.Match[bytes]) -> Span:
    return Span(b'"model"', found.start(1), found.end(1), 1)


def _object_in(path: str) -> str | None:
    """The id in `/files/{id}/content` and its like."""
    parts = path.split("/")
    return parts[2] if len(parts) > 2 else None


def _bad(message: str, *, param: str | None = None) -> ErrorAnswer:
    return ErrorAnswer(status=400, message=message, param=param)


def _inserted(body: bytes, member: bytes) -> tuple[int, int, bytes]:
    """An edit that puts a member first into the object."""
    brace = body.index(b"{") + 1
    return brace, brace, member + b","


def _edited(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    if not edits:
        return body
    parts, at = [], 0
    for start, end, value in sorted(edits):
        parts += [body[at:start], value]
        at = end
    return b"".join([*parts, body[at:]])
