"""The desk on a store: what people do holds across restarts, and nothing is told twice."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from tests.unit.alerts.conftest import AT, TICK, House, budget

from foreroute.alerts.delivery import NotSent
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.journal import ALERT, OUTBOX
from foreroute.alerts.outbox import Outbox, OutboxSettings
from foreroute.alerts.settings import AlertRoute, AlertSettings
from foreroute.alerts.values import Notice, Phase, Source
from foreroute.core.errors import StoreUnavailable
from foreroute.core.fields import BadField
from foreroute.core.ports import Record, RecordStore
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.sqlite import SqliteStore

Make = Callable[..., House]


@dataclass
class Ear:
    """A receiver that notes what it is told. While `error` is set it does not take anything."""

    told: list[Notice] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    error: NotSent | None = None
    bug: Exception | None = None
    kind: str = "test"

    async def send(self, notice: Notice) -> None:
        self.tries.append(asyncio.get_running_loop().time())
        if self.bug is not None:
            raise self.bug
        if self.error is not None:
            raise self.error
        self.told.append(notice)

    async def aclose(self) -> None:
        pass


class LoopTime:
    def now(self) -> float:
        return AT + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.now()))


class Service:
    """A desk that lives through ticks, dies and comes back. One minute passes with each tick."""

    def __init__(self, house: House, records: RecordStore, ears: dict[str, Ear] | None = None) -> None:
        self.house, self.records = house, records
        self.ears = ears or {"me": Ear()}
        self.settings = AlertSettings(
            receivers=tuple(self.ears), routes=(AlertRoute(receivers=tuple(self.ears)),)
        )
        self.outbox_settings = OutboxSettings()
        self.desk = self._make()

    def _make(self) -> AlertDesk:
        outbox = Outbox(self.ears, self.records, LoopTime(), Random(1), self.outbox_settings)
        return AlertDesk(self.settings, self.records, outbox, LoopTime())

    async def __aenter__(self) -> Self:
        await self.desk.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.desk.outbox.aclose()

    async def tick(self, times: int = 1, **what: Any) -> None:
        for _ in range(times):
            self.house.minute += 1
            await asyncio.sleep(TICK)
            await self.desk.update(self.house.evidence(**what))
        await asyncio.sleep(0.001)

    async def restart(self, *, in_order: bool = True) -> None:
        if in_order:
            await self.desk.stop()
        else:
            await self.desk.outbox.aclose()
        self.desk = self._make()
        await self.desk.start()

    @property
    def told(self) -> list[str]:
        return [notice.reason.value for notice in self.ears["me"].told]


@pytest.fixture
def records() -> RecordStore:
    return MemoryStore(merge_rollups).records


async def test_a_restart_in_the_middle_tells_nothing_twice(house: Make, records: RecordStore) -> None:
    async with Service(house(), records) as it:
        await it.tick(3, incidents=["a"])
        before = it.desk.state
        for _ in range(3):
            await it.restart()
            await it.tick(2, incidents=["a"])
        assert it.told == ["firing"]
        assert it.desk.state.alerts.keys() == before.alerts.keys()
        await it.tick(10)
        await it.restart()
        await it.tick(5)
        assert it.told == ["firing", "resolved"]


@pytest.mark.parametrize("in_order", [True, False])
async def test_what_is_spent_of_a_budget_is_told_once_however_often_the_service_starts(
    house: Make, records: RecordStore, *, in_order: bool
) -> None:
    half = replace(budget(55, 60), alerts_at=(0.5, 0.8, 1.0))
    async with Service(house(), records) as it:
        await it.tick(2, budgets=[half])
        for _ in range(3):
            await it.restart(in_order=in_order)
            await it.tick(2, budgets=[half])
        spent = [one for one in it.ears["me"].told if one.alerts[0].source is Source.BUDGET]
        assert [one.reason.value for one in spent] == ["firing"]


async def test_a_restart_on_disk_gives_the_same_state(house: Make, tmp_path: Path) -> None:
    """The virtual loop does not wait for the store's thread, so this one runs on a loop of its own."""

    async def run() -> None:
        store = await SqliteStore.open(tmp_path / "a.db", merge_rollups)
        desk = AlertDesk(
            AlertSettings(), store.records, Outbox({}, store.records, LoopTime(), Random(1)), LoopTime()
        )
        it = house()
        for _ in range(4):
            it.minute += 1
            await desk.update(it.evidence(incidents=["a", "b"], anomalies=[]))
        name = next(iter(desk.state.alerts.values())).id
        await desk.acknowledge(name, by="ann")
        await desk.vote(name, useful=False)
        await desk.silence(["channel=b"], start_at=AT, end_at=AT + 1e5, author="ann", comment="")
        await desk.stop()
        again = AlertDesk(
            AlertSettings(), store.records, Outbox({}, store.records, LoopTime(), Random(1)), LoopTime()
        )
        await again.start()
        assert again.state.silences == desk.state.silences
        assert again.state.feedback.votes == desk.state.feedback.votes
        assert again.state.groups == desk.state.groups
        assert {a.id: (a.phase, a.acknowledged_by, a.silenced_by) for a in again.state.alerts.values()} == {
            a.id: (a.phase, a.acknowledged_by, a.silenced_by) for a in desk.state.alerts.values()
        }
        await again.outbox.aclose()
        await store.close()

    await asyncio.to_thread(asyncio.run, run())


