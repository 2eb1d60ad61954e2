"""The API of the rollout: where capabilities stand, who may move them, what moves were worth, the forecasts' record."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.control.decision_log import decision_record
from foreroute.control.forecast_log import forecast_record
from foreroute.control.moves import Grade, Move, Verdict, move_record
from foreroute.control.rollout import CapabilityView, RolloutRefusedError, Tally
from foreroute.control.state import Board
from foreroute.control.suggestions import Suggestion
from foreroute.core.decision import Autopilot, Capability, Decision, Reason, ReasonCode, ShareChange
from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric
from foreroute.dashboard.answers import refused
from foreroute.dashboard.forecast_record import RecordSources, record_routes
from foreroute.dashboard.rollout import rollout_routes
from foreroute.dashboard.status import status_of
from foreroute.testing.streaming_asgi import stream

A, B = ChannelId("a"), ChannelId("b")
AT = 1_772_442_000.0


@dataclass
class Levers:
    done: list[object] = field(default_factory=list)
    refusal: RolloutRefusedError | None = None

    async def raise_stage(self, capability: Capability, *, force: bool = False, why: str = "") -> Autopilot:
        self._note("raise", capability, force, why)
        return Autopilot.SUGGEST

    async def lower_stage(self, capability: Capability, *, why: str = "") -> Autopilot:
        self._note("lower", capability, why)
        return Autopilot.OBSERVE

    async def approve(self, name: str) -> None:
        self._note("approve", name)

    async def dismiss(self, name: str) -> None:
        self._note("dismiss", name)

    def _note(self, *what: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(what)


Ask = Callable[..., Awaitable[tuple[int, Any]]]


def view(capability: Capability, **more: Any) -> CapabilityView:
    base = CapabilityView(
        capability=capability,
        stage=Autopilot.SUGGEST,
        granted=Autopilot.OBSERVE,
        exists=True,
        since_at=AT - 60.0,
        tally=Tally(counts={Grade.HELPED: 3, Grade.UNKNOWN: 1}, waiting=2),
        next=Autopilot.ACT,
        missing=("3 of 20 moves are graded",),
    )
    return replace(base, **more)


SUGGESTED = Suggestion(
    id="d1-chat-routing",
    capability=Capability.ROUTING,
    route=RouteName("chat"),
    channel=A,
    code=ReasonCode.FORECAST,
    detail="will be slow",
    at=AT,
    expires_at=AT + 1800.0,
    before={A: 0.5, B: 0.5},
    after={A: 0.35, B: 0.65},
)


@pytest.fixture
def levers() -> Levers:
    return Levers()


@pytest.fixture
def ask(board: Board, levers: Levers, stage: Any) -> Ask:
    shown = replace(board, rollout=(view(Capability.ROUTING),), suggestions=(SUGGESTED,))
    sources = RecordSources(
        board=lambda: shown,
        records=stage.store.records,
        rollups=stage.store.rollups,
        standings=stage.sources.standings,
    )
    app = Starlette(
        routes=[*rollout_routes(lambda: shown, levers), *record_routes(sources)],
        exception_handlers={HTTPException: refused},
    )

    async def asked(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        raw = b"" if body is None else orjson.dumps(body)
        async with stream(
            app, method, path, headers={"content-type": "application/json"}, body=raw
        ) as answer:
            return answer.status, orjson.loads(await answer.read())

    return asked


async def test_it_says_where_each_capability_stands_and_what_waits(ask: Ask) -> None:
    status, body = await ask("GET", "/api/rollout")
    assert status == 200
    (routing,) = body["capabilities"]
    assert routing["grades"] == {"helped": 3, "unknown": 1}
    assert (routing["graded"], routing["waiting"], routing["next"]) == (3, 2, "act")
    assert routing["missing"] == ["3 of 20 moves are graded"]
    (suggestion,) = body["suggestions"]
    assert suggestion["after"] == {"a": 0.35, "b": 0.65}


async def test_stages_are_moved_and_suggestions_answered(ask: Ask, levers: Levers) -> None:
    raised = {"capability": "routing", "move": "raise", "force": True, "reason": "load test"}
    assert await ask("POST", "/api/rollout", raised) == (200, {"capability": "routing", "stage": "suggest"})
    assert (await ask("POST", "/api/rollout", {"capability": "budget", "move": "lower"}))[0] == 200
    for said in ("approve", "dismiss"):
        assert (await ask("POST", "/api/suggestions/d1-chat-routing", {"answer": said}))[0] == 200
    assert levers.done == [
        ("raise", Capability.ROUTING, True, "load test"),
        ("lower", Capability.BUDGET, ""),
        ("approve", "d1-chat-routing"),
        ("dismiss", "d1-chat-routing"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("rollout", {"capability": "magic", "move": "raise"}, "there is no capability 'magic'"),
        ("rollout", {"capability": "routing", "move": "sideways"}, "move must be raise or lower"),
        (
            "rollout",
            {"capability": "routing", "move": "raise", "force": "yes"},
            "force must be true or false",
        ),
        ("suggestions/x", {"answer": "maybe"}, "answer must be approve or dismiss"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    ask: Ask, levers: Levers, path: str, body: Any, says: str
) -> None:
    status, answer = await ask("POST", f"/api/{path}", body)
    assert status == 400
    assert answer["error"]["message"] == says
    assert levers.done == []


async def test_the_loops_refusal_comes_with_what_is_missing(ask: Ask, levers: Levers) -> None:
    levers.refusal = RolloutRefusedError("routing may not go to act yet: 3 of 20", "wait")
    status, answer = await ask("POST", "/api/rollout", {"capability": "routing", "move": "raise"})
    assert status == 409
    assert answer["error"] == {"message": "routing may not go to act yet: 3 of 20", "hint": "wait"}


def test_the_status_has_it_too(board: Board, stage: Any) -> None:
    row = status_of(replace(board, rollout=(view(Capability.ROUTING),)), stage.sources, [])
    assert row["rollout"]["capabilities"][0]["capability"] == "routing"


async def test_a_decision_carries_the_grade_of_its_move(stage: Any, board: Board) -> None:
    change = ShareChange(
        route=RouteName("chat"),
        channel=A,
        before=0.5,
        after=0.35,
        reason=Reason(A, ReasonCode.FORECAST, "why"),
    )
    decisions = [
        Decision(id=DecisionId(f"d{n}"), at=AT + n, plan=board.plan, applied=True, changes=(change,))
        for n in range(3)
    ]
    found = Verdict(grade=Grade.HELPED, at=AT, came=True, detail="much better", requests=12.0)
    move = Move(
        id="d0/chat",
        capability=Capability.ROUTING,
        route=RouteName("chat"),
        channel=A,
        code=ReasonCode.FORECAST,
        detail="why",
        at=AT,
        due_at=AT + 1080.0,
        executed=True,
        stage=Autopilot.ACT,
        before={A: 0.5},
        after={A: 0.2},
        decisions=(DecisionId("d0"), DecisionId("d1")),
        verdict=found,
    )
    records = [decision_record(one, Autopilot.ACT) for one in decisions]
    await stage.store.records.append([*records, move_record(move)])
    newest, second, first = (await stage.get("/api/decisions"))["decisions"]
    assert newest["moves"] == []
    for row in (first, second):
        (graded,) = row["moves"]
        assert (graded["grade"], graded["detail"], graded["steps"]) == ("helped", "much better", 2)


def forecast(at: float, value: float) -> Forecast:
    window = WindowForecast(
        target=WindowTarget.POINT,
        horizon_s=120.0,
        value=value,
        lower80=value - 0.01,
        upper80=value + 0.01,
        lower95=value - 0.1,
        upper95=value + 0.1,
        n_effective=100.0,
        floor_ratio=0.03,
    )
    return Forecast(
        channel=A,
        metric=Metric.FIRST_CHUNK_P95,
        origin_at=at,
        step_s=60.0,
        mean=(value,),
        lower=(value,),
        upper=(value,),
        coverage=0.8,
        model="ensemble",
        windows=(window,),
    )


async def test_the_record_of_forecasts_stands_beside_what_came(ask: Ask, stage: Any) -> None:
    key = (A, Metric.FIRST_CHUNK_P95)
    starts = [AT - 60.0 * n for n in range(30, 0, -1)]
    rollups = [
        Rollup(
            channel=A,
            window_start=at,
            source="test",
            attempts=10,
            successes=10,
            first_chunk=LatencySummary(count=10, total_s=5.0, p95_s=0.5 + 0.01 * n),
        )
        for n, at in enumerate(starts)
    ]
    await stage.store.rollups.append(rollups)
    records = [
        forecast_record(at, {key: forecast(at, 0.5 + 0.01 * n + 0.005)}, [key]) for n, at in enumerate(starts)
    ]
    await stage.store.records.append(records)
    status, body = await ask("GET", "/api/forecasts/record?channel=a&metric=first_chunk_p95")
    assert status == 200
    (series,) = body["series"]
    (score,) = series["scores"]
    assert (score["model"], score["horizon_s"], score["graded"]) == ("ensemble", 120.0, 28)
    assert score["relative_mae"] == pytest.approx(0.25)
    assert score["coverage80"] == 1.0
    assert score["floor_ratio"] == pytest.approx(0.03)
    assert {one["model"]: round(one["relative_mae"], 3) for one in series["models"]} == {
        "ensemble": 0.75,
        "trend": 0.875,
        "last": 1.0,
    }


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("channel=x", 404, "there is no channel 'x'"),
        ("metric=cost_usd", 400, "no forecast of 'cost_usd' is on record"),
        ("since_s=soon", 400, "since_s cannot be 'soon'"),
        ("since_s=-1", 400, "since_s cannot be '-1'"),
    ],
)
async def test_a_record_that_cannot_be_is_refused(ask: Ask, query: str, code: int, says: str) -> None:
    status, body = await ask("GET", f"/api/forecasts/record?{query}")
    assert (status, body["error"]["message"]) == (code, says)
