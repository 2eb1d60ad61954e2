"""From an upstream's answer to the client: as it is, as soon as it is there, and not before it is one.

Every kind of answer is read in two steps. `reach` goes on until there is something for the client, or finds a
fault; until then nothing has left and all is undone easily. `relay` hands it over and says how it ended. The very
last bytes are left to the caller, who records the attempt before the client can know that it is over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.delivery import Delivery, passed_on
from foreroute.gateway.ports import TransportFailure, UpstreamResponse
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.trial import Trial
from foreroute.gateway.wire.answers import Hollow, read_answer, read_opaque
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest
from foreroute.gateway.wire.watch import StreamWatch

_ERROR_BYTES_MAX: Final = 1024 * 1024
_UNDERSTOOD_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """What is left to send. `head`: the whole answer is. A `fault` came when the client had a part already."""

    body: bytes = b""
    head: tuple[int, list[tuple[bytes, bytes]]] | None = None
    fault: FailureEvidence | None = None
    cut: bool = False
    """The caller's budget had nothing left for the rest."""


Allows = Callable[[int], Awaitable[bool]]
"""Whether a stream may go on that has come to so many output tokens."""


class Answer(Protocol):
    """`usage` is what has been used so far, as reported or as seen."""

    @property
    def answer_id(self) -> str | None:
        """By which later requests refer to this answer."""
        ...

    @property
    def usage(self) -> Usage: ...

    @property
    def tier(self) -> str:
        """The service tier that answers; empty: it does not say."""
        ...

    async def reach(self) -> FailureEvidence | None: ...

    async def relay(self, delivery: Delivery) -> Ending: ...


async def read_whole(upstream: UpstreamResponse, trial: Trial, limit: int) -> bytes | None:
    """The body, or None if it is larger than `limit`. Raises TransportFailure."""
    clock, parts, size = asyncio.get_running_loop(), [], 0
    async for chunk in upstream.chunks():
        trial.byte(clock.time())
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_error(upstream: UpstreamResponse, trial: Trial) -> bytes:
    """The body of an error answer, or as much of it as came: the status alone says enough to go on."""
    try:
        return await read_whole(upstream, trial, _ERROR_BYTES_MAX) or b""
    except TransportFailure:
        return b""


def answer_of(
    request: ModelRequest,
    upstream: UpstreamResponse,
    trial: Trial,
    settings: GatewaySettings,
    allows: Allows | None = None,
) -> Answer:
    """The way to read this answer."""
    content_type = upstream.headers.get("content-type", "")
    if request.endpoint is Endpoint.OPAQUE:
        return OpaqueAnswer(upstream, trial)
    if content_type.startswith("text/event-stream"):
        watch = StreamWatch(
            request.endpoint,
            status=upstream.status,
            content_type=content_type,
            strip_usage=not request.wants_usage,
            input_tokens=request.input_tokens,
        )
        return StreamedAnswer(upstream, trial, watch, settings, allows)
    return WholeAnswer(request.endpoint, upstream, trial, settings.answer_bytes_max)


class WholeAnswer:
    """An answer that is not streamed."""

    def __init__(self, endpoint: Endpoint, upstream: UpstreamResponse, trial: Trial, bytes_max: int) -> None:
        self.answer_id: str | None = None
        self.usage = NO_USAGE
        self.tier = ""
        self._endpoint = endpoint
        self._upstream = upstream
        self._trial = trial
        self._bytes_max = bytes_max
        self._body = b""

    async def reach(self) -> FailureEvidence | None:
        body = await read_whole(self._upstream, self._trial, self._bytes_max)
        if body is None:
            return FailureEvidence(
                phase=Phase.STREAM,
                status=self._upstream.status,
                error_code="malformed_response",
                message=f"the answer is larger than {self._bytes_max} bytes",
            )
        answer = read_answer(self._endpoint, self._upstream.status, self._upstream.headers, body)
        if isinstance(answer, Hollow):
            return answer.evidence
        self._body, self.answer_id, self.usage, self.tier = body, answer.answer_id, answer.usage, answer.tier
        self._trial.succeeded(answer.usage)
        return None

    async def relay(self, delivery: Delivery) -> Ending:  # noqa: ARG002 - nothing goes ahead of the whole
        return Ending(self._body, head=(self._upstream.status, passed_on(self._upstream.headers)))


