"""What every store must do, as functions that a test calls with a fresh store. Public: for third-party stores too.

async def test_my_store(tmp_path):
await check_rollup_store(await MyRollups.open(tmp_path))

Series and ages of rollups are in `check_rollups`.
"""

from dataclasses import replace
from decimal import Decimal

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import KeptLedger, KeptRollups, LedgerStore, Record, RecordStore
from foreroute.core.rollup import Rollup
from foreroute.core.work import Ratio
from foreroute.monitor.fold import Folder

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
    folder = Folder(window_s=60.0, source=source)
    folder.add(many, [Ratio(1.5, 1.25)] * attempts)
    (rollup,) = folder.changed()
    return rollup


async def check_rollup_store(store: KeptRollups) -> None:
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
    """Old attempts go by whole hours, their totals stay, and new ones are left alone. Rows come in order of time."""
    entries = [an_entry(1, request=f"h{n}", at=n * 1800.0, cost="0.1") for n in range(10)]
    await store.append(entries[::-1])
    assert await store.entries(start_at=3600.0, end_at=9000.0) == entries[2:5]
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
    assert await store.read("decision", since_at=5.0, until_at=8.0) == records[5:8]
    assert await store.read("decision", until_at=8.0, limit=2) == records[6:8]
    assert await store.read("decision", limit=0) == []
    changed = record("decision", "d3", 3.0, b'{"changed":true}')
    await store.append([changed])
    assert (await store.read("decision"))[3] == changed
    assert await store.prune(10.0) == 11
    assert await store.read("decision") == records[10:]
    assert await store.read("incident") == []
