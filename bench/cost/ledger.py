"""A hundred thousand attempts through prices and ledger, against an independent recount in whole pico-dollars."""

import asyncio
import random
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from bench.report import Row
from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.extras import Extra, extras_of
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.cost.ledger import price_attempts
from foreroute.cost.pricebook import GenaiPriceBook, OwnPrices
from foreroute.cost.unit_prices import UnitPrices
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

KINDS = ("", "retry", "hedge", "probe")
PICO_PER_TOKEN = {"a": (2_500_000, 250_000, 3_125_000, 10_000_000), "b": (150_000, 75_000, 150_000, 600_000)}
"""Fresh, cached and written input, and output: prices of a million tokens in millionths of a dollar."""
PICO_PER_PART = {
    Extra.INPUT_AUDIO: (0, 32_000_000),
    Extra.WRITTEN_1H: (2, 6_000_000),
    Extra.OUTPUT_AUDIO: (3, 64_000_000),
}
"""Parts of a bucket (its place) with a price of their own, on both channels."""
PICO_PER_PIECE = {Extra.WEB_SEARCHES: 10_000_000_000, Extra.AUDIO_MS: 100_000}
PRIORITY = 2
"""What the tier costs in which some answer, whatever was asked for."""
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
    expected = _recounted(attempts)
    channels = {ChannelId(name): _channel(name) for name in (*PICO_PER_TOKEN, "unlisted")}
    tiers = {"priority": Decimal(PRIORITY)}
    book = GenaiPriceBook(
        {ChannelId(name): OwnPrices(standard=_prices(name), tiers=tiers) for name in PICO_PER_TOKEN}
    )
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
    found: dict[tuple[str, str], list[int]] = {}
    for cell in cells:
        row = found.setdefault((cell.group.channel, cell.group.kind), [0, 0, 0])
        pico = int(cell.metered.cost_usd * 10**12)
        for place, more in enumerate((cell.metered.attempts, cell.metered.unpriced_attempts, pico)):
            row[place] += more
    wrong = sum(_apart(found.get(key), expected.get(key)) for key in found.keys() | expected.keys())
    totals = sum(int(one.cost_usd * 10**12) for one in by_channel.values())
    return wrong + abs(totals - sum(row[2] for row in expected.values())), seconds


def _apart(found: list[int] | None, expected: list[int] | None) -> int:
    """Pico-dollars; an attempt too many or too few counts as a dollar."""
    ours, theirs = found or [0, 0, 0], expected or [0, 0, 0]
    return 10**12 * (abs(ours[0] - theirs[0]) + abs(ours[1] - theirs[1])) + abs(ours[2] - theirs[2])


def _recounted(attempts: list[Attempt]) -> dict[tuple[str, str], list[int]]:
    """By channel and kind: attempts, unpriced ones, and whole pico-dollars. None of the ledger's code is asked."""
    found: dict[tuple[str, str], list[int]] = {}
    for one in attempts:
        kind = (
            "probe" if one.reason == "probe" else "hedge" if one.hedge else "retry" if one.number > 1 else ""
        )
        row = found.setdefault((one.channel, kind), [0, 0, 0])
        pico = _pico(one)
        row[0] += 1
        row[1] += pico is None
        row[2] += pico or 0
    return found


def _pico(one: Attempt) -> int | None:
    """None: nobody knows."""
    if one.channel == "unlisted":
        return None
    prices, usage = PICO_PER_TOKEN[one.channel], one.usage
    tokens = [
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
    ]
    pico = sum(many * price for many, price in zip(tokens, prices, strict=True))
    for extra, many in usage.extras:
        if extra in PICO_PER_PIECE:
            pico += many * PICO_PER_PIECE[extra]
        else:
            place, price = PICO_PER_PART[extra]
            pico += many * (price - prices[place])
    return pico * (PRIORITY if one.served_tier == "priority" else 1)


def _attempt(n: int, rng: random.Random) -> Attempt:
    """Of every kind: first tries, retries, hedges, probes; answers, failures, calls that were left."""
    kind, outcome = rng.choice(KINDS), rng.choice(list(Outcome))
    answered = outcome in (Outcome.SUCCESS, Outcome.IGNORED)
    return Attempt(
        request_id=RequestId(f"r{n}"),
        number=1 if kind in ("", "probe") else rng.choice([2, 3]),
        route=RouteName(rng.choice(["chat", "small"])),
        channel=ChannelId(rng.choice(["a", "a", "b", "b", "unlisted"])),
        started_at=AT + rng.random() * 30 * 86_400.0,
        duration_s=1.0,
        outcome=outcome,
        reason=PickReason.PROBE if kind == "probe" else PickReason.CONFIGURED,
        plan_version=1,
        hedge=kind == "hedge",
        key_id=KeyId(f"k{rng.randrange(20)}"),
        status=200 if answered else 503,
        usage=_usage(rng) if answered else Usage(),
        asked=Asked(tier=rng.choice(["", "flex"])) if answered else Asked(),
        served_tier=rng.choice(["default", "priority"]) if answered else "",
    )


def _usage(rng: random.Random) -> Usage:
    fresh, cached, written, output = (rng.randrange(1, 10**5) for _ in range(4))
    if rng.random() < 0.5:
        return Usage(fresh, cached, written, output)
    extras = {
        Extra.INPUT_AUDIO: rng.randrange(fresh + 1),
        Extra.WRITTEN_1H: rng.randrange(written + 1),
        Extra.OUTPUT_AUDIO: rng.randrange(output + 1),
        Extra.WEB_SEARCHES: rng.randrange(4),
        Extra.AUDIO_MS: rng.randrange(10**6),
    }
    return Usage(fresh, cached, written, output, extras=extras_of(extras))


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
    extras = {extra: Decimal(pico) / 10**6 for extra, (_, pico) in PICO_PER_PART.items()}
    extras |= {Extra.WEB_SEARCHES: Decimal("0.01"), Extra.AUDIO_MS: Decimal("0.36")}
    return UnitPrices(input=fresh, cached_input=cached, cache_write=written, output=output, extras=extras)
