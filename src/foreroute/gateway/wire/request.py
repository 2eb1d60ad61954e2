"""A request as far as the gateway reads it: what routing and money need. The rest passes through by bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.ids import RouteName
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.estimate import BYTES_PER_TOKEN, tokens_in, tokens_in_steps
from foreroute.gateway.wire.forms import read_form
from foreroute.gateway.wire.layout import UNREAD, JsonLayout, Layout, edited, written_anew
from foreroute.gateway.wire.members import LARGE_BYTES, in_turns, parse_members, read_members
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.preferences import NO_PREFERENCES, OURS, Preferences, read_preferences
from foreroute.gateway.wire.spans import BadBody, NotJson, TooMany, spans_of, without
from foreroute.gateway.wire.units import tier_named

_USAGE_ON_DEMAND: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS})
_NEVER_STREAMED: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS})
_OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_OBJECT: Final = re.compile(rb"[ \t\r\n]*\{")
_TOKENS_MAX: Final = 10**9
_TOOLS: Final = b'"tools"'
_LOOK_BYTES: Final = 64 * 1024
_READ: Final = frozenset(
    {"model", "stream", "stream_options", "n", "previous_response_id", "service_tier", *_OUTPUT_LIMITS, *OURS}
)
_WHO: Final = frozenset({"user", "safety_identifier", "metadata"})
"""Members that may say whom the request is for: read where they are small, and never refused."""
_REFERENCES: Final = ("input_file_id", "file_id", "training_file")
"""Members of bodies that are passed through, by which they refer to a file."""
_READ_OPAQUE: Final = frozenset({"model", *_REFERENCES})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A request for a model. `path` follows the version in an upstream's address, query included."""

    endpoint: Endpoint
    path: str
    model: RouteName
    path_model: bool = False
    """The path names the model."""
    body_model: str | None = None
    """The model that the body itself names, if it does."""
    stream: bool = False
    wants_usage: bool = False
    """The client itself asked for the usage chunk of a stream."""
    method: str = "POST"
    content_type: str = "application/json"
    body: bytes = b""
    layout: Layout | None = None
    """How the body is changed; None: not at all."""
    stream_options: Any = None
    has_stream_options: bool = False
    """The body has the member, be it null."""
    input_tokens: int = 0
    """An estimate: a token for every four bytes, inline images a thousand each."""
    output_tokens_max: int | None = None
    """The most that the client lets every choice have."""
    tools: bool = False
    """Its beginning or its end speaks of tools."""
    choices: int = 1
    follows: str | None = None
    """An earlier answer or object that only one channel knows."""
    preferences: Preferences = field(default=NO_PREFERENCES)
    user: str | None = None
    """Whom the client says that it asks for, in its own words."""
    tier: str = ""
    """The service tier that it asks for; empty: none, or a name that is none."""

    @property
    def names_no_model(self) -> bool:
        """Neither the body nor the path does: it is about files, batches and their like."""
        return self.body_model is None and not self.path_model

    def names(self, member: str) -> bool:
        """Whether the body's beginning or end speaks of a member of that name, at little cost."""
        wanted = b'"%s"' % member.encode()
        return self.body.find(wanted, 0, _LOOK_BYTES) >= 0 or self.body.find(wanted, -_LOOK_BYTES) >= 0

    def for_channel(self, model: str) -> bytes:
        """The body for a channel: its own model name, and usage asked for on streams. No other byte changes, but
        in bodies with thousands of repeated members, which no client sends.
        """
        layout, body = self.layout, self.body
        renamed = layout is not None and model != self.body_model
        asked = self.stream and not self.wants_usage and self.endpoint in _USAGE_ON_DEMAND
        if layout is None or not (renamed or asked):
            return body
        options = self.stream_options if isinstance(self.stream_options, dict) else {}
        wish = {**options, "include_usage": True}
        try:
            edits = layout.model_edits(body, model, self.body_model) if renamed else []
            if asked and isinstance(layout, JsonLayout):
                edits += layout.usage_edits(body, wish, present=self.has_stream_options)
        except TooMany:
            return written_anew(body, {"model": model, **({"stream_options": wish} if asked else {})})
        return edited(body, edits)

    def prefix(self) -> bytes | None:
        """A digest of how the prompt begins: equal for prompts that a provider's cache may have in common."""
        return self.layout.prefix(self.body) if isinstance(self.layout, JsonLayout) else None


async def read_request(call: Call, body: bytes, *, depth_max: int) -> ModelRequest | ErrorAnswer:
    """The request, or what is wrong with it. Never holds the event loop for more than a few milliseconds."""
    if len(body) <= LARGE_BYTES:
        return read_small_request(call, body, depth_max=depth_max)
    try:
        fields, layout = await read_members(body, _READ, depth_max=depth_max, also=_WHO)
    except BadBody as error:
        return _bad_body(error)
    return _request(call, body, fields, layout, await in_turns(tokens_in_steps(body)))


