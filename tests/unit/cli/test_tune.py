"""`foreroute heal tune`, on a stand-in for the server."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from foreroute.cli.program import app

Run = Callable[..., Any]
ROW = {
    "channel": "openai/gpt",
    "parameter": "first_chunk",
    "unit": "s",
    "by_tokens": "input",
    "configured": {"value": 60.0},
    "current": {"value": 4.2, "base": 1.2, "per_1000_tokens": 0.4},
    "tuned": True,
    "proposal": {"value": 3.5},
    "wanted": {"value": 2.0},
    "reason": "the 99.5% quantile of the hour is 1.5 s, times 1.3",
    "evidence": {"samples": 4000},
    "rails": ["at most 25% a step", "240 s after the last step"],
    "trial": "",
    "approvable": False,
    "undo": "foreroute heal tune --reset openai/gpt first_chunk",
}
FREE = ROW | {
    "parameter": "concurrency",
    "unit": "attempts",
    "configured": {"value": None},
    "current": {"value": None},
    "tuned": False,
    "proposal": None,
    "undo": None,
}
CHANGE = {
    "at": 1_772_442_000.0,
    "channel": "openai/gpt",
    "parameter": "first_chunk",
    "event": "promoted",
    "old": {"value": 5.6},
    "new": {"value": 4.2},
    "reason": "because",
    "evidence": {},
    "canary": "1 of 120 went badly, against 9 of 1080",
    "actor": "tuner",
}
ANSWER = {"enabled": True, "held": "", "parameters": [ROW, FREE], "history": [CHANGE]}


@pytest.fixture
def run(server: Any) -> Run:
    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["heal", "tune", *arguments, "--url", server.url])

    return call


def test_a_table_of_what_is_in_force(server: Any, run: Run) -> None:
    server.answer("GET /api/tuning", ANSWER | {"held": "its stage is observe"})
    said = run().stdout
    for words in (
        "Nothing moves by itself: its stage is observe.",
        "first_chunk",
        "60 s",
        "4.2 s",
        "no limit",
    ):
        assert words in said


def test_explain_says_why_what_bounds_it_what_was_done_and_how_to_undo(server: Any, run: Run) -> None:
    server.answer("GET /api/tuning", ANSWER)
    said = run("--explain").stdout
    for words in (
        "(1.2 s + 0.4 s per 1000 input tokens)",
        "3.5 s, on the way to 2 s",
        "99.5% quantile of the hour",
        "samples 4000",
        "at most 25% a step",
        "promoted by the tuner: 5.6 s to 4.2 s (1 of 120 went badly",
        "foreroute heal tune --reset openai/gpt first_chunk",
    ):
        assert words in said.replace("\n", " ")


def test_json_is_the_servers_answer(server: Any, run: Run) -> None:
    server.answer("GET /api/tuning", ANSWER)
    assert '"undo"' in run("--explain", "--json", "--channel", "openai/gpt").stdout
    assert server.asked[-1].path == "/api/tuning?channel=openai%2Fgpt"


@pytest.mark.parametrize("said", ["reset", "approve"])
def test_reset_and_approve_are_sent(server: Any, run: Run, said: str) -> None:
    server.answer("POST /api/tuning/openai%2Fgpt/first_chunk", {"done": said})
    result = run(f"--{said}", "openai/gpt", "first_chunk", "--reason", "a test")
    assert result.exit_code == 0, result.output
    assert server.asked[-1].body == {"do": said, "reason": "a test"}


def test_both_at_once_are_refused(run: Run) -> None:
    assert run("--reset", "a", "total", "--approve", "a", "total").exit_code != 0


def test_nothing_is_tuned_or_known_yet(server: Any, run: Run) -> None:
    server.answer("GET /api/tuning", {"enabled": False})
    assert "nothing is tuned here" in run().stdout
    server.answer("GET /api/tuning", {"enabled": True, "held": "", "parameters": [], "history": []})
    assert "nothing is known yet" in run().stdout