async def test_killed_between_sent_and_recorded_it_is_sent_once_more_with_the_same_id(
    house: Make, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Service(house(), records) as it:
        await it.tick(incidents=["a"])
        real = records.append

        async def no_receipts(given: Any) -> None:
            """The journal as it is when the process dies right after the sending."""
            kept = [one for one in given if one.kind != OUTBOX or b'"waiting"' in one.body]
            await real(kept)

        with monkeypatch.context() as dying:
            dying.setattr(records, "append", no_receipts)
            await it.tick(incidents=["a"])
            assert it.told == ["firing"]
        await it.restart(in_order=False)
        await it.tick(3, incidents=["a"])
        ids = [notice.id for notice in it.ears["me"].told]
        assert len(ids) == 2
        assert len(set(ids)) == 1
        await it.restart(in_order=False)
        await it.tick(3, incidents=["a"])
        assert len(it.ears["me"].told) == 2


async def test_what_is_on_its_way_is_on_record_before_it_is_sent(house: Make, records: RecordStore) -> None:
    ear = Ear()
    seen: list[list[Record]] = []

    async def look(notice: Notice) -> None:
        seen.append([one for one in await records.read(OUTBOX) if one.id == notice.id])

    ear.send = look  # type: ignore[method-assign] # looks at the store at the moment of sending
    async with Service(house(), records, {"me": ear}) as it:
        await it.tick(3, incidents=["a"])
    assert [len(one) for one in seen] == [1]


async def test_a_receiver_that_is_down_is_tried_again_with_growing_pauses(
    house: Make, records: RecordStore
) -> None:
    ear = Ear(error=NotSent("it answers 503"))
    async with Service(house(), records, {"me": ear}) as it:
        await it.tick(12, incidents=["a"])
        pauses = [later - earlier for earlier, later in zip(ear.tries, ear.tries[1:], strict=False)]
        assert len(pauses) >= 5
        assert all(4.0 * 2**n <= pause <= 6.0 * 2**n for n, pause in enumerate(pauses[:6]))
        [row] = it.desk.outbox.rows()
        assert (row["state"], row["error"], row["waiting"]) == ("dead", "it answers 503", 1)
        ear.error = None
        await it.tick(12, incidents=["a"])
        assert it.told[0] == "firing"
        assert it.desk.outbox.rows()[0]["state"] == "ok"


async def test_a_receiver_may_ask_for_a_longer_pause(house: Make, records: RecordStore) -> None:
    ear = Ear(error=NotSent("it answers 429", after_s=100.0))
    async with Service(house(), records, {"me": ear}) as it:
        await it.tick(5, incidents=["a"])
        assert ear.tries[1] - ear.tries[0] == pytest.approx(100.0)


async def test_a_dead_receiver_is_told_to_the_other_one_once_and_so_is_its_return(
    house: Make, records: RecordStore
) -> None:
    ears = {"me": Ear(error=NotSent("it answers 404", for_good=True)), "you": Ear()}
    async with Service(house(), records, ears) as it:
        await it.tick(20, incidents=["a"])
        about = [n for n in ears["you"].told if any(a.source is Source.RECEIVER for a in n.alerts)]
        assert len(about) == 1
        assert "it answers 404" in about[0].alerts[-1].summary
        assert ears["me"].told == []


async def test_a_sender_that_is_broken_does_not_stop_the_others(house: Make, records: RecordStore) -> None:
    ears = {"me": Ear(), "you": Ear(bug=KeyError("secret"))}
    async with Service(house(), records, ears) as it:
        await it.tick(2, incidents=["a"])
        assert it.told == ["firing"]
        row = next(row for row in it.desk.outbox.rows() if row["name"] == "you")
        assert row["error"] == "it failed with KeyError"


async def test_the_queue_is_bounded_and_says_what_it_has_dropped(house: Make, records: RecordStore) -> None:
    ear = Ear(error=NotSent("it answers 503"))
    it = Service(house(), records, {"me": ear})
    it.outbox_settings = OutboxSettings(waiting_max=3)
    it.settings = AlertSettings(
        receivers=("me",), routes=(AlertRoute(receivers=("me",), repeat_interval_s=300.0),)
    )
    it.desk = it._make()
    async with it:
        await it.tick(60, incidents=["a"])
        [row] = it.desk.outbox.rows()
        assert row["waiting"] == 3
        assert row["dropped"] >= 5
        assert any(b'"dropped"' in one.body for one in await records.read(OUTBOX))


async def test_a_store_that_is_down_delays_no_message_and_forgets_no_alert(
    house: Make, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(given: Any) -> None:
        raise StoreUnavailable("the disk is full")

    async with Service(house(), records) as it:
        with monkeypatch.context() as broken:
            broken.setattr(records, "append", down)
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await it.tick(incidents=["a"])
            await asyncio.sleep(0.001)
            assert it.told == ["firing"]
        await it.tick(incidents=["a"])
        assert len(await records.read(ALERT)) == 1
        states = [one.body for one in await records.read(OUTBOX)]
        assert [b'"sent"' in body for body in states] == [True]
        await it.restart()
        await it.tick(5, incidents=["a"])
        assert it.told == ["firing"]


async def test_a_run_that_was_killed_is_told_with_the_time_it_was_away(
    house: Make, records: RecordStore
) -> None:
    async with Service(house(), records) as it:
        await it.tick(3)
        await it.restart(in_order=False)
        it.house.minute += 30
        await it.tick()
        [alert] = it.desk.state.alerts.values()
        assert alert.source is Source.LOOP
        assert alert.since_at == AT + 3 * TICK


async def test_a_run_that_was_stopped_in_order_is_not_missed(house: Make, records: RecordStore) -> None:
    async with Service(house(), records) as it:
        await it.tick(3)
        await it.restart()
        it.house.minute += 30
        await it.tick()
        assert it.desk.state.alerts == {}


async def test_a_loop_that_hangs_is_told_from_outside(house: Make, records: RecordStore) -> None:
    async with Service(house(), records) as it:
        await it.tick(3, incidents=["a"])
        for _ in range(10):
            await asyncio.sleep(TICK)
            await it.desk.quiet(LoopTime().now(), TICK)
        await asyncio.sleep(0.001)
        loops = [n for n in it.ears["me"].told if any(a.source is Source.LOOP for a in n.alerts)]
        assert len(loops) == 1
        assert all(a.phase is not Phase.RESOLVED for a in it.desk.state.alerts.values())


async def test_the_last_words_of_a_loop_leave_at_once(house: Make, records: RecordStore) -> None:
    async with Service(house(), records) as it:
        await it.tick(3)
        await it.desk.last_words(LoopTime().now() + 1.0, TICK, 5.0)
        assert it.told == ["firing"]
        assert it.ears["me"].told[0].alerts[0].source is Source.LOOP


async def test_what_people_do_is_refused_with_a_reason(house: Make, records: RecordStore) -> None:
    async with Service(house(), records) as it:
        now = LoopTime().now()
        for matchers, end_at, says in (
            ([], now + 60, "must not be empty"),
            (["nonsense"], now + 60, "no matcher"),
            (["channel=a"], now - 1, "makes no sense"),
            (["channel=a"], now + 1e8, "makes no sense"),
        ):
            with pytest.raises(BadField, match=says):
                await it.desk.silence(matchers, start_at=now, end_at=end_at, author="", comment="")
        for work in (
            it.desk.acknowledge("x", by=""),
            it.desk.vote("x", useful=True),
            it.desk.end_silence("x"),
            it.desk.test("x"),
        ):
            with pytest.raises(KeyError):
                await work
