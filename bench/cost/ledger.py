"""A hundred thousand attempts through prices and ledger, against an independent recount in whole pico-dollars."""

import asyncio
import random
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from bench.report import Row
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.ledger import Metered
from foreroute.cost.ledger import price_attempts
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

PICO_PER_TOKEN = {"a": (2_500_000, 250_000, 3_125_000, 10_000_000), "b": (150_000, 75_000, 150_000, 600_000)}
"""Fresh, cached and written input, and output: prices of a million tokens in millionths of a dollar."""
AT = 1_793_000_000.0 // 3600 * 3600


def rows(*, quick: bool) -> list[Row]:
    many = 10_000 if quick else 100_000
    wrong, seconds = asyncio.run(_recount(many))
    how = f"make bench NAME=cost; {many} attempts, offered in batches of 500 of which a tenth comes twice"
    return [
        Row(
            id="cost.ledger.recount",
            what="pico-dollars between the ledger and an independent recount",
            value=float(wrong),
            unit="pico-dollars",
            target="0",
            holds=wrong == 0,
            how=how,
        ),
        Row(
            id="cost.ledger.rate",
            what="attempts priced and written a second, one writer",
            value=many / seconds,
            unit="1/s",
            how=how,
        ),
    ]


async def _recount(many: int) -> tuple[int, float]:
    rng = random.Random(5)
    attempts = [_attempt(n, rng) for n in range(many)]
    expected = sum(_pico(one) for one in attempts)
    channels = {ChannelId(name): _channel(name) for name in PICO_PER_TOKEN}
    book = GenaiPriceBook({ChannelId(name): _prices(name) for name in PICO_PER_TOKEN})
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "bench.db", merge_rollups)
        start = time.perf_counter()
        for begin in range(0, many, 500):
            batch = attempts[max(0, begin - 50) : begin + 500]
            await store.append(price_attempts(batch, channels, book), [])
        seconds = time.perf_counter() - start
        cells = await store.costs.cells([(AT, AT + 30 * 86_400.0)])
        by_channel = await store.ledger.spend(start_at=AT, end_at=AT + 30 * 86_400.0)
        await store.close()
    found = sum((cell.metered for cell in cells), Metered())
    totals = [found.cost_usd, sum((one.cost_usd for one in by_channel.values()), Decimal(0))]
    missing = abs(found.attempts - many) * 10**12
    return missing + sum(abs(int(total * 10**12) - expected) for total in totals), seconds


def _pico(one: Attempt) -> int:
    fresh, cached, written, output = PICO_PER_TOKEN[one.channel]
    usage = one.usage
    return (
        usage.input_tokens * fresh
        + usage.cached_input_tokens * cached
        + usage.cache_write_tokens * written
        + usage.output_tokens * output
    )


def _attempt(n: int, rng: random.Random) -> Attempt:
    return Attempt(
        request_id=RequestId(f"r{n // 2}"),
        number=n % 2 + 1,
        route=RouteName(rng.choice(["chat", "small"])),
        channel=ChannelId(rng.choice("ab")),
        started_at=AT + rng.random() * 30 * 86_400.0,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        key_id=KeyId(f"k{rng.randrange(20)}"),
        status=200,
        usage=Usage(*(rng.randrange(1, 10**5) for _ in range(4))),
    )


def _channel(name: str) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="p",
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://x/v1",
    )


def _prices(name: str) -> UnitPrices:
    fresh, cached, written, output = (Decimal(one) / 10**6 for one in PICO_PER_TOKEN[name])
    return UnitPrices(input=fresh, cached_input=cached, cache_write=written, output=output)
