"""`foreroute keys` and `foreroute teams`, against the real API on loopback."""

import asyncio
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.core.ids import KeyId
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.key_desk import KeySources
from foreroute.dashboard.keys import key_routes
from foreroute.gateway.keyring import Keyring, Known, Refused
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_entry

AT = 1_772_442_000.0
ADMIN = "the-admin-key"
Run = Callable[..., Result]


@dataclass
class Desk:
    url: str
    store: MemoryStore

    def find(self, plaintext: str) -> Known | Refused:
        return Keyring(asyncio.run(self.store.keys.read())).find(plaintext, AT)

    def key(self) -> dict[str, Any]:
        """The only key, as the store has it."""
        (key,) = asyncio.run(self.store.keys.read()).keys
        return {"key": key, "limits": key.limits}


class StillClock:
    def now(self) -> float:
        return AT

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


@pytest.fixture
def desk() -> Iterator[Desk]:
    store = MemoryStore(merge_rollups)
    ready: list[str] = []
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    numbers = iter(range(10**6))

    async def main() -> None:
        sources = KeySources(
            store=store.keys,
            spend=lambda start, end: store.key_spend.spend_by_key(start_at=start, end_at=end),
            records=store.records,
            clock=StillClock(),
            rng_bytes=lambda count: bytes((next(numbers) * 37) % 256 for _ in range(count)),
        )
        routes = Starlette(routes=key_routes(sources), exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(routes, admin_key=ADMIN)) as server:
            ready.append(server.url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert started.wait(10)
    yield Desk(ready[0], store)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run(desk: Desk) -> Run:
    def invoke(*arguments: str, code: int = 0, **environment: str) -> Result:
        env = {"FOREROUTE_URL": desk.url, "FOREROUTE_ADMIN_KEY": ADMIN, **environment}
        result = CliRunner().invoke(app, list(arguments), env=env)
        assert result.exit_code == code, result.output
        return result

    return invoke


def made(run: Run, *more: str) -> tuple[str, str]:
    """(plaintext, id) of a new key."""
    plaintext = run("keys", "create", "--name", "ann", *more).stdout.strip()
    return plaintext, plaintext.split("-")[2]


def test_a_new_key_is_alone_on_stdout_and_works(desk: Desk, run: Run) -> None:
    command = (
        "keys create --name ann --model gpt-4o --model claude-* --rpm 60 --tpm 40000 --parallel 4 "
        "--budget 10/day --budget $100/monthly --soft-budget 8/day --expires 30d --tag web --tag eu --allow-unpriced"
    )
    result = run(*command.split())
    plaintext = result.stdout.removesuffix("\n")
    assert plaintext.startswith("sk-fr-")
    assert "\n" not in plaintext
    assert "cannot be shown again" in result.stderr
    assert plaintext not in result.stderr
    found = desk.find(plaintext)
    assert isinstance(found, Known)
    key = found.key
    assert (key.name, key.models, key.tags, key.expires_at) == (
        "ann", ("gpt-4o", "claude-*"), ("web", "eu"), AT + 30 * 86400,
    )  # fmt: skip
    limits = key.limits
    assert (limits.requests_per_minute, limits.tokens_per_minute, limits.parallel_max) == (60, 40000, 4)
    assert limits.allow_unpriced is True
    assert [(str(one.limit_usd), one.window.value, one.hard) for one in limits.budgets] == [
        ("10", "day", True), ("100", "month", True), ("8", "day", False),
    ]  # fmt: skip


def test_list_and_show_say_what_a_key_may_and_what_it_spent(desk: Desk, run: Run) -> None:
    assert "There are no keys yet" in run("keys", "list").stdout
    plaintext, name = made(run, "--budget", "10/day", "--rpm", "60", "--model", "gpt-[4]*")
    entry = an_entry(request="r", at=AT - 1.0, cost="1.25")
    asyncio.run(
        desk.store.ledger.append([replace(entry, attempt=replace(entry.attempt, key_id=KeyId(name)))])
    )
    listed = run("keys", "list").stdout
    row = next(line for line in listed.splitlines() if line.startswith(name))
    for part in ("ann", "open", "gpt-[4]*", "60 requests/min", "$1.25 of $10.00 a day", "$1.25"):
        assert part in row
    shown = run("keys", "show", name).stdout
    for part in (f"sk-fr-{name}-…{plaintext[-4:]}", "day $1.25", "2026-03-02 09:00 UTC", "role"):
        assert part in shown
    assert plaintext not in listed + shown
    assert json.loads(run("keys", "list", "--json").stdout)["keys"][0]["id"] == name
    assert json.loads(run("keys", "show", name, "--json").stdout)["spent_usd"]["day"] == "1.25"


def test_update_changes_what_is_given_and_clear_takes_away(desk: Desk, run: Run) -> None:
    _, name = made(
        run,
        "--rpm",
        "60",
        "--tpm",
        "5",
        "--budget",
        "10/day",
        "--expires",
        "1d",
        "--tag",
        "a",
        "--model",
        "m",
    )
    run("keys", "update", name, "--rpm", "30", "--name", "bob", "--clear", "tpm", "--clear", "expires")
    key = desk.key()["key"]
    assert (key.name, key.expires_at, key.tags, key.models) == ("bob", None, ("a",), ("m",))
    assert (key.limits.requests_per_minute, key.limits.tokens_per_minute, len(key.limits.budgets)) == (
        30,
        None,
        1,
    )
    run("keys", "update", name, "--budget", "2/hour", "--refuse-unpriced")
    assert [str(one.window) for one in desk.key()["limits"].budgets] == ["hour"]
    run(
        "keys",
        "update",
        name,
        *(f"--clear={what}" for what in ("rpm", "parallel", "budgets", "models", "tags")),
    )
    key = desk.key()["key"]
    assert (key.limits.requests_per_minute, key.limits.budgets, key.models, key.tags) == (None, (), (), ())
    run("keys", "update", name, "--clear", "expires", "--expires", "2h")
    assert desk.key()["key"].expires_at == AT + 7200
    assert "nothing is to be changed" in run("keys", "update", name, code=1).stderr


def test_a_key_is_disabled_enabled_rotated_and_deleted(desk: Desk, run: Run) -> None:
    plaintext, name = made(run)
    assert run("keys", "disable", name).stdout == f"key {name} is disabled\n"
    assert desk.find(plaintext) == Refused("disabled")
    run("keys", "enable", name)
    assert isinstance(desk.find(plaintext), Known)
    rotated = run("keys", "rotate", name).stdout.strip()
    assert desk.find(plaintext) == Refused("unknown")
    assert isinstance(desk.find(rotated), Known)
    assert run("keys", "delete", name).stdout == f"key {name} is deleted\n"
    assert desk.find(rotated) == Refused("unknown")
    assert name not in run("keys", "list").stdout
    assert "deleted" in run("keys", "list", "--deleted").stdout


def test_teams_hold_keys_together(desk: Desk, run: Run) -> None:
    assert "There are no teams yet" in run("teams", "list").stdout
    team = run("teams", "create", "--name", "red", "--budget", "100/month").stdout.strip()
    _, name = made(run, "--team", team)
    assert desk.key()["key"].team == team
    row = next(line for line in run("teams", "list").stdout.splitlines() if line.startswith(team))
    assert "$0.00 of $100.00 a month" in row
    run("teams", "update", team, "--name", "blue", "--rpm", "5", "--clear", "budgets")
    shown = run("teams", "show", team).stdout
    assert all(part in shown for part in ("blue", "5 requests/min", name))
    assert "nothing is to be changed" in run("teams", "update", team, code=1).stderr
    assert f"the team has 1 keys\n  delete them first: {name}" in run("teams", "delete", team, code=1).stderr
    run("keys", "delete", name)
    assert run("teams", "delete", team).stdout == f"team {team} is deleted\n"
    assert json.loads(run("teams", "list", "--json").stdout) == {"teams": []}


@pytest.mark.parametrize("budget", ["10/year", "ten/day", "-1/day", "/day", "10/", "1e3/day", "nan/day"])
def test_a_budget_that_is_none_is_a_usage_error(run: Run, budget: str) -> None:
    result = run("keys", "create", "--name", "a", f"--budget={budget}", code=2)
    assert "such as 10/day" in result.stderr
    assert result.stdout == ""


def test_what_the_server_refuses_is_a_message(run: Run) -> None:
    for arguments, said in (
        (["keys", "show", "nobody"], "there is no key 'nobody'"),
        (["keys", "rotate", "nobody"], "there is no key 'nobody'"),
        (["keys", "create", "--name", "a", "--team", "x"], "team: there is no team 'x'\n  known: none yet"),
        (["keys", "create", "--name", "a", "--expires", "soon"], "expires_in: 'soon' is not a duration"),
    ):
        result = run(*arguments, code=1)
        assert said in result.stderr
        assert result.stdout == ""
        assert "Traceback" not in result.output


def test_without_the_admin_key_nothing_is_done(desk: Desk, run: Run) -> None:
    result = run("keys", "create", "--name", "a", code=1, FOREROUTE_ADMIN_KEY="wrong")
    assert "the server asks for its admin key" in result.stderr
    assert asyncio.run(desk.store.keys.read()).keys == ()


@pytest.mark.parametrize(
    "verb",
    ["create --name a", "rotate ID", "show ID", "disable ID", "enable ID", "delete ID", "update ID --rpm 5"],
)
def test_json_is_one_value_on_stdout(run: Run, verb: str) -> None:
    _, name = made(run)
    result = run("keys", *verb.replace("ID", name).split(), "--json")
    assert isinstance(json.loads(result.stdout), dict)
    assert result.stderr == ""


def test_the_commands_of_the_page_do_what_it_says(desk: Desk, run: Run) -> None:
    page = (Path(__file__).parents[3] / "docs/keys.md").read_text(encoding="utf-8")
    commands = [line for line in page.splitlines() if line.startswith("foreroute ")]
    assert len(commands) >= 13
    known = {"KEY": "", "TEAM": ""}
    for command in commands:
        words = [Template(word).substitute(known) for word in shlex.split(command)[1:]]
        result = run(*words)
        if words[:2] == ["keys", "create"]:
            known["KEY"] = result.stdout.split("-")[2]
        if words[:2] == ["teams", "create"]:
            known["TEAM"] = result.stdout.strip()
    states = {key.name: key.deleted_at for key in asyncio.run(desk.store.keys.read()).keys}
    assert states == {"ann": AT, "bob": None}
