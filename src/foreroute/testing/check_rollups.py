"""What every store must do with series of rollups and with their age: functions that a test calls with a fresh store."""

from collections.abc import Iterable
from dataclasses import replace

from foreroute.core.attempt import NO_USAGE
from foreroute.core.ids import ChannelId
from foreroute.core.ports import KeptRollups, RollupStore
from foreroute.core.rollup import NO_LATENCY, Rollup, Tiers
from foreroute.core.series import Metric, Samples, samples_of
from foreroute.testing.check_store import DAY_S, A, B, a_rollup


async def check_series(store: RollupStore) -> None:
    """One metric of a channel is what `read` says of it: sources merged, in order, within its bounds, NaN for unknown."""
    names = [ChannelId(f"channel {number}") for number in range(3)]
    rollups = [
        a_rollup(channel, 60.0 * minute, source=source, attempts=1 + minute % 5)
        for channel in names
        for minute in (2, 0, 7, 5)
        for source in (("run", "later") if minute == 5 else ("run",))
    ]
    silent = replace(rollups[0], channel=names[0], window_start=660.0, latency=NO_LATENCY)
    partial = replace(silent, window_start=720.0, attempts=5, metrics=(Metric.ATTEMPTS.value,))
    part = replace(a_rollup(names[0], 120.0, attempts=9), segment="route=chat")
    await store.append([*rollups, silent, partial, part])
    for metric in Metric:
        for start_at, end_at in ((0.0, 1e12), (120.0, 300.1), (120.1, 420.0), (5000.0, 6000.0)):
            found = await store.series(names[0], metric, start_at=start_at, end_at=end_at)
            known = await store.read(start_at=start_at, end_at=end_at, channels=[names[0]])
            assert _points(found) == _points(samples_of(known, names[0], metric)), metric
    assert len(await store.series(ChannelId("nobody"), Metric.ATTEMPTS, start_at=0.0, end_at=1e12)) == 0
    attempts = await store.series(names[0], Metric.ATTEMPTS, start_at=0.0, end_at=1e12, segment="route=chat")
    assert (list(attempts.starts_at), list(attempts.values)) == ([120.0], [9.0])
    (only,) = await store.read(start_at=0.0, end_at=1e12, channels=[names[0]], segment="route=chat")
    assert only == part


def _points(samples: Samples) -> list[tuple[float, float, str]]:
    """As text: NaN equals NaN then."""
    rounded = [f"{value:.6g}" for value in samples.values]
    return list(zip(samples.starts_at, samples.windows_s, rounded, strict=True))


async def check_thinning(store: KeptRollups) -> None:
    """Minutes become hours and days by themselves: nothing is lost, nothing counts twice, late ones are added."""
    minutes = [
        a_rollup(channel, 60.0 * minute, attempts=1 + minute % 3)
        for channel in (A, B)
        for minute in range(0, 2 * 1440, 7)
        if minute // 60 != 30
    ]
    await store.append(minutes)
    before = await store.read(start_at=0.0, end_at=1e12)

    await _thin(store, pack_at=2 * DAY_S)
    packed = await store.read(start_at=0.0, end_at=1e12)
    assert [(r.window_start, r.channel) for r in packed] == [(r.window_start, r.channel) for r in before]
    assert _totals(packed) == _totals(before)
    assert packed[5].latency.sketch == before[5].latency.sketch
    await store.append(minutes[:50])
    assert _totals(await store.read(start_at=0.0, end_at=1e12)) == _totals(before)

    await _thin(store, pack_at=2 * DAY_S, hours_at=2 * DAY_S - 5 * 3600.0, days_at=DAY_S)
    mixed = await store.read(start_at=0.0, end_at=1e12)
    mine = [r for r in mixed if r.channel == A]
    assert {r.window_s for r in mine if r.window_start < DAY_S} == {DAY_S}
    assert {r.window_s for r in mine if DAY_S <= r.window_start < DAY_S + 16 * 3600.0} == {3600.0}
    assert {r.window_s for r in mine if r.window_start >= DAY_S + 16 * 3600.0} == {60.0}
    assert 30 * 3600.0 not in {r.window_start for r in mine}, "an hour without a minute is not there"
    ends = [r.window_start + r.window_s for r in mine]
    assert all(end <= r.window_start for end, r in zip(ends, mine[1:], strict=False)), "none overlap"
    assert _totals(mixed) == _totals(before)
    for metric in Metric:
        found = await store.series(A, metric, start_at=0.0, end_at=1e12)
        assert _points(found) == _points(samples_of(mine, A, metric))

    await store.append(minutes)
    assert _totals(await store.read(start_at=0.0, end_at=1e12)) == _totals(before)
    late = [a_rollup(A, at, source="run~1", attempts=2) for at in (420.0, DAY_S, DAY_S + 420.0, 30 * 3600.0)]
    await store.append(late)
    await store.append(late)
    attempts = sum(rollup.attempts for rollup in before) + 8
    for _ in range(2):
        after = await store.read(start_at=0.0, end_at=1e12)
        assert sum(rollup.attempts for rollup in after) == attempts
        await _thin(store, pack_at=2 * DAY_S, hours_at=2 * DAY_S, days_at=DAY_S)
    await _thin(store, pack_at=9 * DAY_S, hours_at=9 * DAY_S, days_at=9 * DAY_S)
    days = await store.read(start_at=0.0, end_at=1e12)
    assert [(r.window_start, r.window_s, r.channel) for r in days] == [
        (at, DAY_S, channel) for at in (0.0, DAY_S) for channel in (A, B)
    ]
    assert sum(rollup.attempts for rollup in days) == attempts
    assert await store.prune(DAY_S) == 2
    await _thin(store, pack_at=9 * DAY_S, hours_at=9 * DAY_S, days_at=9 * DAY_S, gone_at=9 * DAY_S)
    assert await store.read(start_at=0.0, end_at=1e12) == []


async def _thin(
    store: KeptRollups, *, pack_at: float, hours_at: float = 0.0, days_at: float = 0.0, gone_at: float = 0.0
) -> None:
    tiers = Tiers(pack_at=pack_at, hours_at=hours_at, days_at=days_at, gone_at=gone_at)
    while await store.thin(tiers):
        pass


def _totals(rollups: Iterable[Rollup]) -> dict[ChannelId, tuple[object, ...]]:
    """All that adds up, by channel."""
    found: dict[ChannelId, list[Rollup]] = {}
    for rollup in rollups:
        found.setdefault(rollup.channel, []).append(rollup)
    return {
        channel: (
            sum(one.attempts for one in mine),
            sum(one.successes for one in mine),
            sum(one.latency.count for one in mine),
            round(sum(one.latency.total_s for one in mine), 3),
            sum((one.usage for one in mine), NO_USAGE),
            sum(one.cost_usd for one in mine),
        )
        for channel, mine in found.items()
    }
