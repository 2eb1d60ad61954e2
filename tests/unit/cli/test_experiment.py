"""`foreroute experiment`, against the real API on loopback."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from tests.experiment_house import ExperimentHouse, Traffic, definition
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.experiments import experiment_routes
from foreroute.serving import serve_asgi

Run = Callable[..., Result]


class Served:
    """A house whose API is served from a thread of its own."""

    def __init__(self) -> None:
        self.house = ExperimentHouse(
            definition(guardrails=[{"measure": "failures", "worse_max": 1.0}]), definition(id="later")
        )
        self.loop = asyncio.new_event_loop()
        self.url = ""
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20.0)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self.loop.close()

    def pass_time(self, seconds: float, traffic: Traffic) -> None:
        asyncio.run_coroutine_threadsafe(self.house.serve(seconds, traffic), self.loop).result(60.0)

    async def _serve(self) -> None:
        await self.house.desk.start(self.house.at)
        routes = experiment_routes(self.house.sources())
        dashboard = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(dashboard), "127.0.0.1", 0) as server:
            self.url = server.url
            self._ready.set()
            await self._over.wait()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    made = Served()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def run(served: Served) -> Run:
    return lambda *words: CliRunner().invoke(app, ["experiment", *words, "--url", served.url])


def test_from_the_first_look_to_the_promotion_and_back(run: Run, served: Served, tmp_path: Path) -> None:
    assert "not started" in run("list").output
    assert "has not run yet" in run("show", "faster").output
    assert "too few requests are on record" in run("size", "faster").output
    assert "no run is over yet" in run("history").output
    started = run("start", "faster")
    assert started.exit_code == 0, started.output
    assert "faster.1 runs; about 5000 units an arm are planned" in started.output
    served.pass_time(7200.0, Traffic(factor={"b": 0.7}))
    shown = run("show", "faster").output
    assert "b is better than control" in shown
    assert "decides" in shown
    assert "holds" in shown
    assert "running" in run("list").output
    assert "requests an arm to find 5.0% of latency" in run("size", "later").output
    asked = next(one.request_id for one in served.house.sent if one.arms)
    assert "counted" in run("score", "faster", asked, "0.5").output
    assert "was counted already" in run("score", "faster", asked, "0.5").output

    promoted = run("promote", "faster")
    assert "b of faster.1 serves everybody" in promoted.output
    assert "{channel: b, weight: 1}" in promoted.output
    assert "b is better than control" in run("history").output
    assert "taken back" in run("revert", "faster").output

    file = tmp_path / "new.yaml"
    file.write_text(json.dumps(definition(id="new")))
    assert "new.1 runs" in run("start", "--file", str(file)).output
    assert "new.1 is stopped" in run("stop", "new").output
    answer = json.loads(run("list", "--json").output)
    assert [one["id"] for one in answer["defined"]] == ["faster", "later", "new"]
    assert {one["state"] for one in json.loads(run("history", "--json").output)["runs"]} == {"stopped"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "nobody"), "there is no experiment 'nobody'"),
        (("start",), "say what to start"),
        (("start", "--file", "/nowhere.yaml"), "/nowhere.yaml: cannot be read"),
        (("promote", "later"), "later has not run yet"),
    ],
)
def test_mistakes_are_told_without_a_traceback(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code != 0
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_file_that_is_no_experiment_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    for text, message in (
        ("- 1", "is not one experiment"),
        ("a: [", "is not YAML"),
        (
            "{id: x, routes: [chat], arms: [{name: a}, {name: b, channels: {c: 1}}]}",
            "there is no channel 'c'",
        ),
    ):
        file.write_text(text)
        assert message in run("start", "--file", str(file)).stderr
