"""Rollups and channels in as few words as the tests need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Incident, Remedy
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.playbook_ports import Answer
from foreroute.core.rollup import Rollup
from foreroute.heal.engine import HealEngine, HealFindings
from foreroute.heal.playbooks.engine import advance
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import Answered, Book, Do, EngineState, Looked, Undo
from foreroute.heal.treatments import remedies, treated, treatments


def channel(name: str) -> Channel:
    return Channel(
        id=ChannelId(name), provider="p", cloud="c", region=RegionId("r"), model="m", base_url="http://x/v1"
    )


@dataclass
class Bench:
    """A channel `a` beside a healthy `b`; each `minute` is a tick on which the engine looks back 15 minutes."""

    engine: HealEngine
    book: Book = field(default_factory=lambda: Book({}))
    state: EngineState = field(default_factory=EngineState)
    channels: list[Channel] = field(default_factory=lambda: [channel("a"), channel("b")])
    at: float = 0.0
    history: list[Rollup] = field(default_factory=list)
    findings: HealFindings = field(default_factory=HealFindings)
    seen: dict[str, Incident] = field(default_factory=dict)

    def minute(
        self,
        attempts: int = 20,
        failed: int = 0,
        cause: FailureClass = FailureClass.OVERLOADED,
        throttles: int = 0,
    ) -> HealFindings:
        for name, bad, slow in (("a", failed, throttles), ("b", 0, 0)):
            count = attempts if name == "a" else 20
            self.history.append(
                Rollup(
                    channel=ChannelId(name),
                    window_start=self.at,
                    source="s",
                    attempts=count,
                    successes=count - bad - slow,
                    throttles=slow,
                    failures={cause: bad} if bad else {},
                )
            )
        self.at += 60.0
        return self.look()

    def look(self) -> HealFindings:
        recent = [rollup for rollup in self.history if rollup.window_start >= self.at - 900.0]
        done = treatments(self.state, self.book, self.at, shadows=False)
        found = self.engine.update(self.at, recent, self.channels, done)
        names = [one.id for one in self.channels]
        sight = Sight(
            at=self.at,
            channels=tuple(self.channels),
            rollups=recent,
            groups=(frozenset(names),),
            weights=dict.fromkeys(names, 1.0 / len(names)),
            incidents=found.incidents,
        )
        self.state, asked = advance(self.state, Looked(sight), self.at, self.book)
        while asked:
            first, *rest = asked
            if isinstance(first, Do | Undo):
                event = Answered(first.run, first.step, Answer(ok=True), undo=isinstance(first, Undo))
                self.state, more = advance(self.state, event, self.at, self.book)
                rest += more
            asked = tuple(rest)
        done = treatments(self.state, self.book, self.at, shadows=False)
        self.findings = HealFindings(
            incidents=tuple(treated(one, done) for one in found.incidents),
            remedies=(*found.remedies, *remedies(self.state, self.at, shadows=False)),
        )
        self.seen |= {incident.id: incident for incident in self.findings.incidents}
        return self.findings

    def minutes(self, count: int, attempts: int = 20, failed: int = 0) -> None:
        for _ in range(count):
            self.minute(attempts, failed)

    @property
    def remedies(self) -> Sequence[Remedy]:
        return self.findings.remedies

    def weight(self) -> float:
        """The part of its share that the channel may have now."""
        return min((remedy.weight_max_ratio for remedy in self.remedies), default=1.0)


@pytest.fixture(scope="session")
def bench_of() -> Callable[..., Bench]:
    def made(engine: HealEngine, playbooks: Sequence[Playbook] = ()) -> Bench:
        return Bench(engine, Book.of(playbooks))

    return made
