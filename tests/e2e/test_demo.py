"""The demo as a user starts it: what it claims at the end must be so, the same at every run, and it leaves no trace."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {
    "requests",
    "client_failures",
    "lost_attempts",
    "attempts",
    "ticks",
    "forecasts",
    "forecasts_graded",
    "forecast_error",
    "naive_error",
    "anomalies",
    "decisions",
    "spend_usd",
    "incidents",
    "failures_seen",
    "seed",
    "version",
}
CHANNELS = {"azure-us-east", "azure-eu-west", "aws-us-east", "gcp-us-east", "gcp-eu-west", "local-gpu"}
QUICK = ("--headless", "--json", "--speed", "600", "--port", "0")
"""A second of it is ten simulated minutes, or as long as they take."""


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value


def start(*options: str, temporary: Path | None = None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREROUTE_")}
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    return subprocess.Popen(
        [sys.executable, "-m", "foreroute", "demo", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(processes: Sequence[subprocess.Popen[str]], timeout_s: float = 300.0) -> list[Ended]:
    """Waits for them. Their pipes end when nobody holds them, so this waits for their worker processes too."""
    try:
        texts = [process.communicate(timeout=timeout_s) for process in processes]
        return [Ended(process.returncode, *text) for process, text in zip(processes, texts, strict=True)]
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture(scope="module")
def twins() -> list[Ended]:
    """Two runs of one seed side by side, 50 minutes each: the slow channel's ramp and the other one's outage."""
    return end([start(*QUICK, "--seconds", "5", "--seed", "1") for _ in range(2)])


@pytest.fixture(scope="module")
def story(twins: list[Ended]) -> dict[str, Any]:
    return twins[0].summary


@pytest.mark.slow
def test_it_ends_by_itself_with_one_json_object(twins: list[Ended]) -> None:
    for run in twins:
        assert run.code == 0, run.err
        assert run.err == ""
        assert run.out.count("\n") == 1
        assert run.summary.keys() == KEYS


@pytest.mark.slow
def test_users_see_hardly_a_failure_and_nothing_is_lost(story: dict[str, Any]) -> None:
    assert story["requests"] > 5_000
    assert story["client_failures"] <= 0.005 * story["requests"]
    assert story["client_failures"] >= len(story["failures_seen"])
    assert story["lost_attempts"] == 0
    counts = set(story["attempts"].values())
    assert len(counts) == 1
    assert counts.pop() >= story["requests"]
    assert story["ticks"] >= 50


@pytest.mark.slow
def test_a_forecast_moves_traffic_before_the_objective_is_missed(story: dict[str, Any]) -> None:
    early = [
        decision
        for decision in story["decisions"]
        if decision["reason"] == "forecast"
        and decision["slo_crossed_at"] is not None
        and decision["at"] < decision["slo_crossed_at"]
    ]
    assert early
    for decision in early:
        assert decision["applied"]
        assert decision["channel"] == "azure-us-east"
        assert decision["share_after"] < decision["share_before"]


@pytest.mark.slow
def test_the_books_are_complete(story: dict[str, Any]) -> None:
    assert story["spend_usd"].keys() == CHANNELS
    assert all(float(usd) > 0 for usd in story["spend_usd"].values())
    assert story["forecasts"] > 0
    assert story["forecasts_graded"] > 0
    assert isinstance(story["forecast_error"], float)
    assert isinstance(story["naive_error"], float)
    outages = [incident for incident in story["incidents"] if incident["channel"] == "gcp-us-east"]
    assert [outage["root_cause"] for outage in outages] == ["overloaded_or_capacity"]
    assert all(incident["root_cause"] for incident in story["incidents"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(twins: list[Ended]) -> None:
    first, second = (run.summary for run in twins)
    assert first["decisions"] == second["decisions"]
    assert first["spend_usd"] == second["spend_usd"]
    assert first == second


@pytest.fixture(scope="module")
def drills() -> Iterator[tuple[Ended, Ended, int]]:
    """Side by side: one whose control loop dies early, ten minutes of plan and six beyond; one whose port is busy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        killed = start(*QUICK, "--seconds", "2", "--kill-loop-at", "3.5")
        moved = start("--headless", "--json", "--seconds", "1", "--port", str(port))
        one, other = end([killed, moved])
        yield one, other, port


@pytest.mark.slow
def test_killing_the_loop_costs_no_request(drills: tuple[Ended, Ended, int]) -> None:
    killed = drills[0]
    assert killed.code == 0, killed.err
    summary = killed.summary
    assert summary["ticks"] == 3
    assert summary["requests"] > 2_000
    assert summary["client_failures"] == 0, summary["failures_seen"]
    assert summary["lost_attempts"] == 0, summary["attempts"]


@pytest.mark.slow
def test_a_busy_port_is_left_for_the_next_free_one(drills: tuple[Ended, Ended, int]) -> None:
    _, moved, port = drills
    assert moved.code == 0, moved.err
    said = re.fullmatch(r"port (\d+) is taken; the gateway is on (\d+)\n", moved.err)
    assert said is not None, moved.err
    assert int(said[1]) == port
    assert port < int(said[2]) < port + 20
    assert moved.summary["client_failures"] == 0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A test run in the background ignores Ctrl-C, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = start("--headless", "--port", "0", "--seconds", "3600", temporary=tmp_path)
    assert process.stderr is not None
    greeting = [next(process.stderr)]
    while "OpenAI base URL" not in greeting[-1]:
        greeting.append(next(process.stderr))
    assert [path.name.startswith("foreroute-demo-") for path in tmp_path.iterdir()] == [True]
    os.killpg(process.pid, signal.SIGINT)
    (done,) = end([process], timeout_s=60.0)
    assert done.code == 0
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []
