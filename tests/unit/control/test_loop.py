"""The tick with stages that behave and stages that fail: nothing collected is lost, nothing else stops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from foreroute.control.controls import Steering
from foreroute.control.loop import ControlLoop, LoopSettings
from foreroute.control.stages import CostStage, Healed, Stages
from foreroute.control.state import ForecastRecord
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.channel import Channel
from foreroute.core.decision import Autopilot, ReasonCode
from foreroute.core.errors import StoreUnavailable
from foreroute.core.findings import Anomaly, Forecast, ForecastSkill, Remedy
from foreroute.core.ids import ChannelId, IncidentId, RegionId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric, Series
from foreroute.decide.guardrails import Guardrails
from foreroute.store.memory import MemoryStore

A, B = ChannelId("a"), ChannelId("b")
CHAT = RouteName("chat")
P95 = Metric.FIRST_CHUNK_P95


def channel(name: ChannelId) -> Channel:
    return Channel(
        id=name, provider="x", cloud="x", region=RegionId("r"), model="m", base_url="http://127.0.0.1"
    )


def attempt(number: int, name: ChannelId = A, *, ended_at: float = 30.0, first_s: float = 0.3) -> Attempt:
    return Attempt(
        request_id=RequestId(f"q{number}"),
        number=1,
        route=CHAT,
        channel=name,
        started_at=ended_at - 1.0,
        duration_s=1.0,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        stream=True,
        time_to_first_chunk_s=first_s,
    )


@dataclass
class Inbox:
    waiting: list[Attempt] = field(default_factory=list)
    waiting_was_saved: bool = False

    def drain(self) -> list[Attempt]:
        taken, self.waiting = self.waiting, []
        return taken

    def saved(self) -> None:
        self.waiting_was_saved = True


class OneRollupEach:
    """A fold that is enough here: one rollup per channel and minute, re-emitted whole."""

    def __init__(self) -> None:
        self._windows: dict[tuple[ChannelId, float], list[Attempt]] = {}
        self._touched: set[tuple[ChannelId, float]] = set()

    def add(self, attempts: Sequence[Attempt]) -> None:
        for one in attempts:
            key = (one.channel, one.ended_at // 60 * 60)
            self._windows.setdefault(key, []).append(one)
            self._touched.add(key)

    def changed(self) -> tuple[Rollup, ...]:
        keys, self._touched = sorted(self._touched), set()
        return tuple(self._rollup(*key) for key in keys)

    def forget(self, before_at: float) -> None:
        pass

    def _rollup(self, name: ChannelId, start: float) -> Rollup:
        found = self._windows[name, start]
        worst = max(one.time_to_first_chunk_s or 0.0 for one in found)
        summary = LatencySummary(count=len(found), total_s=worst * len(found), p95_s=worst)
        return Rollup(
            channel=name,
            window_start=start,
            source="test",
            attempts=len(found),
            successes=len(found),
            first_chunk=summary,
        )


def merge(rollups: Sequence[Rollup]) -> Rollup:
    worst = max(rollup.first_chunk.p95_s or 0.0 for rollup in rollups)
    attempts = sum(rollup.attempts for rollup in rollups)
    return replace(
        rollups[-1], attempts=attempts, successes=attempts, first_chunk=LatencySummary(count=1, p95_s=worst)
    )


class Oracle:
    """A forecast stage that says what the test wants."""

    def __init__(self, mean: float = 0.3) -> None:
        self.mean = mean
        self.error: Exception | None = None

    def warm(self, series: Sequence[Series]) -> None:
        pass

    def update(self, series: Sequence[Series]) -> tuple[Forecast, ...]:
        if self.error:
            raise self.error
        return tuple(self._forecast(one) for one in series if one.channel == A and one.metric is P95)

    def skills(self) -> tuple[ForecastSkill, ...]:
        skill = ForecastSkill(
            channel=A,
            metric=P95,
            horizon_s=900.0,
            model="oracle",
            outcomes=99,
            mean_absolute_error=0.1,
            naive_mean_absolute_error=0.2,
            has_vote=True,
        )
        return (skill,)

    def due_fits(self, at: float) -> Sequence[Any]:
        return ()

    def adopt(self, result: Any) -> None:
        pass

    def _forecast(self, one: Series) -> Forecast:
        steps = 60
        return Forecast(
            channel=one.channel,
            metric=one.metric,
            origin_at=one.end_at,
            step_s=60.0,
            mean=(self.mean,) * steps,
            lower=(self.mean * 0.9,) * steps,
            upper=(self.mean * 1.1,) * steps,
            coverage=0.8,
            model="oracle",
        )


class Nothing:
    def warm(self, series: Sequence[Series], counts: object) -> None:
        pass

    def update(self, series: Sequence[Series], counts: object) -> tuple[Anomaly, ...]:
        return ()


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = max(self.at, at)


@dataclass
class Published:
    plans: list[RoutingPlan] = field(default_factory=list)

    def publish(self, plan: RoutingPlan) -> None:
        self.plans.append(plan)


class House:
    """A loop with everything around it that a test wants to turn."""

    def __init__(self, autopilot: Autopilot = Autopilot.ACT) -> None:
        self.inbox, self.oracle, self.store, self.published = (
            Inbox(),
            Oracle(),
            MemoryStore(merge),
            Published(),
        )
        self.clock = TestClock()
        self.price: Callable[[Sequence[Attempt]], Sequence[LedgerEntry]] = self.priced
        self.healed: Callable[[float, Sequence[Rollup]], Healed] = lambda at, rollups: Healed()
        self.steering = Steering(autopilot=autopilot)
        configured = Route(name=CHAT, targets=(Target(channel=A, weight=0.5), Target(channel=B, weight=0.5)))
        self.configured = RoutingPlan(version=0, made_at=0.0, valid_until=0.0, routes={CHAT: configured})
        self.loop = self.make()

    def make(self) -> ControlLoop:
        stages = Stages(
            channels=(channel(A), channel(B)),
            intake=self.inbox,
            fold=OneRollupEach(),
            merge=merge,
            forecast=self.oracle,
            fits=self.oracle,
            forecast_record=ForecastRecord,
            past_predictions=lambda channel, metric, horizon_s: None,
            detect=Nothing(),
            cost=CostStage(
                price=lambda attempts: self.price(attempts),
                period_start=lambda at: 0.0,
                budgets=lambda at, period, recent, recent_s: (),
                channel_costs=lambda at, rollups: (),
            ),
            heal=lambda at, rollups: self.healed(at, rollups),
            append=self.store.append,
            rollups=self.store.rollups,
            ledger=self.store.ledger,
            records=self.store.records,
            publisher=self.published,
            metrics={A: P95, B: P95},
        )
        return ControlLoop(
            LoopSettings(),
            Guardrails(),
            stages,
            clock=self.clock,
            steering=self.steering,
            configured=self.configured,
            objectives={CHAT: Objective(metric=P95, limit_s=0.6)},
        )

    @staticmethod
    def priced(attempts: Sequence[Attempt]) -> list[LedgerEntry]:
        return [LedgerEntry(attempt=one, cost_usd=Decimal("0.01"), price_source="config") for one in attempts]

    def share(self, name: ChannelId) -> float:
        return next(t.weight for t in self.published.plans[-1].routes[CHAT].targets if t.channel == name)

    async def rows(self) -> int:
        return sum(
            spend.attempts for spend in (await self.store.ledger.spend(start_at=0.0, end_at=1e12)).values()
        )


async def test_a_tick_stores_what_came_in_and_publishes_a_valid_plan() -> None:
    house = House()
    await house.loop.start()
    house.inbox.waiting = [attempt(n) for n in range(20)]
    await house.loop.tick(60.0)
    assert await house.rows() == 20
    assert [r.attempts for r in await house.store.rollups.read(start_at=0.0, end_at=60.0)] == [20]
    assert house.published.plans[-1].valid_until > 60.0
    board = house.loop.board
    assert board is not None
    assert board.ticks == 1
    assert board.views[A].now_s == pytest.approx(0.3)


async def test_a_forecast_moves_traffic_and_the_reason_is_on_record() -> None:
    house = House()
    house.oracle.mean = 0.9
    await house.loop.start()
    house.inbox.waiting = [attempt(n) for n in range(20)]
    decision = await house.loop.tick(60.0)
    assert house.share(A) < 0.5
    assert {change.reason.code for change in decision.changes} == {ReasonCode.FORECAST}
    records = await house.store.records.read("decision")
    assert [record.id for record in records] == [decision.id]
    assert len(await house.store.records.read("tick")) == 1


@pytest.mark.parametrize("stage", ["forecast", "heal", "cost"])
async def test_a_failing_stage_costs_its_findings_only(stage: str) -> None:
    house = House()
    await house.loop.start()

    def fail(*_: Any) -> Any:
        raise ValueError("out of order")

    if stage == "forecast":
        house.oracle.error = ValueError("out of order")
    elif stage == "heal":
        house.healed = fail
    else:
        house.price = fail
    house.inbox.waiting = [attempt(n, ended_at=30.0) for n in range(5)]
    decision = await house.loop.tick(60.0)
    assert [reason.code for reason in decision.reasons] == [ReasonCode.STAGE_MISSING]
    assert stage in decision.reasons[0].detail
    assert house.loop.board is not None
    assert "out of order" in house.loop.board.stage_errors[stage]
    assert await house.rows() == 5
    assert house.published.plans[-1].valid_until > 60.0


async def test_what_a_store_does_not_take_is_offered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    await house.loop.start()

    async def down(entries: Any) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(house.store.ledger, "append", down)
        broken.setattr(house.store.rollups, "append", down)
        house.inbox.waiting = [attempt(n) for n in range(7)]
        decision = await house.loop.tick(60.0)
        assert [reason.code for reason in decision.reasons] == [ReasonCode.STAGE_MISSING]
        assert await house.rows() == 0
    house.inbox.waiting = [attempt(n, ended_at=90.0) for n in range(7, 10)]
    await house.loop.tick(120.0)
    assert await house.rows() == 10
    stored = await house.store.rollups.read(start_at=0.0, end_at=120.0)
    assert [rollup.attempts for rollup in stored] == [7, 3]


async def test_undo_takes_the_last_decision_back_and_keeps_the_automatic_away() -> None:
    house = House()
    house.oracle.mean = 0.9
    await house.loop.start()
    house.inbox.waiting = [attempt(n) for n in range(20)]
    await house.loop.tick(60.0)
    assert house.share(A) < 0.5
    assert await house.loop.undo()
    assert house.share(A) == 0.5
    await house.loop.tick(120.0)
    assert house.share(A) == 0.5
    assert not await house.loop.undo()
    codes = {c["code"] for r in await house.store.records.read("decision") for c in _changes(r.body)}
    assert "manual" in codes


async def test_the_kill_switch_works_at_once_and_until_it_is_off() -> None:
    house = House()
    house.oracle.mean = 0.9
    await house.loop.start()
    house.inbox.waiting = [attempt(n) for n in range(20)]
    await house.loop.tick(60.0)
    await house.loop.kill_switch(on=True)
    assert house.share(A) == 0.5
    await house.loop.tick(120.0)
    assert house.share(A) == 0.5
    await house.loop.kill_switch(on=False)
    await house.loop.tick(180.0)
    assert house.share(A) < 0.5


async def test_observing_moves_nothing_but_says_what_it_would_do() -> None:
    house = House(Autopilot.OBSERVE)
    house.oracle.mean = 0.9
    await house.loop.start()
    decision = await house.loop.tick(60.0)
    assert decision.changes
    assert not decision.applied
    assert house.share(A) == 0.5
    await house.loop.set_autopilot(Autopilot.ACT)
    await house.loop.tick(120.0)
    assert house.share(A) < 0.5


async def test_a_playbook_remedy_reaches_the_plan() -> None:
    house = House()
    remedy = Remedy(
        channel=A, incident=IncidentId("i"), playbook="overloaded", weight_max_ratio=0.0, until=600.0
    )
    house.healed = lambda at, rollups: Healed(remedies=(remedy,))
    await house.loop.start()
    await house.loop.tick(60.0)
    assert house.share(A) == 0.0


async def test_a_restart_goes_on_counting_plans() -> None:
    house = House()
    house.oracle.mean = 0.9
    await house.loop.start()
    await house.loop.tick(60.0)
    last = house.published.plans[-1].version
    house.clock.at = 100.0
    again = house.make()
    await again.start()
    assert house.published.plans[-1].version > last


async def test_the_loop_shows_a_board_at_its_start_and_ticks_at_every_boundary_until_it_is_stopped() -> None:
    house = House()
    house.clock.at = 59.0
    seen: list[float] = []

    def note(board: Any) -> None:
        seen.append(board.at)
        if len(seen) == 6:
            house.loop.stop()

    house.loop.on_board.append(note)
    await house.loop.run()
    assert seen == [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
    assert house.loop.ticks == 5


def _changes(body: bytes) -> Any:
    return orjson.loads(body)["changes"]
