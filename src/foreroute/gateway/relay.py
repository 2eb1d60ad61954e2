"""From an upstream's answer to the client: as it is, as soon as it is there, and not before it is one."""

import asyncio

from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.answers import Hollow, read_answer
from foreroute.gateway.delivery import Delivery, passed_on
from foreroute.gateway.openai import Endpoint
from foreroute.gateway.ports import TransportFailure, UpstreamResponse
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.sse import StreamWatch
from foreroute.gateway.trial import Trial

_ERROR_BYTES_MAX = 1024 * 1024
_UNBUFFERED = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


async def read_whole(upstream: UpstreamResponse, trial: Trial, limit: int) -> bytes | None:
    """The body, or None if it is larger than `limit`. Raises TransportFailure."""
    clock, parts, size = asyncio.get_running_loop(), [], 0
    async for chunk in upstream.chunks():
        trial.first_byte(clock.time())
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
    return b"".join(parts)


async def read_error(upstream: UpstreamResponse, trial: Trial) -> bytes:
    """The body of an error answer, or as much of it as came: the status alone says enough to go on."""
    try:
        return await read_whole(upstream, trial, _ERROR_BYTES_MAX) or b""
    except TransportFailure:
        return b""


async def relay_whole(
    endpoint: Endpoint,
    upstream: UpstreamResponse,
    trial: Trial,
    delivery: Delivery,
    settings: GatewaySettings,
) -> FailureEvidence | None:
    """Deliver an answer that is not streamed, if it is one; otherwise say what it was."""
    body = await read_whole(upstream, trial, settings.answer_bytes_max)
    if body is None:
        return FailureEvidence(
            phase=Phase.STREAM,
            status=upstream.status,
            error_code="malformed_response",
            message=f"the answer is larger than {settings.answer_bytes_max} bytes",
        )
    answer = read_answer(endpoint, upstream.status, upstream.headers, body)
    if isinstance(answer, Hollow):
        return answer.evidence
    trial.succeeded(answer)
    await delivery.whole(upstream.status, passed_on(upstream.headers), body)
    return None


async def relay_stream(
    upstream: UpstreamResponse,
    trial: Trial,
    delivery: Delivery,
    settings: GatewaySettings,
    watch: StreamWatch,
) -> FailureEvidence | None:
    """Forward each chunk at once, once there is content; until then nothing has left and all is undone easily.

    A fault is returned. If `delivery.started` then, the client has a part of the answer.
    """
    clock, held = asyncio.get_running_loop(), b""
    try:
        async for chunk in upstream.chunks():
            trial.first_byte(clock.time())
            out = watch.feed(chunk)
            trial.usage = watch.usage
            if delivery.started:
                if out:
                    await delivery.write(out)
            else:
                held += out
                if watch.fault is None and (watch.has_content or _held_too_much(watch, held, settings)):
                    await delivery.start(upstream.status, passed_on(upstream.headers) + _UNBUFFERED)
                    await delivery.write(held)
            if watch.fault is not None or watch.done:
                break
    except TransportFailure as error:
        if not watch.complete:
            return error.evidence
    return await _end(upstream, trial, delivery, watch, held)


async def _end(
    upstream: UpstreamResponse, trial: Trial, delivery: Delivery, watch: StreamWatch, held: bytes
) -> FailureEvidence | None:
    """The stream is over: settle what it was, then let the client see its end."""
    rest = watch.end()
    trial.usage = watch.usage
    if watch.fault is not None:
        return watch.fault
    trial.succeeded(watch.usage)
    if not delivery.started:
        await delivery.start(upstream.status, passed_on(upstream.headers) + _UNBUFFERED)
        rest = held + rest
    await delivery.end(rest)
    return None


def _held_too_much(watch: StreamWatch, held: bytes, settings: GatewaySettings) -> bool:
    return watch.events > settings.hold_events_max or len(held) > settings.hold_bytes_max
