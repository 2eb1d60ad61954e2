"""Asks every channel for one token, as a client's request would: with its key, over its address. Costs what it says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from foreroute.app.checkup.finding import Finding, failed, passed, warned
from foreroute.app.clouds import CloudAccounts
from foreroute.app.prices import price_book
from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel, Dialect
from foreroute.core.plan import Timeouts
from foreroute.core.ports import Clock, PriceBook
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.transports import ChannelTransports
from foreroute.gateway.wire.evidence import mask
from foreroute.settings.convert import channels_of, credentials_of
from foreroute.settings.model import Settings

_ASKED: Final = Usage(input_tokens=12, output_tokens=1)
"""What one question is expected to take."""
_TIMES: Final = Timeouts(connect_s=5.0, first_chunk_s=30.0, stall_s=30.0, total_s=30.0)
_PATHS: Final = {Dialect.OPENAI: "/chat/completions", Dialect.ANTHROPIC: "/messages"}
_BODY_BYTES_MAX: Final = 1_000_000
_SAID_MAX: Final = 200
_SKEW_S: Final = 5.0
_CODES: Final = {
    401: "channel.key",
    403: "channel.key",
    404: "channel.address",
    402: "channel.limit",
    429: "channel.limit",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What asking will cost. `usd` leaves out channels whose price is not known."""

    channels: int
    usd: Decimal
    unpriced: int


def expected(settings: Settings, at: float) -> Expected:
    book, channels = price_book(settings), channels_of(settings)
    costs = [book.cost_usd(channel, _ASKED, at).cost_usd for channel in channels]
    known = [cost for cost in costs if cost is not None]
    return Expected(len(channels), sum(known, Decimal(0)), len(costs) - len(known))


async def ask_channels(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Finding, Decimal | None]]:
    """One finding a channel, in their order, and what it has cost. Raises MissingExtra for what is not installed."""
    channels = channels_of(settings)
    transport = ChannelTransports(
        {channel.id: channel for channel in channels},
        credentials_of(settings),
        authorizers=CloudAccounts(clock.now).prepare(settings),
    )
    try:
        for channel in channels:
            yield await _ask(channel, transport, price_book(settings), clock)
    finally:
        await transport.aclose()


async def _ask(
    channel: Channel, transport: ChannelTransports, book: PriceBook, clock: Clock
) -> tuple[Finding, Decimal | None]:
    began_at = asyncio.get_running_loop().time()
    try:
        response = await transport.send(_request(channel))
        try:
            body = b"".join([chunk async for chunk in response.chunks()])[:_BODY_BYTES_MAX]
        finally:
            await response.aclose()
    except TransportFailure as error:
        return failed("channel", "channel.unreachable", of=channel.id, error=_plain(str(error))), None
    took_s = asyncio.get_running_loop().time() - began_at
    if response.status != 200:
        code = _CODES.get(response.status, "channel.refuses")
        return failed("channel", code, of=channel.id, status=response.status, said=_words(body)), None
    cost = book.cost_usd(channel, _usage(body), clock.now()).cost_usd
    facts = {"ms": f"{took_s * 1000:.0f}", "cost": "–" if cost is None else f"${cost:f}"}
    skew_s = _skew(response.headers.get("date", ""), clock.now())
    if skew_s is not None and abs(skew_s) > _SKEW_S + took_s:
        return warned("channel", "channel.clock", of=channel.id, seconds=f"{abs(skew_s):.0f}", **facts), cost
    return passed("channel", "channel.answers", of=channel.id, **facts), cost


def _request(channel: Channel) -> UpstreamRequest:
    body = {"model": channel.model, "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}
    return UpstreamRequest(
        channel=channel, path=_PATHS[channel.dialect], body=orjson.dumps(body), stream=False, timeouts=_TIMES
    )


def _words(body: bytes) -> str:
    """The provider's own message, on one line, without keys and without anything that could steer a terminal."""
    try:
        error = orjson.loads(body)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        text = body.decode("utf-8", "replace")
    return _plain(text)


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in mask(text))[:_SAID_MAX]


def _usage(body: bytes) -> Usage:
    try:
        told: dict[str, Any] = orjson.loads(body)["usage"]
        return Usage(
            input_tokens=int(told.get("prompt_tokens", told.get("input_tokens", 0))),
            output_tokens=int(told.get("completion_tokens", told.get("output_tokens", 0))),
        )
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        return _ASKED


def _skew(date: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError):
        return None
