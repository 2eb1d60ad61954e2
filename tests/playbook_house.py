"""A house of playbooks in few words: two channels of one route, one of which is ill for as long as one likes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from foreroute.control.playbooks.desk import PlaybookDesk, TellPeople, tell_nobody
from foreroute.control.playbooks.house import House
from foreroute.core.channel import Channel
from foreroute.core.decision import Autopilot
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Findings, Incident, IncidentState
from foreroute.core.ids import ChannelId, IncidentId, RegionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.playbook_ports import Answer, Order, RunJournal, StepActuator
from foreroute.core.ports import Clock, RecordStore
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.heal.playbooks.expression import Expression
from foreroute.heal.playbooks.expression_reader import read
from foreroute.heal.playbooks.facts import VOCABULARY
from foreroute.heal.playbooks.playbook import FailureTrigger, Playbook, Step, Verify
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import Book
from foreroute.heal.playbooks.steps import Action, Eject, Hook
from foreroute.store.memory import MemoryRecords
from foreroute.store.memory_playbooks import MemoryRunJournal

A, B = ChannelId("a"), ChannelId("b")
START_AT = 1_767_571_200.0
"""A Monday, 00:00 UTC."""
MINUTE = 60.0


def when(text: str) -> Expression:
    return read(text, VOCABULARY)


def channel(name: str, region: str = "r") -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="p",
        cloud="c",
        region=RegionId(region),
        model=f"m-{name}",
        base_url=f"http://{name}.test/v1",
        concurrency_max=10,
    )


CHANNELS = (channel("a"), channel("b"))


def step(name: str, action: Action, **more: Any) -> Step:
    return Step(id=name, action=action, **more)


def hook(name: str, **more: Any) -> Step:
    return step(name, Hook(name=name), **more)


OUT = step("out", Eject(for_s=600.0, for_s_max=6000.0))
VERIFY = Verify(success=(when("peer_ok_rate >= 0.95"),), failure=(when("peer_ok_rate < 0.5"),))


def playbook(name: str = "book", *steps: Step, **more: Any) -> Playbook:
    fields: dict[str, Any] = {
        "triggers": (FailureTrigger(classes=frozenset({FailureClass.OVERLOADED}), count=2),),
        "verify": VERIFY,
        "cooldown_s": 300.0,
        "max_attempts": 5,
    }
    return Playbook(name=name, steps=steps or (OUT,), **(fields | more))


def plan() -> RoutingPlan:
    targets = (Target(channel=A, weight=0.5), Target(channel=B, weight=0.5))
    return RoutingPlan(
        version=0,
        made_at=0.0,
        valid_until=0.0,
        routes={RouteName("chat"): Route(name=RouteName("chat"), targets=targets)},
    )


def minute(
    at: float, name: ChannelId, *, ok: float = 1.0, attempts: int = 20, slow_s: float = 0.5, **more: Any
) -> Rollup:
    """A window that began at an instant; `ok` is the part that went well."""
    good = round(ok * attempts)
    bad = attempts - good
    summary = LatencySummary(count=attempts, total_s=slow_s * attempts, p50_s=slow_s, p95_s=slow_s)
    fields: dict[str, Any] = {
        "channel": name,
        "window_start": at,
        "source": "s",
        "attempts": attempts,
        "successes": good,
        "failures": {FailureClass.OVERLOADED: bad} if bad else {},
        "latency": summary,
        "first_chunk": summary,
    }
    return Rollup(**(fields | more))


def incident(at: float, name: ChannelId = A, **more: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": IncidentId("inc-1"),
        "channel": name,
        "opened_at": at,
        "root_cause": FailureClass.OVERLOADED,
        "probability": 0.9,
        "evidence": "it says so",
    }
    return Incident(**(fields | more))


@dataclass
class World:
    """Minutes of two channels. `ill`: a fails and has an incident; `peers`: how well b does."""

    at: float = START_AT
    ill: bool = False
    peers: float = 1.0
    peer_slow_s: float = 0.5
    rollups: list[Rollup] = field(default_factory=list)
    was_ill: bool = False

    def step(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            self.rollups += [
                minute(self.at, A, ok=0.1 if self.ill else 1.0),
                minute(self.at, B, ok=self.peers, slow_s=self.peer_slow_s),
            ]
            self.at += MINUTE

    @property
    def incidents(self) -> tuple[Incident, ...]:
        if self.ill:
            self.was_ill = True
            return (incident(START_AT),)
        return (incident(START_AT, state=IncidentState.CLOSED, closed_at=self.at),) if self.was_ill else ()

    def sight(self, **more: Any) -> Sight:
        fields: dict[str, Any] = {
            "at": self.at,
            "channels": CHANNELS,
            "rollups": self.recent,
            "groups": (frozenset({A, B}),),
            "weights": {A: 0.5, B: 0.5},
            "incidents": self.incidents,
        }
        return Sight(**(fields | more))

    @property
    def recent(self) -> list[Rollup]:
        return [one for one in self.rollups if one.window_start >= self.at - 1200.0]

    def findings(self) -> Findings:
        return Findings(incidents=self.incidents)


@dataclass
class Actuator:
    """Notes what it is asked, and answers as it is told."""

    done: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    repeatable: bool = True

    async def do(self, order: Order) -> Answer:
        self.done.append(order.key)
        return Answer(ok=order.step not in self.fails, said="as told")

    async def undo(self, order: Order) -> Answer:
        self.done.append(order.key)
        return Answer(ok=f"{order.step}/undo" not in self.fails, said="as told")

    def may_repeat(self, order: Order) -> bool:
        return self.repeatable


def desk_of(
    *playbooks: Playbook,
    journal: RunJournal | None = None,
    actuator: StepActuator | None = None,
    records: RecordStore | None = None,
    clock: Clock | None = None,
    tell: TellPeople = tell_nobody,
) -> PlaybookDesk:
    """Without a clock: everything within the tick."""
    return PlaybookDesk(
        Book.of(playbooks),
        House(channels=CHANNELS, configured=plan()),
        journal or MemoryRunJournal(),
        actuator or Actuator(),
        records or MemoryRecords(),
        clock,
        tell,
    )


async def treat(
    desk: PlaybookDesk, world: World, *, stage: Autopilot = Autopilot.ACT, halted: bool = False
) -> Findings:
    return await desk.treat(world.at, world.recent, world.findings(), stage=stage, is_halted=halted)


async def minutes(desk: PlaybookDesk, world: World, count: int, **more: Any) -> Findings:
    found = Findings()
    for _ in range(count):
        world.step()
        found = await treat(desk, world, **more)
    return found


def states(desk: PlaybookDesk) -> list[str]:
    return [run.state.value for run in desk.runs]


def ended_once(notes: Sequence[Any]) -> bool:
    """Exactly one line of the account says how it ended."""
    return sum(1 for note in notes if note.what in ("verified", "rolled back", "rejected", "rehearsed")) == 1