def read_small_request(call: Call, body: bytes, *, depth_max: int) -> ModelRequest | ErrorAnswer:
    """The same at once, for a body that a parser is through with in no time."""
    try:
        fields = parse_members(body, _READ, depth_max=depth_max)
    except BadBody as error:
        return _bad_body(error)
    return _request(call, body, fields, UNREAD, tokens_in(body))


async def read_opaque_request(
    call: Call, method: str, body: bytes, content_type: str, fallback: RouteName, *, depth_max: int
) -> ModelRequest | ErrorAnswer:
    """A request that is passed through without being understood. Its model, where it or the path names one, is
    exchanged; a body that names none goes to `fallback`. JSON that cannot be read is refused: a more lenient reader
    behind us might find a model in it that the caller may not use.
    """
    fields: Mapping[str, Any] = {}
    layout: Layout | None = None
    media_type = content_type.lower()
    try:
        if media_type.startswith("multipart/"):
            if (form := await in_turns(read_form(body, content_type))) is not None:
                fields, layout = {"model": form.model}, form.layout
        elif media_type.startswith("application/json") or _OBJECT.match(body):  # whatever it is called
            fields, layout = await read_members(body, _READ_OPAQUE, depth_max=depth_max)
    except BadBody as error:
        if body or not isinstance(error, NotJson):
            return _bad_body(error)
    if fields.get("model") is not None and not isinstance(fields["model"], str):
        return _bad("`model` must be a string.", param="model")
    named = _text(fields.get("model"))
    model = call.model or named
    reference = next((name for key in _REFERENCES if (name := _text(fields.get(key)))), None)
    return ModelRequest(
        endpoint=Endpoint.OPAQUE,
        path=call.path,
        path_model=call.model is not None,
        method=method,
        model=fallback if model is None else RouteName(model),
        body_model=named,
        content_type=content_type,
        body=body,
        layout=None if model is None else layout,
        input_tokens=len(body) // BYTES_PER_TOKEN if model and isinstance(layout, JsonLayout) else 0,
        follows=reference or _object_in(call.path),
    )


def _request(
    call: Call, body: bytes, fields: Mapping[str, Any], layout: JsonLayout, input_tokens: int
) -> ModelRequest | ErrorAnswer:
    named = fields.get("model")
    model = call.model or named
    if not isinstance(model, str) or not model:
        return _bad("You must provide a `model`, as a string.", param="model")
    stream = fields.get("stream", False)
    if stream is not None and not isinstance(stream, bool):
        return _bad("`stream` must be true or false.", param="stream")
    preferences = read_preferences(fields)
    if isinstance(preferences, ErrorAnswer):
        return preferences
    if preferences is not NO_PREFERENCES:
        try:
            body, spans = without(body, spans_of(body) if layout.spans is None else layout.spans, OURS)
        except TooMany as error:
            return _bad_body(error)
        layout = JsonLayout(spans)
    options = fields.get("stream_options")
    return ModelRequest(
        endpoint=call.endpoint,
        path=call.path,
        model=RouteName(model),
        body_model=named if isinstance(named, str) else None,
        stream=bool(stream) and call.endpoint not in _NEVER_STREAMED,
        wants_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        body=body,
        layout=layout,
        stream_options=options,
        has_stream_options="stream_options" in fields,
        input_tokens=input_tokens,
        output_tokens_max=_output_tokens_max(fields),
        tools=body.find(_TOOLS, 0, _LOOK_BYTES) >= 0 or body.find(_TOOLS, -_LOOK_BYTES) >= 0,
        choices=_positive(fields.get("n")) or 1,
        follows=_text(fields.get("previous_response_id")),
        preferences=preferences,
        user=_user(fields),
        tier=tier_named(fields.get("service_tier")),
    )


def _output_tokens_max(fields: Mapping[str, Any]) -> int | None:
    for key in _OUTPUT_LIMITS:
        if key in fields and (limit := _positive(fields[key])):
            return limit
    return None


def _user(fields: Mapping[str, Any]) -> str | None:
    metadata = fields.get("metadata")
    named = metadata.get("user_id") if isinstance(metadata, dict) else None
    return _text(fields.get("user")) or _text(fields.get("safety_identifier")) or _text(named)


def _positive(value: Any) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return min(value, _TOKENS_MAX) if known else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _object_in(path: str) -> str | None:
    """The id in `/files/{id}/content` and its like."""
    parts = path.split("/")
    return parts[2] if len(parts) > 2 else None


def _bad(message: str, *, param: str | None = None) -> ErrorAnswer:
    return ErrorAnswer(status=400, message=message, param=param)


def _bad_body(error: BadBody) -> ErrorAnswer:
    return _bad(f"The request body {error}.")
