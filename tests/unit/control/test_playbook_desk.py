"""The desk: written down before it is done, done beside the tick, heard when the answer comes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from tests.playbook_house import (
    OUT,
    A,
    Actuator,
    World,
    desk_of,
    ended_once,
    hook,
    minutes,
    plan,
    playbook,
    states,
    step,
    treat,
)

from foreroute.control.decision_log import AUDIT
from foreroute.control.playbooks.bounds import bounded
from foreroute.control.playbooks.house import PlaybookRefusedError
from foreroute.core.decision import Autopilot
from foreroute.core.errors import StoreUnavailable
from foreroute.core.findings import IncidentState
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.limits import Canary, ChannelLimits, Parameter, Setting
from foreroute.core.playbook_ports import Answer, KeptRun, Order
from foreroute.core.playbook_run import Hold, HoldKind, RunMode, RunState
from foreroute.heal.playbooks.playbook import ManualTrigger
from foreroute.heal.playbooks.state import Tell
from foreroute.heal.playbooks.steps import SetAttempts, SetConcurrency, SetTimeout, TimeoutPhase
from foreroute.store.memory import MemoryRecords
from foreroute.store.memory_playbooks import MemoryRunJournal


class WallClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.at

    async def sleep_until(self, at: float) -> None: ...


class Flaky(MemoryRunJournal):
    """Takes nothing while it is down."""

    down = False

    async def save(self, runs: Sequence[KeptRun]) -> bool:
        if self.down:
            raise StoreUnavailable("the disk is full")
        return await super().save(runs)


async def test_an_incident_is_treated_and_says_so():
    desk, world = desk_of(playbook("book", hook("call"), OUT)), World(ill=True)
    found = await minutes(desk, world, 1)
    (incident,) = found.incidents
    assert (incident.state, incident.playbooks_run) == (IncidentState.MITIGATED, ("book",))
    assert incident.steps_done == ("book/call", "book/out")
    assert [(one.channel, one.weight_max_ratio, one.playbook) for one in found.remedies] == [(A, 0.0, "book")]
    (treatment,) = desk.treatments(world.at).values()
    assert treatment.runs == (("book", world.at),)
    assert treatment.out_until == world.at + 600.0


async def test_what_was_asked_is_written_down_first_and_every_line_is_audited():
    journal, records, seen = MemoryRunJournal(), MemoryRecords(), list[int]()

    class Looks(Actuator):
        async def do(self, order: Order) -> Answer:
            seen.append(len(await journal.open(0.0)))
            return await super().do(order)

    desk = desk_of(playbook("book", hook("call"), OUT), journal=journal, actuator=Looks(), records=records)
    world = World(ill=True)
    await minutes(desk, world, 4)
    assert seen == [1]
    (run,) = desk.runs
    rows = [orjson.loads(one.body) for one in await records.read(AUDIT)]
    assert len(rows) == len(run.notes)
    assert rows[0]["actor"] == "foreroute"
    assert rows[0]["trigger"].startswith("overloaded_or_capacity")
    assert "peer_ok_rate" in rows[0]["evidence"]
    assert "out: lift the bound at once" in rows[0]["undo"]
    assert rows[-1]["detail"].startswith("book on channel:a: verified: peer_ok_rate >= 0.95: yes")


async def test_nothing_new_is_done_while_nothing_can_be_written_down():
    journal, actuator = Flaky(), Actuator()
    desk, world = (
        desk_of(playbook("book", hook("call"), OUT), journal=journal, actuator=actuator),
        World(ill=True),
    )
    journal.down = True
    with pytest.raises(StoreUnavailable):
        await minutes(desk, world, 1)
    assert (desk.runs, actuator.done) == ((), [])
    journal.down = False
    await minutes(desk, world, 1)
    assert states(desk) == ["verifying"]
    assert actuator.done == [f"{desk.runs[0].id}/call"]


async def test_an_answer_that_could_not_be_written_down_is_heard_later():
    journal, world = Flaky(), World(ill=True)

    class Breaks(Actuator):
        async def do(self, order: Order) -> Answer:
            journal.down = True
            return await super().do(order)

    desk = desk_of(
        playbook("book", hook("call"), OUT), journal=journal, actuator=Breaks(), clock=WallClock(world)
    )
    await minutes(desk, world, 1)
    await desk.settle()
    assert desk.runs[0].step("call").state.value == "asked"
    journal.down = False
    await minutes(desk, world, 1)
    assert states(desk) == ["verifying"]


async def test_another_process_that_has_written_is_noticed():
    journal, world = MemoryRunJournal(), World(ill=True)
    first, second = (desk_of(playbook(), journal=journal) for _ in range(2))
    await minutes(first, world, 1)
    await second.start()
    world.step()
    await treat(first, world)
    world.step(2)
    await treat(first, world)
    with pytest.raises(Exception, match="another process"):
        await treat(second, world)
    await treat(second, world)
    assert second.runs == first.runs


async def test_a_restart_takes_up_what_was_asked_exactly_once():
    journal, world, actuator = MemoryRunJournal(), World(ill=True), Actuator()
    begun = asyncio.Event()

    class Hangs(Actuator):
        async def do(self, order: Order) -> Answer:
            begun.set()
            await asyncio.Event().wait()
            return await super().do(order)

    book = playbook("book", hook("call"), OUT)
    desk = desk_of(book, journal=journal, actuator=Hangs(), clock=WallClock(world))
    await minutes(desk, world, 1)
    await begun.wait()
    await desk.aclose()
    again = desk_of(book, journal=journal, actuator=actuator, clock=WallClock(world))
    await again.start()
    await again.settle()
    await minutes(again, world, 4)
    (run,) = again.runs
    assert actuator.done == [f"{run.id}/call"]
    assert run.state is RunState.VERIFIED
    assert ended_once(run.notes)


async def test_a_step_that_takes_too_long_is_called_off_before_it_is_undone():
    world, order = World(ill=True), list[str]()

    class Slow(Actuator):
        async def do(self, one: Order) -> Answer:
            try:
                await asyncio.Event().wait()
            finally:
                order.append("called off")
            return Answer(ok=True)

        async def undo(self, one: Order) -> Answer:
            order.append("undone")
            return Answer(ok=True)

    desk = desk_of(playbook("book", hook("call", timeout_s=60.0)), actuator=Slow(), clock=WallClock(world))
    await minutes(desk, world, 1)
    await asyncio.sleep(0)
    await minutes(desk, world, 2)
    await desk.settle()
    assert order == ["called off", "undone"]
    assert desk.runs[0].state is RunState.ROLLED_BACK


async def test_a_step_that_raises_has_failed():
    class Raises(Actuator):
        async def do(self, order: Order) -> Answer:
            raise RuntimeError("out of ideas")

    desk, world = desk_of(playbook("book", hook("call")), actuator=Raises()), World(ill=True)
    await minutes(desk, world, 1)
    assert "RuntimeError: out of ideas" in desk.runs[0].why


async def test_people_approve_reject_begin_and_undo():
    asks = playbook("asks", OUT, triggers=(ManualTrigger(),))
    desk, world = desk_of(playbook(mode=RunMode.APPROVE), asks), World(ill=True)
    changes = list[float]()

    async def changed() -> None:
        changes.append(world.at)

    desk.changed = changed
    await minutes(desk, world, 1)
    (run,) = desk.runs
    assert (run.state, desk.approved()) == (RunState.WAITING, set())
    await desk.approve(run.id, "ann")
    assert (desk.approved(), len(changes)) == ({A}, 1)
    with pytest.raises(PlaybookRefusedError, match="does not wait"):
        await desk.approve(run.id, "ann")
    with pytest.raises(PlaybookRefusedError, match="cannot run on channel:a now"):
        await desk.begin("asks", "channel:a", "ann")
    dry = await desk.begin("asks", "channel:a", "ann", dry_run=True)
    assert dry.state is RunState.REHEARSED
    undone = await desk.reject(run.id, "bob", "enough")
    assert (undone.state, undone.why, len(changes)) == (RunState.ROLLED_BACK, "enough", 2)
    with pytest.raises(PlaybookRefusedError, match="is over"):
        await desk.reject(run.id, "bob")
    assert (await desk.begin("asks", "channel:a", "ann")).actor == "ann"
    for work, said in (
        (desk.begin("none", "channel:a", "ann"), "there is no playbook 'none'"),
        (desk.begin("asks", "channel:z", "ann"), "there is no scope 'channel:z'"),
        (desk.approve("run-x", "ann"), "there is no run 'run-x'"),
    ):
        with pytest.raises(PlaybookRefusedError, match=said):
            await work
    assert [one.id for one in await desk.history(playbook="book")] == [run.id]


async def test_a_stage_that_does_not_act_proposes():
    desk, world = (
        desk_of(playbook("book", hook("call"), OUT), actuator=(actuator := Actuator())),
        World(ill=True),
    )
    found = await minutes(desk, world, 1, stage=Autopilot.OBSERVE)
    assert [one.weight_max_ratio for one in found.remedies] == [0.0], (
        "for the decision, which acts by its stages"
    )
    assert (actuator.done, desk.bound(plan())) == ([], plan())


async def test_escalations_reach_people():
    told = list[Tell]()

    async def tell(command: Tell) -> None:
        told.append(command)
        raise RuntimeError("nobody there")

    stuck = Actuator(fails={"call/undo"})
    desk, world = (
        desk_of(playbook("book", hook("call"), max_attempts=1), actuator=stuck, tell=tell),
        World(ill=True),
    )
    world.peers = 0.1
    await minutes(desk, world, 8)
    assert states(desk) == ["rolled_back"]
    assert [one.key for one in told] == [f"{desk.runs[0].id}/stuck"]


# What is bounded in the plan ----------------------------------------------------------------------------------------


async def test_bounds_are_in_the_plan_while_they_hold():
    steps = (
        step("fewer", SetConcurrency(factor=0.5, for_s=600.0)),
        step("patient", SetTimeout(phase=TimeoutPhase.FIRST_CHUNK, factor=1.5, for_s=600.0)),
        step("once", SetAttempts(most=1, for_s=600.0)),
    )
    desk, world = desk_of(playbook("book", *steps)), World(ill=True)
    await minutes(desk, world, 1)
    route = desk.bound(plan()).routes[RouteName("chat")]
    ours, theirs = route.targets
    assert (ours.policy.concurrency_max, ours.policy.timeouts.first_chunk_s, route.attempts_max) == (
        5,
        90.0,
        1,
    )
    assert theirs == plan().routes[RouteName("chat")].targets[1]
    world.at += 600.0
    world.rollups.clear()
    world.ill = False
    await treat(desk, world)
    assert desk.bound(plan()) == plan()


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (HoldKind.FIRST_CHUNK_TIMEOUT, 9.0, 120.0),
        (HoldKind.FIRST_CHUNK_TIMEOUT, 0.01, 30.0),
        (HoldKind.TOTAL_TIMEOUT, 0.01, 60.0),
    ],
)
def test_the_rails_hold_whatever_is_asked(kind: HoldKind, value: float, wanted: float):
    hold = Hold(channel=A, kind=kind, value=value, from_at=0.0, until=1.0)
    timeouts = bounded(plan(), [hold], {}, plan()).routes[RouteName("chat")].targets[0].policy.timeouts
    assert timeouts.first_chunk_s == wanted
    assert 0.5 * 600.0 <= timeouts.total_s <= 2 * 600.0


def test_what_nobody_knows_cannot_be_halved_and_one_request_remains():
    half = Hold(channel=A, kind=HoldKind.CONCURRENCY, value=0.5, from_at=0.0, until=1.0)

    def most(limit: int | None) -> int | None:
        limits = {ChannelId("a"): limit}
        return (
            bounded(plan(), [half], limits, plan())
            .routes[RouteName("chat")]
            .targets[0]
            .policy.concurrency_max
        )

    assert [most(None), most(1), most(9)] == [None, 1, 4]
    more = replace(half, value=2.0)
    bound = bounded(plan(), [more], {A: 9}, plan()).routes[RouteName("chat")].targets[0]
    assert bound.policy.concurrency_max == 9, "the channel's own limit is a rail"


def test_what_was_tuned_is_bounded_as_well():
    tuned = ChannelLimits(
        settings={
            Parameter.CONCURRENCY: Setting(8.0),
            Parameter.STALL: Setting(4.0, per_token=0.25, most=10.0),
            Parameter.CONNECT: Setting(1.0),
        },
        canary=Canary(name="t1", parameter=Parameter.STALL, setting=Setting(2.0)),
    )
    holds = [
        Hold(channel=A, kind=kind, value=value, from_at=0.0, until=1.0)
        for kind, value in ((HoldKind.CONCURRENCY, 0.5), (HoldKind.STALL_TIMEOUT, 1.5))
    ]
    told = replace(plan(), limits={A: tuned, ChannelId("b"): tuned})
    limits = bounded(told, holds, {}, plan()).limits
    assert limits[A].settings == {
        Parameter.CONCURRENCY: Setting(4.0),
        Parameter.STALL: Setting(6.0, per_token=0.375, most=15.0),
        Parameter.CONNECT: Setting(1.0),
    }
    assert limits[A].canary is None, "nothing is tried where a playbook is at work"
    assert limits[ChannelId("b")] == tuned
