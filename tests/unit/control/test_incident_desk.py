"""The desk that keeps incidents: over restarts, with a store that fails, and with what people add."""

from pathlib import Path
from typing import Any

import pytest
from tests.incident_ticks import AT, CHANNELS, CHAT, PLACES, decision, plan

from foreroute.control.decision_log import audit_record
from foreroute.control.incidents.book import IncidentBook
from foreroute.control.incidents.desk import NOTES_MAX, IncidentDesk, IncidentHouse
from foreroute.control.incidents.seen import Seen
from foreroute.control.incidents.watch import AttemptWatch
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.errors import StoreUnavailable
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Incident, IncidentState
from foreroute.core.ids import ChannelId, IncidentId, RequestId
from foreroute.core.incident_ports import KeptIncident
from foreroute.core.ledger import LedgerEntry
from foreroute.core.patterns import FailurePattern
from foreroute.core.rollup import Rollup
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.memory_incidents import MemoryIncidents
from foreroute.store.sqlite import SqliteStore

A = ChannelId("aws-us-1")


class Clock:
    at = AT

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


def desk_on(store: Any, **house: Any) -> IncidentDesk:
    values = {"store": store.incidents, "records": store.records, "ledger": store.ledger, "clock": Clock()}
    return IncidentDesk(IncidentBook(AttemptWatch({})), IncidentHouse(**(values | house)))


def desk_keeping(store: Any, kept: Any) -> IncidentDesk:
    house = IncidentHouse(store=kept, records=store.records, ledger=store.ledger, clock=Clock())
    return IncidentDesk(IncidentBook(AttemptWatch({})), house)


def seen(at: float, *, bad: bool = True, closed: bool = False) -> Seen:
    incident = Incident(
        id=IncidentId("inc-a"),
        channel=A,
        opened_at=AT,
        root_cause=FailureClass.OVERLOADED,
        probability=0.9,
        evidence="e",
        state=IncidentState.CLOSED if closed else IncidentState.OPEN,
        closed_at=at if closed else None,
    )
    return Seen(
        at=at,
        channels=CHANNELS,
        configured=plan(),
        before=plan(),
        decision=decision(at),
        incidents=(incident,) if bad or closed else (),
        rollups=[
            Rollup(channel=ChannelId(name), window_start=at - 60, source="s", attempts=10, successes=9)
            for name in PLACES
        ],
    )


def failed(number: int, at: float) -> Attempt:
    return Attempt(
        request_id=RequestId(f"q{number}"),
        number=1,
        route=CHAT,
        channel=A,
        started_at=at - 1.0,
        duration_s=1.0,
        outcome=Outcome.FAILURE,
        failure_class=FailureClass.OVERLOADED,
        reason=PickReason.CONFIGURED,
        plan_version=1,
    )


async def test_an_incident_goes_on_over_a_restart_with_what_users_felt(tmp_path: Path) -> None:
    attempts = [failed(number, AT + 5.0 + number) for number in range(20)]
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    desk = desk_on(store)
    await desk.start(AT)
    desk.observe(attempts)
    await store.ledger.append(
        [LedgerEntry(attempt=one, cost_usd=None, price_source="unpriced") for one in attempts]
    )
    await desk.update(seen(AT + 60))
    (before,) = await desk.newest(10)
    await desk.note(before.id, "seen", "ann")
    await store.close()

    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    desk = desk_on(store)
    await desk.start(AT + 90)
    await desk.update(seen(AT + 120))
    (after,) = await desk.newest(10)
    assert after.id == before.id
    assert after.phases.first_bad_at == before.phases.first_bad_at == AT + 5.0
    assert (after.felt.lost, before.felt.lost) == (20, 20), "read again from the ledger, none of them twice"
    assert [note.text for note in after.notes] == ["seen"]
    await desk.update(seen(AT + 180, closed=True))
    assert (await desk.one(before.id)).phases.closed_at == AT + 180
    await store.close()


async def test_an_open_one_is_taken_up_however_old_it_is() -> None:
    store = MemoryStore(merge_rollups)
    first = desk_on(store)
    await first.start(AT)
    await first.update(seen(AT + 60))
    later = desk_on(store)
    at = AT + 40 * 86_400.0
    await later.start(at)
    assert set(later.about()) == {A}


class Moody(MemoryIncidents):
    """A store that is away now and then."""

    away = False

    async def put(self, incidents: Any) -> None:
        if self.away:
            raise StoreUnavailable("the disk is full")
        await super().put(incidents)


async def test_what_a_store_does_not_take_is_offered_again() -> None:
    store, kept = MemoryStore(merge_rollups), Moody()
    desk = desk_keeping(store, kept)
    await desk.start(AT)
    kept.away = True
    with pytest.raises(StoreUnavailable):
        await desk.update(seen(AT + 60))
    assert len(await desk.newest(10)) == 1, "it is known all the same"
    kept.away = False
    await desk.update(seen(AT + 120, bad=False))
    assert len(kept._kept) == 1


async def test_what_another_version_wrote_does_not_keep_it_from_starting() -> None:
    store = MemoryStore(merge_rollups)
    await store.incidents.put([KeptIncident(id="x", opened_at=AT, closed_at=None, body=b'{"id":1}')])
    desk = desk_on(store)
    await desk.start(AT)
    assert await desk.newest(10) == []
    with pytest.raises(KeyError):
        await desk.one("x")


async def test_operators_acts_are_read_from_the_record_once() -> None:
    store = MemoryStore(merge_rollups)
    desk = desk_on(store)
    await desk.start(AT)
    await store.records.append([audit_record(at=AT + 70, action="kill_switch", detail="on")])
    for at in (AT + 60, AT + 120, AT + 180):
        await desk.update(seen(at))
    (report,) = await desk.newest(10)
    assert [act.what for act in report.acts] == ["kill_switch: on"]


async def test_messages_are_counted_from_what_is_learnt() -> None:
    total = 5

    def patterns() -> list[FailurePattern]:
        found = FailurePattern(
            id="t-1",
            text="too long",
            example="too long",
            count=total,
            first_at=AT,
            last_at=AT,
            channels={A: total},
        )
        return [found]

    store = MemoryStore(merge_rollups)
    desk = desk_on(store, patterns=patterns)
    await desk.start(AT)
    total = 8
    await desk.update(seen(AT + 60))
    total = 9
    await desk.update(seen(AT + 120))
    (report,) = await desk.newest(10)
    assert [one.count for one in report.patterns] == [4], "the five from before are of something else"


async def test_notes_have_an_end_and_unknown_names_are_refused() -> None:
    store = MemoryStore(merge_rollups)
    desk = desk_on(store)
    await desk.start(AT)
    await desk.update(seen(AT + 60))
    (report,) = await desk.newest(10)
    for number in range(NOTES_MAX):
        await desk.note(report.id, f"{number}", "")
    with pytest.raises(ValueError, match="at most"):
        await desk.note(report.id, "one more", "")
    for refused in (desk.note("nowhere", "x", ""), desk.close("nowhere", "")):
        with pytest.raises(KeyError):
            await refused


async def test_closing_twice_changes_nothing_and_is_on_record_once() -> None:
    store = MemoryStore(merge_rollups)
    desk = desk_on(store)
    await desk.start(AT)
    await desk.update(seen(AT + 60))
    (report,) = await desk.newest(10)
    once = await desk.close(report.id, "ann")
    assert await desk.close(report.id, "bob") == once
    assert desk.about() == {}
    audits = [record.body for record in await store.records.read("audit")]
    assert sum(b"incident_close" in body for body in audits) == 1
