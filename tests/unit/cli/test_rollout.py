"""`foreroute rollout`, the record of forecasts, and what became of a decision, on a stand-in for the server."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from foreroute.cli.program import app

Run = Callable[..., Any]


@pytest.fixture
def run(server: Any) -> Run:
    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--url", server.url])

    return call


def capability(name: str, **more: Any) -> dict[str, Any]:
    base = {
        "capability": name,
        "stage": "observe",
        "granted": "observe",
        "exists": True,
        "since_at": None,
        "next": "suggest",
        "missing": ["7 of 20 moves are graded"],
        "graded": 7,
        "waiting": 2,
        "grades": {"helped": 5, "false_alarm": 2},
    }
    return base | more


def test_it_shows_what_is_missing_and_what_waits(server: Any, run: Run) -> None:
    waits = {
        "id": "d1-chat-routing",
        "capability": "routing",
        "route": "chat",
        "channel": "a",
        "detail": "over the limit soon",
        "expires_at": 1_772_442_000.0,
        "before": {"a": 0.5, "b": 0.5},
        "after": {"a": 0.35, "b": 0.65},
    }
    absent = capability("tuning", exists=False, missing=["nothing here makes moves of tuning yet"])
    ready = capability("budget", missing=[])
    answer = {"capabilities": [capability("routing"), ready, absent], "suggestions": [waits]}
    server.answer("GET /api/rollout", answer)
    said = run("rollout", "show").stdout
    for words in (
        "suggest: 7 of 20 moves are graded",
        "suggest: may be raised",
        "nothing here makes moves of tuning yet",
        "d1-chat-routing waits for an answer until",
        "a: 50% → 35%",
    ):
        assert words in said


def test_the_levers_send_what_was_asked(server: Any, run: Run) -> None:
    server.answer("POST /api/rollout", {"capability": "routing", "stage": "suggest"})
    server.answer("POST /api/suggestions/d1-chat-routing", {"suggestion": "d1-chat-routing"})
    server.answer("POST /api/autopilot", {"autopilot": "act"})
    assert (
        run("rollout", "raise", "routing", "--force", "--reason", "load test").stdout == "routing: suggest\n"
    )
    assert run("rollout", "lower", "routing").exit_code == 0
    assert run("rollout", "approve", "d1-chat-routing").stdout == "it is being done\n"
    assert run("rollout", "dismiss", "d1-chat-routing").stdout == "it is dismissed\n"
    assert run("autopilot", "act", "--force", "--reason", "load test").exit_code == 0
    assert [one.body for one in server.asked] == [
        {"capability": "routing", "move": "raise", "force": True, "reason": "load test"},
        {"capability": "routing", "move": "lower", "reason": ""},
        {"answer": "approve"},
        {"answer": "dismiss"},
        {"mode": "act", "force": True, "reason": "load test"},
    ]


def test_a_refusal_says_what_is_missing(server: Any, run: Run) -> None:
    body = {"error": {"message": "routing may not go to suggest yet: 7 of 20", "hint": "wait"}}
    server.answer("POST /api/rollout", body, 409)
    result = run("rollout", "raise", "routing")
    assert result.exit_code == 1
    assert "may not go to suggest yet: 7 of 20" in result.stderr
    assert "wait" in result.stderr
    assert run("rollout", "raise", "magic").exit_code == 2


def test_the_record_of_forecasts(server: Any, run: Run) -> None:
    score = {
        "model": "ensemble",
        "target": "point",
        "horizon_s": 900.0,
        "graded": 120,
        "mean_absolute_error": 0.05,
        "naive_mean_absolute_error": 0.08,
        "relative_mae": 0.625,
        "mape": 0.11,
        "floor_ratio": 0.06,
        "coverage80": 0.79,
        "direction": "rising",
        "trend": [{"at": 0.0, "graded": 60, "skill": 0.0}, {"at": 1.0, "graded": 60, "skill": 1.0}],
    }
    model = {
        "model": "trend",
        "target": "point",
        "horizon_s": 900.0,
        "graded": 60,
        "relative_mae": 0.7,
        "weight": 0.4,
        "has_vote": True,
    }
    series = {"channel": "a", "metric": "first_chunk_p95", "scores": [score], "models": [model]}
    server.answer("GET /api/forecasts/record", {"at": 1.0, "since_at": 0.0, "series": [series]})
    said = run("forecast", "a", "--record", "--since", "2d").stdout
    for words in ("end of 15m", "0.62", "11.0%", "6.0%", "79.0%", " █ rising", "trend", "40.0%"):
        assert words in said
    assert "since_s=172800" in server.asked[-1].path
    server.answer("GET /api/forecasts/record", {"at": 1.0, "since_at": 0.0, "series": []})
    assert "has met its outcome yet" in run("forecast", "a", "--record").stdout
    assert run("forecast", "a", "--record", "--since", "soon").exit_code == 1


def test_explaining_a_request_says_what_became_of_its_decision(server: Any, run: Run) -> None:
    moves = [
        {"grade": "helped", "detail": "1.0% failed or late", "due_at": 0.0},
        {"grade": None, "detail": None, "due_at": 1_772_442_000.0},
    ]
    decision = {"id": "d1", "at": 0.0, "changes": [], "moves": moves}
    server.answer("GET /api/requests/q", {"request_id": "q", "attempts": [], "decision": decision})
    said = run("explain", "q").stdout
    assert "it helped: 1.0% failed or late" in said
    assert "graded from " in said
