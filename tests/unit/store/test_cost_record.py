"""What was forecast and sent is kept as it was said first, graded once, and claimed by one alone."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from foreroute.core.cost_record import ReportSent, SendState, StatedForecast
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

FORECAST = StatedForecast(
    period="day",
    start_at=0.0,
    end_at=86_400.0,
    mark=50,
    division="total",
    name="total",
    at=43_300.0,
    spent_usd=Decimal("1.5"),
    expected_usd=Decimal("3.000001"),
    lower_usd=Decimal(2),
    upper_usd=Decimal(4),
)
REPORT = ReportSent(
    report="finance", period="day", window="2026-11-29", target=0, state=SendState.BEGUN, tries=1, at=10.0
)


async def test_what_was_said_first_stands_and_is_graded_once(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.db", merge_rollups)
    record = store.cost_record
    channel = replace(FORECAST, division="channel", name="a")
    assert await record.state([FORECAST, channel]) == 2
    assert await record.state([replace(FORECAST, expected_usd=Decimal(9)), channel]) == 0
    assert await record.ungraded(86_399.0) == []
    assert await record.ungraded(86_400.0) == [channel, FORECAST]
    came = replace(FORECAST, came_usd=Decimal("2.5"), unpriced_attempts=3)
    await record.grade([came, channel], 90_000.0)
    await record.grade([replace(came, came_usd=Decimal(7))], 95_000.0)
    assert await record.ungraded(1e9) == [channel], "nobody knows yet what came of it"
    assert await record.forecasts(since_at=0.0) == [channel, came]
    assert await record.forecasts(since_at=86_400.0) == []
    await store.close()


async def test_a_report_is_claimed_by_one_and_again_only_after_it_failed(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.db", merge_rollups)
    record = store.cost_record
    claims = [record.claim(REPORT, failed_before=0.0) for _ in range(5)]
    assert sorted(await asyncio.gather(*claims)) == [False, False, False, False, True]
    await record.settle(replace(REPORT, state=SendState.FAILED, error="no", at=20.0))
    again = replace(REPORT, at=30.0)
    assert not await record.claim(again, failed_before=20.0)
    assert await record.claim(again, failed_before=20.5)
    await record.settle(replace(again, state=SendState.SENT, at=31.0))
    assert not await record.claim(replace(REPORT, at=99.0), failed_before=98.0)
    (kept,) = await record.reports(since_at=0.0)
    assert (kept.state, kept.tries, kept.at) == (SendState.SENT, 2, 31.0)
    await store.close()
