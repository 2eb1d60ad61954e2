"""What every store must do, as functions that a test calls with a fresh store. Public: for third-party stores too.

async def test_my_store(tmp_path):
await check_rollup_store(await MyRollups.open(tmp_path))
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from foreroute.core.attempt import NO_USAGE, Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import KeptLedger, KeptRollups, LedgerStore, Record, RecordStore, RollupStore
from foreroute.core.rollup import NO_LATENCY, Rollup, Tiers
from foreroute.core.series import Metric, Samples, samples_of
from foreroute.monitor.fold import fold

A, B = ChannelId("a"), ChannelId("b")
DAY_S = 86400.0


def an_attempt(number: int = 1, *, request: str = "q", channel: ChannelId = A, at: float = 100.0) -> Attempt:
    """An attempt with every field set, so that a round trip that loses one is seen."""
    return Attempt(
        request_id=RequestId(request),
        number=number,
        route=RouteName("chat"),
        channel=channel,
        started_at=at,
        duration_s=1.25,
        outcome=Outcome.FAILURE if number > 1 else Outcome.SUCCESS,
        reason=PickReason.FAILOVER if number > 1 else PickReason.FORECAST,
        plan_version=7,
        client_region=RegionId("eu"),
        key_id=KeyId("team"),
        stream=True,
        time_to_first_chunk_s=0.375,
        failure_class=FailureClass.OVERLOADED if number > 1 else None,
        phase=Phase.HEADERS if number > 1 else Phase.DONE,
        status=503 if number > 1 else 200,
        usage=Usage(100, 20, 5, 30, 10),
        cost_usd=Decimal("0.000123456789"),
        hedge=True,
        retry_after_s=2.5,
        error="overloaded" if number > 1 else "",
    )


def an_entry(number: int = 1, *, cost: str | None = "0.000123456789", **more: object) -> LedgerEntry:
    usd = None if cost is None else Decimal(cost)
    attempt = replace(an_attempt(number, **more), cost_usd=usd)  # type: ignore[arg-type]
    return LedgerEntry(
        attempt=attempt, cost_usd=usd, price_source="config" if usd is not None else "unpriced"
    )


def a_rollup(channel: ChannelId = A, at: float = 120.0, *, source: str = "run", attempts: int = 3) -> Rollup:
    many = [an_attempt(1, request=f"q{n}", channel=channel, at=at) for n in range(attempts)]
    (rollup,) = fold(many, window_s=60.0, source=source)
    return rollup


async def check_rollup_store(store: RollupStore) -> None:
    """Round trip, order, bounds, idempotence, sources, pruning."""
    await store.append([])
    assert await store.read(start_at=0.0, end_at=1e12) == []
    rollups = [a_rollup(channel, at) for at in (240.0, 120.0) for channel in (B, A)]
    await store.append(rollups)
    expected = sorted(rollups, key=lambda rollup: (rollup.window_start, rollup.channel))
    assert await store.read(start_at=0.0, end_at=1e12) == expected
    assert [r.window_start for r in await store.read(start_at=120.0, end_at=240.0)] == [120.0, 120.0]
    assert {r.channel for r in await store.read(start_at=0.0, end_at=1e12, channels=[B])} == {B}
    assert await store.read(start_at=0.0, end_at=1e12, channels=[]) == []
    await store.append(rollups)
    assert await store.read(start_at=0.0, end_at=1e12) == expected
    grown = a_rollup(A, 120.0, attempts=9)
    await store.append([grown])
    assert (await store.read(start_at=120.0, end_at=121.0, channels=[A])) == [grown]
    await store.append([a_rollup(A, 120.0, source="after a restart", attempts=2)])
    (both,) = await store.read(start_at=120.0, end_at=121.0, channels=[A])
    assert both.attempts == 11
    assert await store.prune(240.0) == 3
    assert {r.window_start for r in await store.read(start_at=0.0, end_at=1e12)} == {240.0}


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


async def check_ledger_store(store: LedgerStore) -> None:
    """Round trip of every field, idempotence, exact sums, windows that begin and end anywhere."""
    await store.append([])
    assert dict(await store.spend(start_at=0.0, end_at=1e12)) == {}
    assert await store.request("nobody") == []
    first, second = an_entry(1), an_entry(2, cost="0.000000000001")
    await store.append([second, first])
    await store.append([first, replace(second, cost_usd=Decimal(9))])
    assert await store.request("q") == [first, second]
    spend = await store.spend(start_at=0.0, end_at=1e12)
    assert spend[A].cost_usd == Decimal("0.000123456790")
    assert (spend[A].attempts, spend[A].input_tokens, spend[A].output_tokens) == (2, 250, 60)
    await store.append(
        [an_entry(1, request="free", channel=B, cost="0"), an_entry(1, request="dark", channel=B, cost=None)]
    )
    other = (await store.spend(start_at=0.0, end_at=1e12))[B]
    assert (other.attempts, other.cost_usd, other.unpriced_attempts) == (2, Decimal(0), 1)
    many = [an_entry(1, request=f"h{n}", at=n * 1800.0, cost="0.1") for n in range(96)]
    await store.append(many)
    for start, end in ((0.0, 2 * DAY_S), (900.0, 1000.0), (1800.0, 1800.1), (3599.0, 90000.5), (5.0, 7200.0)):
        inside = [e for e in (first, second, *many) if start <= e.attempt.started_at < end]
        total = sum((e.cost_usd for e in inside if e.cost_usd is not None), Decimal(0))
        got = (await store.spend(start_at=start, end_at=end)).get(A)
        assert (got.attempts if got else 0, got.cost_usd if got else Decimal(0)) == (len(inside), total)


async def check_ledger_takes_anything(store: LedgerStore) -> None:
    """One attempt with absurd numbers or broken text keeps no other out, and sums stay exact beside it."""
    strange = an_entry(request="strange")
    absurd = Usage(2**64 - 1, 2**63, 0, 2**64 - 1, 0)
    attempt = replace(strange.attempt, usage=absurd, error="half a pair: \ud800", retry_after_s=float("inf"))
    million = "999999.000000000001"
    large = [an_entry(request=f"large{n}", channel=B, at=n * 3600.0, cost=million) for n in range(20)]
    await store.append([an_entry(), replace(strange, attempt=attempt), *large])
    assert await store.request("q") == [an_entry()]
    (kept,) = await store.request("strange")
    assert kept.cost_usd == strange.cost_usd
    spend = await store.spend(start_at=0.0, end_at=1e12)
    assert spend[A].attempts == 2
    assert spend[B].cost_usd == Decimal("19999980.000000000020")


async def check_ledger_pruning(store: KeptLedger) -> None:
    """Old attempts go by whole hours, their totals stay, and new ones are left alone."""
    entries = [an_entry(1, request=f"h{n}", at=n * 1800.0, cost="0.1") for n in range(10)]
    await store.append(entries)
    before = await store.spend(start_at=0.0, end_at=18000.0)
    assert await store.prune(3599.0) == 0
    assert await store.prune(7300.0) == 4
    assert await store.prune(7300.0) == 0
    assert await store.request("h3") == []
    assert await store.request("h4") == [entries[4]]
    assert await store.spend(start_at=0.0, end_at=18000.0) == before
    assert (await store.spend(start_at=3600.0, end_at=9000.0))[A].attempts == 3
    assert (await store.spend(start_at=1800.0, end_at=9000.0))[A].attempts == 3
    assert dict(await store.spend(start_at=0.0, end_at=3599.0)) == {}


async def check_record_store(store: RecordStore) -> None:
    """Kinds apart, newest last, limits, replacing, pruning."""

    def record(kind: str, name: str, at: float, body: bytes = b"{}") -> Record:
        return Record(kind=kind, id=name, at=at, body=body)

    await store.append([])
    assert await store.read("decision") == []
    records = [record("decision", f"d{n}", float(n)) for n in range(20)]
    await store.append([*reversed(records), record("incident", "d1", 5.0)])
    assert await store.read("decision") == records
    assert await store.read("decision", limit=3) == records[-3:]
    assert await store.read("decision", since_at=18.0) == records[18:]
    assert await store.read("decision", limit=0) == []
    changed = record("decision", "d3", 3.0, b'{"changed":true}')
    await store.append([changed])
    assert (await store.read("decision"))[3] == changed
    assert await store.prune(10.0) == 11
    assert await store.read("decision") == records[10:]
    assert await store.read("incident") == []
