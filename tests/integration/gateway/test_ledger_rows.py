"""Whatever becomes of an attempt, the ledger has one row of it that says what it was."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.extras import Extra
from foreroute.core.ids import RegionId, RequestId
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.cost.ledger import price_attempts
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.gateway.settings import GatewaySettings
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=3, open_s=10.0),
)
HEDGING = CallPolicy(timeouts=POLICY.timeouts, breaker=POLICY.breaker, hedge_after_s=1.0)


async def everything(house: Any) -> list[Any]:
    """Attempts of every kind, through real sockets."""
    failing = await house()
    failing.set("a", status=503)
    await failing.post()
    silent = await house()
    silent.set("a", time_to_first_chunk_s=30.0)
    await silent.post(stream=True)
    hedged = await house(policy=HEDGING)
    hedged.set("a", time_to_first_chunk_s=4.0)
    await hedged.post(stream=True)
    left = await house("a")
    left.set("a", time_to_first_chunk_s=4.0)
    asking = asyncio.create_task(left.post(stream=True))
    await asyncio.sleep(1.0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    probed = await house(policy=POLICY, settings=GatewaySettings(probe=True))
    probed.set("a", status=401)
    await probed.post()
    await asyncio.sleep(15.0)
    passed = await house("a")
    await passed.client.images.generate(model="gpt", prompt="A cat")
    homes = [failing, silent, hedged, left, probed, passed]
    await asyncio.sleep(0.2)
    asked = sum(home.asked(name) for home in homes for name in home.providers)
    attempts = [
        replace(attempt, request_id=RequestId(f"{place}-{attempt.request_id}"))
        for place, home in enumerate(homes)
        for attempt in home.attempts
    ]
    assert len(attempts) == asked, "every question that a provider was asked is an attempt"
    return attempts


async def test_every_kind_of_attempt_has_one_row_that_says_what_it_was(house, tmp_path):
    attempts = await everything(house)
    rows = await asyncio.to_thread(asyncio.run, kept(attempts, tmp_path / "ledger.db"))
    assert len(rows) == len(attempts)
    seen = {
        (row.attempt.outcome.value, row.attempt.reason.value, row.attempt.hedge, row.attempt.number > 1)
        for row in rows
    }
    for mark in [
        ("failure", "configured", False, False),
        ("success", "failover", False, True),
        ("timeout", "configured", False, False),
        ("ignored", "configured", False, False),
        ("success", "hedge", True, True),
        ("failure", "probe", False, False),
    ]:
        assert mark in seen, f"{mark} is not among {seen}"
    (picture,) = [row for row in rows if row.attempt.asked.endpoint == "/*"]
    assert dict(picture.attempt.usage.extras)[Extra.OUTPUT_IMAGE] == picture.attempt.usage.output_tokens
    asked_in_vain = [row for row in rows if row.attempt.outcome == "failure"]
    assert {row.cost_usd for row in asked_in_vain} == {0}
    cancelled = [row for row in rows if row.attempt.outcome == "ignored"]
    assert [(row.attempt.reason, row.attempt.usage) for row in cancelled if not row.cost_usd] == [], (
        "what was asked for is billed all the same"
    )


async def kept(attempts: list[Attempt], path: Path) -> list[LedgerEntry]:
    """What an SQLite ledger holds of them; they are offered twice."""
    names = {attempt.channel for attempt in attempts}
    channels = {
        name: Channel(
            id=name, provider="p", cloud="c", region=RegionId("r"), model="m", base_url="http://127.0.0.1/v1"
        )
        for name in names
    }
    book = GenaiPriceBook({name: UnitPrices(input=Decimal(1), output=Decimal(1)) for name in names})
    entries = price_attempts(attempts, channels, book)
    store = await SqliteStore.open(path, merge_rollups)
    try:
        await store.append(entries, [])
        await store.append(entries, [])
        return await store.costs.rows(start_at=0.0, end_at=1e11, limit=1000)
    finally:
        await store.close()
