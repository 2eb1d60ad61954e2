"""The simulator behind the dashboard: a real process, started, steered and ended."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from foreroute.app.simulator import Simulator
from foreroute.core.errors import ForerouteError
from foreroute.core.fields import BadField

PATIENCE_S = 120.0


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    made = Simulator()
    yield made
    made.stop()


def until(simulator: Simulator, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first state of which something holds."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        is_running, newest, problem = simulator.state()
        assert is_running, problem
        if newest is not None and holds(run := orjson.loads(newest)):
            return dict(run)
        time.sleep(0.02)
    raise AssertionError("the simulation has not come so far")


def test_a_story_is_played_paused_and_disturbed(simulator: Simulator) -> None:
    assert "slow-ramp" in {one["name"] for one in simulator.catalog()}
    assert simulator.state() == (False, None, "")
    simulator.start({"scenario": "cold-start", "seed": 3, "autopilot": "observe", "speed": 0})
    begun = until(simulator, lambda run: run["end_at"] > run["start_at"] + 600)
    assert (begun["seed"], begun["autopilot"], begun["over"]) == (3, "observe", False)
    assert begun["users"]["requests"] > 0
    assert len(begun["channels"]) > 1

    simulator.pace({"paused": True})
    paused = until(simulator, lambda run: run["paused"])
    channel, told = paused["channels"][0]["id"], len(paused["timeline"])
    simulator.inject({"fault": "stop", "channel": channel, "for": "20m"})
    event = until(simulator, lambda run: len(run["timeline"]) > told)["timeline"][-1]
    assert event["channel"] == channel
    assert event["ends_at"] - event["starts_at"] == 1200.0
    assert event["starts_at"] == paused["end_at"], "it is paused: no time has passed"

    simulator.inject({"fault": "stop", "channel": "nobody", "for": "20m"})
    give_up_at = time.monotonic() + PATIENCE_S
    while not (problem := simulator.state()[2]):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    assert "nobody" in problem

    simulator.pace({"paused": False, "speed": 0})
    over = until(simulator, lambda run: run["over"])
    assert over["end_at"] == over["ends_at"]
    assert len(over["timeline"]) == told + 1
    simulator.stop()
    assert simulator.state()[0] is False


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"scenario": "doomsday"}, "no 'doomsday'"),
        ({"scenario": "../../etc/passwd"}, "there is no"),
        ({}, "scenario: is missing"),
        ({"scenario": "drift", "seed": -1}, "seed"),
        ({"scenario": "drift", "colour": "red"}, "no such field"),
    ],
)
def test_what_cannot_be_started_is_refused(
    simulator: Simulator, wanted: dict[str, object], said: str
) -> None:
    with pytest.raises(BadField, match=said):
        simulator.start(wanted)


def test_without_a_run_there_is_nothing_to_steer(simulator: Simulator) -> None:
    with pytest.raises(ForerouteError, match="no simulation is running"):
        simulator.pace({"paused": True})
    with pytest.raises(BadField, match="say where"):
        simulator.inject({"fault": "stop", "for": "20m"})


def test_two_who_start_at_once_leave_one_process(simulator: Simulator) -> None:
    threads = [
        threading.Thread(target=simulator.start, args=({"scenario": "drift", "seed": seed},))
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alive = [one for one in multiprocessing.active_children() if one.name == "foreroute-simulator"]
    assert len(alive) == 1
    simulator.stop()
    assert not [one for one in multiprocessing.active_children() if one.name == "foreroute-simulator"]
