"""A board of a small house, and a dashboard on it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from foreroute.control.observe import Observed
from foreroute.control.state import Board, ChannelView, ForecastRecord
from foreroute.core.channel import Channel, Health
from foreroute.core.decision import Autopilot, Reason, ReasonCode
from foreroute.core.findings import (
    BudgetStatus,
    ChannelCost,
    Findings,
    Forecast,
    ForecastSkill,
    WindowForecast,
    WindowTarget,
)
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric, Series
from foreroute.dashboard.door import Door
from foreroute.dashboard.routes import Dashboard
from foreroute.dashboard.sources import Sources
from foreroute.forecast.bank.standings import Standing
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.streaming_asgi import stream
from foreroute.testing.virtual_loop import VirtualTimeLoop

A, B, SPARE = ChannelId("a"), ChannelId("b"), ChannelId("spare")
CHAT = RouteName("chat")
P95 = Metric.FIRST_CHUNK_P95
AT = 1_772_442_000.0


def pytest_asyncio_loop_factories(config: object, item: object) -> dict[str, type[VirtualTimeLoop]]:
    return {"virtual": VirtualTimeLoop}


def channel(name: ChannelId) -> Channel:
    return Channel(
        id=name, provider="openai", cloud="c", region=RegionId("eu"), model="m", base_url="http://x"
    )


def plan(a: float, b: float, *, version: int = 3) -> RoutingPlan:
    targets = (
        Target(channel=A, weight=a),
        Target(channel=B, weight=b),
        Target(channel=SPARE, weight=1.0, priority=1),
    )
    return RoutingPlan(
        version=version, made_at=AT, valid_until=AT + 600, routes={CHAT: Route(name=CHAT, targets=targets)}
    )


def series(name: ChannelId, *values: float) -> Series:
    return Series(channel=name, metric=P95, start_at=AT - 60.0 * len(values), step_s=60.0, values=values)


def forecast(name: ChannelId, level: float) -> Forecast:
    return Forecast(
        channel=name,
        metric=P95,
        origin_at=AT,
        step_s=60.0,
        mean=tuple(level + 0.01 * step for step in range(60)),
        lower=(level - 0.1,) * 60,
        upper=(level + 0.9,) * 60,
        coverage=0.8,
        model="ensemble",
        windows=windows(level),
        lower95=(level - 0.2,) * 60,
        upper95=(level + 1.8,) * 60,
    )


def windows(level: float) -> tuple[WindowForecast, ...]:
    return tuple(
        WindowForecast(
            target=target,
            horizon_s=900.0,
            value=level + 0.05,
            lower80=level - 0.1,
            upper80=level + 0.2,
            lower95=level - 0.2,
            upper95=level + 0.4,
            n_effective=120.0,
            floor_ratio=floor_ratio,
        )
        for target, floor_ratio in ((WindowTarget.MEAN, 0.02), (WindowTarget.POINT, float("nan")))
    )


def standing(name: ChannelId) -> Standing:
    """The last value has the rest of the say, and somebody next to none."""
    skills = tuple(
        ForecastSkill(
            channel=name,
            metric=P95,
            horizon_s=900.0,
            model=model,
            outcomes=60,
            mean_absolute_error=error,
            naive_mean_absolute_error=0.04,
            has_vote=error < 0.04,
        )
        for model, error in (("ensemble", 0.03), ("trend", 0.035), ("last", 0.04))
    )
    return Standing(
        target=WindowTarget.MEAN,
        horizon_s=900.0,
        outcomes=60,
        mape=0.05,
        coverage80=0.81,
        coverage95=float("nan"),
        weights={"last": 0.245, "median_5": 0.005, "trend": 0.75},
        skills=skills,
        totals={},
    )


def view(health: Health = Health.GOOD, now_s: float | None = 0.5, **more: Any) -> ChannelView:
    base = ChannelView(
        health=health, now_s=now_s, failure_ratio=0.01, attempts_per_minute=40.0, why=None, why_at=None
    )
    return replace(base, **more)


WHY = Reason(A, ReasonCode.FORECAST, "will be over 900 ms")


@pytest.fixture
def board() -> Board:
    """A slows down and has been relieved from 60 % to 20 %; the spare one stands by."""
    skill = ForecastSkill(
        channel=A,
        metric=P95,
        horizon_s=900.0,
        model="ensemble",
        outcomes=60,
        mean_absolute_error=0.03,
        naive_mean_absolute_error=0.04,
        coverage=0.81,
        has_vote=True,
    )
    budget = BudgetStatus(
        name="monthly",
        period_start_at=AT - 86400.0,
        period_end_at=AT + 86400.0,
        limit_usd=Decimal(100),
        spent_usd=Decimal("12.5"),
        projected_usd=Decimal(25),
        projected_lower_usd=Decimal(20),
        projected_upper_usd=Decimal(30),
    )
    return Board(
        at=AT,
        ticks=5,
        tick_s=60.0,
        started_at=AT - 300.0,
        autopilot=Autopilot.ACT,
        kill_switch=False,
        channels=(channel(A), channel(B), channel(SPARE)),
        configured=plan(0.6, 0.4, version=1),
        plan=plan(0.2, 0.8),
        objectives={CHAT: Objective(metric=P95, limit_s=0.9)},
        views={
            A: view(why=WHY, why_at=AT - 60.0),
            B: view(Health.EXCELLENT, 0.3),
            SPARE: view(Health.UNKNOWN, None, failure_ratio=None, attempts_per_minute=0.0),
        },
        findings=Findings(
            forecasts={(one.channel, one.metric): one for one in (forecast(A, 0.8), forecast(B, 0.3))},
            skills=(skill,),
            budgets=(budget,),
            costs=(ChannelCost(channel=A, usd_per_request=Decimal("0.0004")),),
        ),
        total=Observed(now_s=0.4, failure_ratio=0.01, judged=240, attempts_per_minute=80.0),
        series={
            A: series(A, 0.5, float("nan"), 0.7),
            B: series(B, 0.3, 0.3, 0.3),
            SPARE: series(SPARE, *[float("nan")] * 3),
        },
        can_undo=True,
        forecast_record=ForecastRecord(
            made=12, graded=6, mean_absolute_error=0.03, naive_mean_absolute_error=0.04
        ),
    )


@dataclass
class Levers:
    """Notes what an operator did."""

    done: list[object] = field(default_factory=list)
    undoable: bool = True

    async def set_autopilot(self, mode: Autopilot, *, force: bool = False, why: str = "") -> None:
        self.done.append(mode)

    async def kill_switch(self, *, on: bool) -> None:
        self.done.append(on)

    async def undo(self) -> bool:
        self.done.append("undo")
        return self.undoable


@dataclass
class StillClock:
    at: float = AT

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at


@dataclass
class Stage:
    """A dashboard in a test. `board` may be swapped."""

    board: Board | None
    store: MemoryStore = field(default_factory=lambda: MemoryStore(merge_rollups))
    levers: Levers = field(default_factory=Levers)
    clock: StillClock = field(default_factory=StillClock)
    admin_key: str | None = None
    loopback_only: bool = True
    standings: tuple[Standing, ...] = (standing(A),)

    def __post_init__(self) -> None:
        self.dashboard = Dashboard(self.sources)

    @property
    def sources(self) -> Sources:
        return Sources(
            board=lambda: self.board,
            controls=self.levers,
            ledger=self.store.ledger,
            records=self.store.records,
            past_predictions=lambda name, _metric, _horizon: series(name, 0.6, 0.61) if name == A else None,
            windows=lambda name, _metric: windows(0.8) if name == A else (),
            standings=lambda name, _metric: self.standings if name == A else (),
            period_start=lambda at: at - 86400.0,
            clock=self.clock,
            gateway_url=lambda: "http://127.0.0.1:8080",
        )

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON, headers. Header names are written with underscores."""
        door = Door(self.dashboard.app, admin_key=self.admin_key, loopback_only=self.loopback_only)
        sent = {"host": "127.0.0.1:8081"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("content-type", "application/json")
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        async with stream(door, method, path, headers=sent, body=raw) as answer:
            text = await answer.read()
            return answer.status, orjson.loads(text) if text[:1] == b"{" else {}, dict(answer.headers)

    async def get(self, path: str) -> dict[str, Any]:
        status, body, _ = await self.ask("GET", path)
        assert status == 200, body
        return body


@pytest.fixture
def open_stage() -> Callable[..., Stage]:
    return Stage


@pytest.fixture
def stage(board: Board) -> Stage:
    return Stage(board)
