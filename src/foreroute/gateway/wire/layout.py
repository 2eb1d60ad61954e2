"""How a request's body is changed for a channel: its model, and the wish for a usage report; no other byte."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from foreroute.gateway.wire.spans import SPACE, Span, head_of, lone_model, spans_of

_PROMPTS: Final = frozenset({"system", "instructions", "messages", "input", "prompt"})
_PREFIX_BYTES: Final = 2048

Edit = tuple[int, int, bytes]
"""(start, end, what comes between them)."""


class Layout(Protocol):
    """Where in a body the things lie that may be exchanged. Edits may raise TooMany, for small bodies only."""

    def model_edits(self, body: bytes, model: str, body_model: str | None) -> list[Edit]:
        """So that the body names this model; `body_model` is what it names now."""
        ...


@dataclass(frozen=True, slots=True)
class JsonLayout:
    """Of a JSON object. Without `spans` its members are looked up when they are needed, which they seldom are."""

    spans: Sequence[Span] | None = None

    def model_edits(self, body: bytes, model: str, body_model: str | None) -> list[Edit]:
        value = orjson.dumps(model)
        if self.spans is None and body_model is not None and (place := lone_model(body)) is not None:
            return [(*place, value)]
        return self._exchanged(body, "model", value) or [self._inserted(body, b'"model":' + value)]

    def usage_edits(self, body: bytes, wish: Mapping[str, Any], *, present: bool) -> list[Edit]:
        """So that a stream ends with a usage report. `present`: the body has `stream_options`, be it null."""
        value = orjson.dumps(wish)
        if present:
            return self._exchanged(body, "stream_options", value)
        return [self._inserted(body, b'"stream_options":' + value)]

    def prefix(self, body: bytes) -> bytes | None:
        """A digest of how the prompt begins; None if there is no prompt."""
        if self.spans is None:
            head = head_of(body, _PROMPTS, _PREFIX_BYTES)
        else:
            prompt = next((span for span in self.spans if span.name in _PROMPTS), None)
            end = 0 if prompt is None else min(prompt.end, prompt.start + _PREFIX_BYTES)
            head = None if prompt is None else body[prompt.start : end]
        return None if head is None else hashlib.blake2b(head, digest_size=16).digest()

    def _exchanged(self, body: bytes, name: str, value: bytes) -> list[Edit]:
        spans = spans_of(body) if self.spans is None else self.spans
        return [(span.start, span.end, value) for span in spans if span.name == name]

    def _inserted(self, body: bytes, member: bytes) -> Edit:
        """Puts a member first into the object."""
        inside = body.index(b"{") + 1
        if self.spans is None:
            space = SPACE.match(body, inside)
            empty = space is not None and body.startswith(b"}", space.end())
        else:
            empty = not self.spans
        return inside, inside, member if empty else member + b","


UNREAD: Final = JsonLayout()


@dataclass(frozen=True, slots=True)
class FormLayout:
    """Of a form: where its models lie, or with what to put one in at `start`."""

    places: Sequence[tuple[int, int]]
    start: int
    before: bytes
    after: bytes

    def model_edits(self, body: bytes, model: str, body_model: str | None) -> list[Edit]:  # noqa: ARG002 - Layout
        value = model.encode()
        if self.places:
            return [(start, end, value) for start, end in self.places]
        return [(self.start, self.start, self.before + value + self.after)]


def written_anew(body: bytes, changes: Mapping[str, Any]) -> bytes:
    """A small JSON object with some members changed and the last one left of those that are repeated."""
    return orjson.dumps({**orjson.loads(body), **changes})


def edited(body: bytes, edits: list[Edit]) -> bytes:
    """The same object if there is nothing to change. Edits must not overlap."""
    if not edits:
        return body
    parts, at = [], 0
    for start, end, value in sorted(edits):
        parts += [body[at:start], value]
        at = end
    return b"".join([*parts, body[at:]])
