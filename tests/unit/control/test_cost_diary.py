"""A month goes by: what was expected is written down at its marks, and held against the ledger afterwards."""

from datetime import UTC, datetime
from decimal import Decimal

from foreroute.control.cost_diary import CostDiary
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.cost.forecast_record import MARKS, grades
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

MONDAY = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
HOUR_S, DAY_S = 3600.0, 86_400.0


class Hand:
    at = MONDAY

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at


def entry(number: int, at: float) -> LedgerEntry:
    usage = Usage(1000)
    attempt = Attempt(
        request_id=RequestId(f"r{number}"),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("ab"[number % 2]),
        started_at=at,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        usage=usage,
        cost_usd=Decimal("0.5"),
    )
    return LedgerEntry(attempt=attempt, cost_usd=attempt.cost_usd, price_source="config")


async def test_each_mark_of_each_period_is_stated_once_and_graded_when_it_is_over(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.db", merge_rollups)
    hours = range(24 * 9)
    await store.append(
        [
            entry(2 * hour + half, MONDAY + HOUR_S * (hour + 0.3 + half / 3))
            for hour in hours
            for half in (0, 1)
        ],
        [],
    )
    clock = Hand()
    diary = CostDiary(
        store.costs, store.cost_record, price=lambda _: lambda _c, _u: Decimal("0.5"), zone=UTC, clock=clock
    )
    for step in range(1, 24 * 8 * 2):
        clock.at = MONDAY + step * HOUR_S / 2
        await diary.round()
        if step % 7 == 0:  # a restart knows what was said
            diary = CostDiary(
                store.costs, store.cost_record, price=lambda _: lambda _c, _u: None, zone=UTC, clock=clock
            )
    ones = await store.cost_record.forecasts(since_at=0.0)
    second = [one for one in ones if one.period == "day" and one.start_at == MONDAY + DAY_S]
    assert sorted({one.mark for one in second}) == sorted(MARKS)
    assert {(one.division, one.name) for one in second} == {
        ("total", "total"), ("channel", "a"), ("channel", "b"), ("route", "chat"),
    }  # fmt: skip
    assert {one.came_usd for one in second} == {Decimal(24), Decimal(12)}
    running = [one for one in ones if one.end_at > clock.at]
    assert running
    assert all(one.came_usd is None for one in running)
    week = [grade for grade in grades(ones) if (grade.period, grade.division) == ("week", "total")]
    assert [grade.graded for grade in week] == [1] * len(MARKS)
    assert week[-1].error is not None
    assert week[-1].error < 0.02, "the same every hour: there is nothing to miss"
    await store.close()
