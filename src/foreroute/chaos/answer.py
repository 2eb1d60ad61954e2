"""What a client makes of an answer. Pure.

A client library returns normally unless it sees an error: a status of 400 or more, an `error` in an event, JSON that it
cannot read, or a connection that breaks off. Whatever else is not the whole answer has passed for one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from foreroute.chaos.words import TEXT

_LINE: Final = re.compile(rb"\r\n|\n|\r")
_ERROR_KEYS: Final = frozenset({"message", "type", "param", "code"})


class Verdict(StrEnum):
    COMPLETE = "complete"
    """All that was to be said."""
    TOLD = "told"
    """An OpenAI error object, as the answer or as an event, and nothing after it that looks like success."""
    NOTICED = "noticed"
    """Some other error: a client library raises, but does not know why."""
    LIED = "lied"
    """Success, as far as a client can see, and yet not the whole answer."""
    HUNG = "hung"
    """No end within the client's patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    """0: there was none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    """Without its transfer coding."""
    is_whole: bool = True
    """The end came as HTTP says that it must."""
    is_readable: bool = True
    """Its content coding can be undone."""
    gave_up: bool = False
    seconds: float = 0.0

    @property
    def retry_after(self) -> str | None:
        return self.headers.get("retry-after")


@dataclass(slots=True)
class Stream:
    """What the events of a stream come to."""

    text: str = ""
    finish_reason: str | None = None
    is_done: bool = False
    error: Any = None
    unreadable: int = 0


def verdict_of(answer: Answer, *, stream: bool) -> Verdict:
    if answer.gave_up:
        return Verdict.HUNG
    if not (answer.is_whole and answer.is_readable):
        return Verdict.NOTICED
    if answer.status != 200:
        return Verdict.TOLD if is_openai_error(_json(answer.body)) else Verdict.NOTICED
    return _stream_verdict(answer) if stream else _plain_verdict(answer)


def is_openai_error(payload: Any) -> bool:
    """An error object with all four keys and a message."""
    error = payload.get("error") if isinstance(payload, dict) else None
    return isinstance(error, dict) and error.keys() >= _ERROR_KEYS and _is_text(error["message"])


def read_stream(body: bytes) -> Stream:
    """Reads server-sent events as client libraries do: an event ends at an empty line, comments are skipped."""
    stream = Stream()
    for data in events(body):
        if data == "[DONE]":
            stream.is_done = True
            continue
        try:
            payload = json.loads(data)
        except ValueError:
            stream.unreadable += 1
            continue
        _add(stream, payload)
    return stream


def events(body: bytes) -> list[str]:
    """The data of each event. One that the end of the body cuts off is none."""
    found, lines = [], []
    for line in _LINE.split(body):
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" ").decode(errors="replace"))
        elif not line and lines:
            found.append("\n".join(lines))
            lines = []
    return found


def _add(stream: Stream, payload: Any) -> None:
    if not isinstance(payload, dict):
        stream.unreadable += 1
        return
    if payload.get("error"):
        stream.error = payload
        return
    for choice in payload.get("choices") or ():
        stream.text += (choice.get("delta") or {}).get("content") or ""
        stream.finish_reason = choice.get("finish_reason") or stream.finish_reason


def _stream_verdict(answer: Answer) -> Verdict:
    stream = read_stream(answer.body)
    is_success = stream.finish_reason is not None or stream.is_done
    if stream.error is not None:
        return Verdict.TOLD if is_openai_error(stream.error) and not is_success else Verdict.NOTICED
    if stream.unreadable:
        return Verdict.NOTICED
    is_complete = stream.text == TEXT and stream.finish_reason == "stop" and stream.is_done
    return Verdict.COMPLETE if is_complete else Verdict.LIED


def _plain_verdict(answer: Answer) -> Verdict:
    payload = _json(answer.body)
    if not isinstance(payload, dict) or payload.get("error"):
        return Verdict.NOTICED
    try:
        choice = payload["choices"][0]
        is_complete = choice["message"]["content"] == TEXT and choice["finish_reason"] == "stop"
    except (KeyError, IndexError, TypeError):
        return Verdict.LIED
    return Verdict.COMPLETE if is_complete else Verdict.LIED


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
