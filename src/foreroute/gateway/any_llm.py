"""To providers that speak neither OpenAI's nor Anthropic's format, through the library any-llm-sdk; chat only.

The library translates and sends; timers, fail-over and what counts as an end are the gateway's, as on every channel.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from foreroute.core.channel import Channel
from foreroute.core.failure import Phase
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Timeouts
from foreroute.gateway.any_llm_errors import Refusal, evidence_of, refusal_of
from foreroute.gateway.any_llm_library import Library, Line
from foreroute.gateway.any_llm_wire import EventWriter, read_body, whole_bytes
from foreroute.gateway.ports import TransportFailure, UpstreamRequest, UpstreamResponse
from foreroute.gateway.wire.paths import Endpoint

_CLOSING_S: Final = 1.0
_END: Final = object()


class AnyLlmTransport:
    """Asks the providers of channels with an `adapter`. Opens a line to each when it is built, and calls nobody."""

    def __init__(
        self, library: Library, channels: Mapping[ChannelId, Channel], credentials: Mapping[ChannelId, str]
    ) -> None:
        self._library = library
        self._lines: dict[tuple[str | None, ...], Line | Refusal] = {}
        self._old: list[Line] = []
        self._credentials: dict[ChannelId, str] = {}
        self.adopt(channels, credentials)

    def adopt(self, channels: Mapping[ChannelId, Channel], credentials: Mapping[ChannelId, str]) -> None:
        """Those of a new configuration, for requests from now on. Lines that are gone may have answers under way:
        they are closed at the end.
        """
        wanted = {_key(one, credentials): one for one in channels.values() if one.adapter is not None}
        gone = [line for key, line in self._lines.items() if key not in wanted]
        self._old += [line for line in gone if not isinstance(line, Refusal)]
        self._lines = {
            key: self._lines[key] if key in self._lines else self._open(channel, credentials)
            for key, channel in wanted.items()
        }
        self._credentials = dict(credentials)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        if request.path != Endpoint.CHAT:
            message = f"Channels with an adapter serve {Endpoint.CHAT} only, not {request.path}."
            return WholeResponse.of(Refusal(status=404, message=message, code="unsupported_operation"))
        ask, line = read_body(request.body), self._lines.get(_key(request.channel, self._credentials))
        if isinstance(ask, Refusal):
            return WholeResponse.of(ask)
        if line is None or isinstance(line, Refusal):
            return WholeResponse.of(line or _NO_LINE)
        limits, now = request.timeouts, asyncio.get_running_loop().time()
        deadline = now + limits.total_s
        first = min(deadline, now + limits.first_chunk_s) if request.stream else deadline
        model = request.channel.model
        try:
            async with asyncio.timeout_at(first):
                answer = await line.ask({**ask.parameters, "model": model, "stream": request.stream})
            if not request.stream:
                return WholeResponse(200, _JSON, whole_bytes(answer, model, _new_id()))
        except Exception as error:  # every provider's client has exceptions of its own
            if (refusal := refusal_of(error)) is not None:
                return WholeResponse.of(refusal)
            raise TransportFailure(evidence_of(error, Phase.HEADERS)) from error
        writer = EventWriter(model, _new_id(), ask.wants_usage)
        return StreamedResponse(answer, writer, limits, first_at=first, deadline=deadline)

    async def aclose(self) -> None:
        for line in (*self._lines.values(), *self._old):
            if not isinstance(line, Refusal):
                await line.aclose()
        self._lines, self._old = {}, []

    def _open(self, channel: Channel, credentials: Mapping[ChannelId, str]) -> Line | Refusal:
        """A line that cannot be opened (no credentials in the cloud's own places) is that channel's trouble only."""
        try:
            return self._library.open(channel, credentials.get(channel.id))
        except Exception as error:  # noqa: BLE001 - as above
            return refusal_of(error) or _NO_LINE


class WholeResponse:
    """An answer that is complete."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    @classmethod
    def of(cls, refusal: Refusal) -> "WholeResponse":
        return cls(refusal.status, refusal.headers(), refusal.body())

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        pass


class StreamedResponse:
    """The library's chunks, as OpenAI's events."""

    def __init__(
        self, answer: Any, writer: EventWriter, limits: Timeouts, *, first_at: float, deadline: float
    ) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream; charset=utf-8"}
        self._answer = answer
        self._writer = writer
        self._limits = limits
        self._first_at = first_at
        self._deadline = deadline

    async def chunks(self) -> AsyncIterator[bytes]:
        clock, until, phase = asyncio.get_running_loop(), self._first_at, Phase.FIRST_CHUNK
        while True:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await anext(self._answer, _END)
                event = self._writer.end() if chunk is _END else self._writer.event(chunk)
            except Exception as error:
                raise TransportFailure(evidence_of(error, phase, self.status)) from error
            if event:
                yield event
            if chunk is _END:
                return
            until, phase = min(self._deadline, clock.time() + self._limits.stall_s), Phase.STREAM

    async def aclose(self, *, linger_s: float = 0.0) -> None:  # noqa: ARG002 - an answer that is over has let go already
        with suppress(Exception):
            async with asyncio.timeout(_CLOSING_S):
                await self._answer.aclose()


_JSON: Final[Mapping[str, str]] = {"content-type": "application/json"}
_NO_LINE: Final = Refusal(
    status=500, message="The adapter of this channel could not be set up.", type="server_error"
)


def _key(channel: Channel, credentials: Mapping[ChannelId, str]) -> tuple[str | None, ...]:
    return channel.id, channel.adapter, channel.base_url, channel.region, credentials.get(channel.id)


def _new_id() -> str:
    return f"chatcmpl-{uuid4().hex}"