class OpaqueAnswer:
    """An answer that is not understood: small JSON is read whole, anything else is passed on as it comes."""

    def __init__(self, upstream: UpstreamResponse, trial: Trial) -> None:
        self.answer_id: str | None = None
        self.usage = NO_USAGE
        self.tier = ""
        self._upstream = upstream
        self._trial = trial
        self._chunks = upstream.chunks()
        self._read = b""
        self._over = False

    async def reach(self) -> FailureEvidence | None:
        if not self._upstream.headers.get("content-type", "").startswith("application/json"):
            return None
        parts, size = [], 0
        while size <= _UNDERSTOOD_BYTES_MAX and not self._over:
            parts.append(await self._next())
            size += len(parts[-1])
        self._read = b"".join(parts)
        if self._over:
            answer = read_opaque(self._read)
            self.answer_id, self.usage, self.tier = answer.answer_id, answer.usage, answer.tier
            self._trial.succeeded(answer.usage)
        return None

    async def relay(self, delivery: Delivery) -> Ending:
        head, read_whole = (self._upstream.status, passed_on(self._upstream.headers)), self._over
        if read_whole:
            return Ending(self._read, head=head)
        await delivery.start(*head)
        chunk = self._read
        try:
            while not self._over:
                if chunk:
                    await delivery.write(chunk)
                chunk = await self._next()
        except TransportFailure as error:
            return Ending(fault=error.evidence)
        self._trial.succeeded(self.usage)
        return Ending()

    async def _next(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._over = True
            return b""
        self._trial.byte(asyncio.get_running_loop().time())
        return chunk


class StreamedAnswer:
    """Server-sent events: each forwarded at once, from the first that has content."""

    def __init__(
        self,
        upstream: UpstreamResponse,
        trial: Trial,
        watch: StreamWatch,
        settings: GatewaySettings,
        allows: Allows | None,
    ) -> None:
        self._upstream = upstream
        self._trial = trial
        self._watch = watch
        self._allows = allows
        self._settings = settings
        self._chunks: AsyncIterator[bytes] = upstream.chunks()
        self._held = b""
        self._over = False

    @property
    def answer_id(self) -> str | None:
        return self._watch.answer_id

    @property
    def usage(self) -> Usage:
        return self._watch.usage

    @property
    def tier(self) -> str:
        return self._watch.tier

    async def reach(self) -> FailureEvidence | None:
        watch = self._watch
        while not (self._over or watch.has_content or self._held_too_much()):
            self._held += await self._next()
            if watch.fault is not None:
                return watch.fault
        if self._over:
            self._held += watch.end()
        return watch.fault

    async def relay(self, delivery: Delivery) -> Ending:
        watch, ended = self._watch, self._over
        await delivery.start_stream(passed_on(self._upstream.headers))
        out = self._held
        try:
            while not self._over and watch.fault is None:
                if out:
                    await delivery.write(out)
                if self._allows is not None and not await self._allows(watch.usage.output_tokens):
                    return Ending(cut=True)
                out = await self._next()
        except TransportFailure as error:
            return Ending(fault=error.evidence)
        if not ended and watch.fault is None:
            out += watch.end()
        if watch.fault is None:
            self._trial.succeeded(watch.usage)
            return Ending(out)
        if out:
            await delivery.write(out)
        return Ending(fault=watch.fault)

    async def _next(self) -> bytes:
        """The next events for the client; sets `_over` at the end. Raises TransportFailure."""
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._over = True
            return b""
        except TransportFailure:
            if not self._watch.complete:
                raise
            self._over = True  # all of the answer is there; only its connection did not end well
            return b""
        self._trial.byte(asyncio.get_running_loop().time())
        out = self._watch.feed(chunk)
        self._over = self._watch.over
        return out

    def _held_too_much(self) -> bool:
        settings = self._settings
        return self._watch.events > settings.hold_events_max or len(self._held) > settings.hold_bytes_max
