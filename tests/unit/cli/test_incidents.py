"""`foreroute incidents`, against the real API on loopback."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from tests.incident_house import IncidentHouse, foreseen
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.incidents import incident_routes
from foreroute.serving import serve_asgi

ADMIN = "the-admin-key"
Run = Callable[..., Result]


@dataclass
class Served:
    url: str
    name: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    made: list[Served] = []

    async def main() -> None:
        house = IncidentHouse(length_s=2400.0)
        await house.start(foreseen(house.scenario.start_at - 86_400.0))
        await house.until(180.0)
        api = Starlette(routes=incident_routes(house.sources()), exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(api, admin_key=ADMIN)) as server:
            made.append(Served(server.url, (await house.lost()).id))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert started.wait(120)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run(served: Served) -> Run:
    def invoke(*arguments: str, key: str = ADMIN) -> Result:
        where = ["--url", served.url, "--key", key]
        return CliRunner().invoke(app, ["incidents", *arguments, *where])

    return invoke


def test_the_list_is_what_it_says_without_a_verb(run: Run, served: Served) -> None:
    bare, listed = run(), run("list")
    assert bare.exit_code == listed.exit_code == 0
    assert bare.stdout == listed.stdout
    assert served.name in listed.stdout
    assert "region us-east-1: timeout connect" in listed.stdout
    assert "prevented" in listed.stdout
    assert "30 days" in listed.stdout


def test_as_json_it_is_what_the_api_says(run: Run, served: Served) -> None:
    found = json.loads(run("list", "--open", "--json").stdout)
    assert served.name in {one["id"] for one in found["incidents"]}
    assert {one["closed_at"] for one in found["incidents"]} == {None}
    shown = json.loads(run("show", served.name, "--json").stdout)
    assert shown["incident"]["id"] == served.name
    assert shown["course"]["points"]


def test_one_is_told_with_its_phases(run: Run, served: Served) -> None:
    shown = run("show", served.name)
    assert shown.exit_code == 0
    for word in ("detect", "decide", "shift", "verify", "answered by another channel", "kill-switch"):
        assert word in shown.stdout


def test_a_note_and_the_end(run: Run, served: Served) -> None:
    noted = run("note", served.name, "the provider knows", "--by", "ann")
    assert (noted.exit_code, noted.stdout) == (0, f"noted on {served.name}\n")
    assert "ann: the provider knows" in run("show", served.name).stdout
    for _ in range(2):
        closed = run("close", served.name, "--by", "ann")
        assert (closed.exit_code, closed.stdout) == (0, f"{served.name} is closed\n")


def test_failures_exit_with_one_and_say_why(run: Run) -> None:
    for verb in (("show", "nowhere"), ("note", "nowhere", "x"), ("close", "nowhere")):
        result = run(*verb)
        assert result.exit_code == 1
        assert "there is no incident" in result.stderr
    assert run("list", key="wrong").exit_code == 1
