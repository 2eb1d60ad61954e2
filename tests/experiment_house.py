"""Experiments on a store in memory, a clock that is set, and requests that are made up: for tests of desk, API and page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from foreroute.control.controls import Steering
from foreroute.control.experiments.book import Book, House
from foreroute.control.experiments.counting import Counting
from foreroute.control.experiments.desk import ExperimentDesk
from foreroute.control.experiments.operator import Operator
from foreroute.control.experiments.scoring import Scoring
from foreroute.control.overrides import impose, withdraw
from foreroute.core.assignment import draw
from foreroute.core.attempt import ArmMark, Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.decision import Autopilot
from foreroute.core.experiment import SHADOW_NUMBER, ExperimentKind, Override, Unit
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.work import Expectation, Linear, WorkModel
from foreroute.dashboard.experiments import ExperimentSources
from foreroute.monitor.fold import merge_rollups
from foreroute.settings.experiments import read_experiment
from foreroute.store.memory import MemoryStore

AT = 1_772_442_000.0
A, B = ChannelId("a"), ChannelId("b")
CHAT = RouteName("chat")
ROUTES = {
    CHAT: Route(name=CHAT, targets=(Target(channel=A, weight=1.0), Target(channel=B, weight=0.0))),
    RouteName("other"): Route(name=RouteName("other"), targets=(Target(channel=B, weight=1.0),)),
}
MODEL = WorkModel(whole=Linear(-1.0, (0.2, 0.0, 0.0, 0.0)), output=Linear(3.0, (0.0, 0.0, 0.0, 0.0)))


def definition(**more: Any) -> dict[str, Any]:
    arms = [{"name": "control"}, {"name": "b", "channels": {"b": 1}}]
    return {"id": "faster", "routes": ["chat"], "arms": arms} | more


@dataclass(frozen=True)
class Traffic:
    """How requests go by arm: how many times as long, how many fail, what they cost."""

    factor: dict[str, float] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)
    usd: dict[str, float] = field(default_factory=dict)
    every_s: float = 5.0
    users: int = 0
    """0: nobody says who it is."""


class ExperimentHouse:
    """Clock, controls and gateway in one."""

    def __init__(self, *definitions: dict[str, Any], seed: int = 1) -> None:
        self.at = AT
        self.store = MemoryStore(merge_rollups)
        self.steering = Steering(autopilot=Autopilot.ACT)
        self.plan = RoutingPlan(version=1, made_at=AT, valid_until=AT + 1e9, routes=ROUTES)
        self.configured = self.plan
        self.rng = Random(seed)
        self.sent: list[Attempt] = []
        self.definitions = definitions
        self.open()

    def open(self) -> None:
        """As after a restart."""
        house = House(
            routes=ROUTES,
            channels=frozenset({A, B}),
            unpriced=frozenset(),
            definitions=tuple(read_experiment(one) for one in self.definitions),
        )
        kept = self.store.experiments
        expectations = {A: Expectation(model=MODEL), B: Expectation(model=MODEL)}
        self.book = Book(house, kept.runs)
        counting = Counting(kept, lambda: expectations)
        self.desk = ExperimentDesk(self.book, counting, self.steering, self.store.records)
        self.operator = Operator(self.book, self.desk, kept.marked, self, self)
        self.scoring = Scoring(self.book, kept.scores, self.store.ledger)

    def sources(self) -> ExperimentSources:
        return ExperimentSources(
            book=self.book,
            desk=self.desk,
            operator=self.operator,
            scoring=self.scoring,
            read=read_experiment,
            clock=self,
        )

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError

    async def replan(self) -> None:
        pass

    async def impose(self, override: Override) -> None:
        self.plan = impose(self.steering, self.configured, self.plan, override, at=self.at).plan

    async def withdraw(self, name: str) -> bool:
        decision = withdraw(self.steering, self.configured, self.plan, name, at=self.at)
        self.plan = self.plan if decision is None else decision.plan
        return decision is not None

    async def serve(self, seconds: float, traffic: Traffic, *, every_s: float = 60.0) -> None:
        """Requests for so long, counted and judged every now and then."""
        end_at, due_at, batch = self.at + seconds, self.at + every_s, list[LedgerEntry]()
        while self.at < end_at:
            self.at += self.rng.expovariate(1.0 / traffic.every_s)
            batch += self._request(traffic)
            if self.at >= due_at:
                await self.store.ledger.append(batch)
                batch, due_at = [], self.at + every_s
                await self.desk.update(self.at)
        await self.store.ledger.append(batch)
        self.at += 130.0
        await self.desk.update(self.at)

    def _request(self, traffic: Traffic) -> list[LedgerEntry]:
        name = RequestId(f"q{self.rng.getrandbits(60):x}")
        user = f"user-{int(self.rng.betavariate(0.6, 1.4) * traffic.users)}" if traffic.users else None
        units = {Unit.REQUEST: name, Unit.USER: user, Unit.KEY: None, Unit.SESSION: None}
        drawn = draw(self.steering.experiments.get(CHAT, ()), units.__getitem__, self.at)
        marks = tuple(one.mark for one in drawn)
        arms = [one.arm.name for one in drawn if one.begun]
        size = int(self.rng.lognormvariate(6.0, 1.0))
        habit = Random(user).gauss(0.0, 0.4) if user else 0.0
        entries = [self._attempt(name, 1, marks, arms, size, habit, traffic)]
        for one in drawn:
            if one.experiment.kind is ExperimentKind.SHADOW:
                copies = enumerate(one.experiment.arms[1:], start=SHADOW_NUMBER)
                entries += [
                    self._attempt(
                        name,
                        number,
                        (ArmMark(one.mark.run, arm.name, one.mark.unit),),
                        [arm.name],
                        size,
                        habit,
                        traffic,
                    )
                    for number, arm in copies
                ]
        return entries

    def _attempt(
        self,
        name: RequestId,
        number: int,
        marks: tuple[ArmMark, ...],
        arms: list[str],
        size: int,
        habit: float,
        traffic: Traffic,
    ) -> LedgerEntry:
        def of(values: dict[str, float], default: float) -> float:
            return next((values[arm] for arm in arms if arm in values), default)

        fails = self.rng.random() < of(traffic.failing, 0.01)
        took_s = 0.2 * size**0.2 * self.rng.lognormvariate(habit, 0.5) * of(traffic.factor, 1.0)
        cost = Decimal(str(round(of(traffic.usd, 0.002) * self.rng.lognormvariate(0.0, 0.2), 9)))
        attempt = Attempt(
            request_id=name,
            number=number,
            route=CHAT,
            channel=B if "b" in arms else A,
            started_at=self.at,
            duration_s=took_s,
            time_to_first_chunk_s=took_s * 0.3,
            stream=True,
            outcome=Outcome.FAILURE if fails else Outcome.SUCCESS,
            failure_class=FailureClass.SERVER_ERROR if fails else None,
            reason=PickReason.SHADOW if number >= SHADOW_NUMBER else PickReason.CONFIGURED,
            plan_version=1,
            usage=Usage(size, output_tokens=20),
            cost_usd=cost,
            asked=Asked("/chat/completions", size),
            arms=marks,
        )
        self.sent.append(attempt)
        return LedgerEntry(attempt=attempt, cost_usd=cost, price_source="config")

    async def score_all(self, run: str, of: Callable[[Attempt], float]) -> None:
        for attempt in self.sent:
            if attempt.number == 1 and any(mark.run == run for mark in attempt.arms):
                await self.scoring.score(run, attempt.request_id, of(attempt))
        await self.desk.update(self.at)
