"""What a fake provider is asked and what it is told to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """How an answer goes wrong. The faults of a stream strike after `fault_after_chunks` chunks of content."""

    NONE = "none"
    CUT = "cut"
    """The connection ends in the middle."""
    UNFINISHED = "unfinished"
    """The body ends properly, without finish reason, terminal event and [DONE]. Streams only."""
    STALL = "stall"
    """Silence until the client leaves."""
    HOLLOW_HTML = "hollow_html"
    EMPTY_CHOICES = "empty_choices"
    """A complete answer with nothing in it: no choices, output, content or data, whatever the dialect has."""
    ERROR_EVENT = "error_event"
    """An error object inside a 200, in the dialect's own form."""
    TRUNCATED_JSON = "truncated_json"
    NO_ANSWER = "no_answer"
    """Nothing at all, until the client leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    path: str
    """Without `/v1`."""
    model: str
    stream: bool
    prompt_tokens: int
    """Estimated: a token for every four characters of text."""
    max_tokens: int | None
    headers: Mapping[str, str]
    received_at: float
    """The event loop's time."""
    body: Mapping[str, Any]
    """Empty when the body was no JSON object, such as a multipart form."""
    method: str = "POST"
    raw: bytes = b""
    """The body as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """A whole answer takes `time_to_first_chunk_s` + `seconds_per_chunk` for each chunk after the first."""

    time_to_first_chunk_s: float = 0.0
    seconds_per_chunk: float = 0.0
    chunks: tuple[str, ...] = ("Hello", " from", " the", " provider", ".")
    input_tokens: int | None = None
    """All of them, cached and cache-written ones included. None: the request's own estimate."""
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int | None = None
    """Reasoning included. None: one per chunk."""
    reasoning_tokens: int = 0
    finish_reason: str = "stop"
    """In OpenAI's words: stop, length, content_filter. Other dialects translate it."""
    status: int = 200
    error_message: str = "The provider says no."
    error_type: str = "server_error"
    """Anthropic's dialect takes it if it is one of its own types, else the one that the status stands for."""
    error_code: str | None = None
    retry_after_s: float | None = None
    fault: Fault = Fault.NONE
    fault_after_chunks: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def tokens(self, request: ProviderRequest) -> tuple[int, int]:
        """(input, output) as this answer to this request is counted."""
        given = request.prompt_tokens if self.input_tokens is None else self.input_tokens
        made = len(self.chunks) if self.output_tokens is None else self.output_tokens
        return given, made
