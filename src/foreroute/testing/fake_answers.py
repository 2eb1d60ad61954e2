"""What every dialect can say, and the parts that several of them share.

A dialect turns one scripted answer to one request into complete objects: every key that the provider's
specification requires is there, null where it may be.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import orjson

from foreroute.testing.fake_script import ProviderAnswer

_FRAGMENT = 6


class FakeAnswer(Protocol):
    """One answer, whole."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What this dialect puts on every answer."""
        ...

    def error(self) -> Mapping[str, Any]:
        """The body of a status other than 200."""
        ...

    def whole(self) -> Mapping[str, Any] | bytes:
        """JSON, or the bytes of a file; a file's `content-type` is among the headers."""
        ...

    def empty(self) -> Mapping[str, Any]:
        """The whole answer with nothing in it."""
        ...

    def failed(self) -> Mapping[str, Any]:
        """An error where the whole answer should be, with status 200."""
        ...


class FakeStream(FakeAnswer, Protocol):
    """The same answer as events: preamble, content, closing. Each of them is asked for once at most, in this order."""

    def preamble(self) -> bytes:
        """The events that come before any content."""
        ...

    def content(self) -> Iterator[bytes]:
        """One piece for each chunk of content, the first one with what announces it."""
        ...

    def closing(self) -> bytes: ...

    def empty_closing(self) -> bytes:
        """How a stream ends properly that had no content."""
        ...

    def failure(self) -> bytes:
        """The event that ends a stream with an error."""
        ...


def event(payload: Mapping[str, Any], name: str | None = None) -> bytes:
    """A server-sent event, with an `event:` line if it has a name."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + orjson.dumps(payload) + b"\n\n"


def fragments(text: str) -> list[str]:
    """The text in small pieces, as models send a tool's arguments. At least one."""
    return [text[at : at + _FRAGMENT] for at in range(0, len(text), _FRAGMENT)] or [""]


def openai_error(answer: ProviderAnswer) -> dict[str, Any]:
    return openai_error_of(answer.error_message, answer.error_type, answer.error_code)


def openai_error_of(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
