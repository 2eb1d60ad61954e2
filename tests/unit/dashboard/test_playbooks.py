"""The API of playbooks: what there is, what they did, who may say yes; behind the door."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from tests.playbook_house import OUT, World, desk_of, hook, minutes, playbook

from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.core.playbook_run import RunMode
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.playbooks import playbook_routes
from foreroute.heal.playbooks.playbook import ManualTrigger
from foreroute.testing.streaming_asgi import stream

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def desk() -> PlaybookDesk:
    return desk_of(
        playbook("asks", hook("call"), OUT, mode=RunMode.APPROVE, description="what for"),
        playbook("by-hand", OUT, triggers=(ManualTrigger(),)),
    )


@pytest.fixture
def ask(desk: PlaybookDesk) -> Ask:
    app = Starlette(routes=playbook_routes(desk), exception_handlers={HTTPException: refused})
    door = Door(app, admin_key="secret")

    async def call(method: str, path: str, body: Any = None, key: str = "secret") -> tuple[int, Any]:
        raw = b"" if body is None else orjson.dumps(body)
        headers = {"host": "localhost", "content-type": "application/json", "authorization": f"Bearer {key}"}
        async with stream(door, method, path, body=raw, headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())

    return call


async def test_it_lists_the_playbooks_with_their_newest_run(desk: PlaybookDesk, ask: Ask) -> None:
    await minutes(desk, World(ill=True), 1)
    status, answer = await ask("GET", "/api/playbooks")
    assert status == 200
    first = next(row for row in answer["playbooks"] if row["name"] == "asks")
    assert (first["mode"], first["runs"], first["newest"]["state"]) == ("approve", 1, "waiting")
    assert first["triggers"][0]["type"] == "failure"
    assert [(one["action"], one["risk"]) for one in first["steps"]] == [
        ("hook", "destructive"),
        ("eject", "bounded"),
    ]
    assert first["verify"]["success"] == ["peer_ok_rate >= 0.95"]
    assert {"channel:a", "gateway", "region:c/r"} <= set(answer["scopes"])


async def test_a_run_that_waits_is_approved_and_then_undone(desk: PlaybookDesk, ask: Ask) -> None:
    await minutes(desk, World(ill=True), 1)
    _, answer = await ask("GET", "/api/playbook-runs?state=waiting")
    (run,) = answer["runs"]
    path = f"/api/playbook-runs/{run['id']}"
    status, answer = await ask("POST", path, {"answer": "approve", "actor": "ann"})
    assert (status, answer["run"]["state"], answer["run"]["actor"]) == (200, "verifying", "ann")
    status, answer = await ask("POST", path, {"answer": "approve"})
    assert (status, "does not wait" in answer["error"]["message"]) == (409, True)
    status, answer = await ask("POST", path, {"answer": "undo", "reason": "enough"})
    assert (status, answer["run"]["state"], answer["run"]["why"]) == (200, "rolled_back", "enough")
    status, answer = await ask("GET", path)
    assert [note["what"] for note in answer["run"]["notes"]][-1] == "rolled back"
    assert all(step["undo"] for step in answer["run"]["steps"])


async def test_a_run_by_hand_and_a_dry_one(ask: Ask) -> None:
    status, answer = await ask("POST", "/api/playbooks/by-hand/run", {"scope": "channel:a", "dry_run": True})
    assert (status, answer["run"]["state"], answer["run"]["actor"]) == (200, "rehearsed", "an operator")
    status, answer = await ask(
        "POST", "/api/playbooks/by-hand/run", {"scope": "region:c/r", "actor": "ann", "reason": "a drill"}
    )
    assert (status, answer["run"]["channels"], answer["run"]["trigger"]) == (200, ["a", "b"], "a drill")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/api/playbooks/none/run", {"scope": "gateway"}, 404, "there is no playbook 'none'"),
        ("POST", "/api/playbooks/by-hand/run", {}, 400, "scope must be a text"),
        ("POST", "/api/playbooks/by-hand/run", {"scope": "channel:z"}, 409, "there is no scope 'channel:z'"),
        (
            "POST",
            "/api/playbooks/by-hand/run",
            {"scope": "gateway", "actor": 1},
            400,
            "actor must be one line",
        ),
        (
            "POST",
            "/api/playbooks/by-hand/run",
            {"scope": "gateway", "reason": "a\nb"},
            400,
            "reason must be one line",
        ),
        ("POST", "/api/playbook-runs/run-x", {"answer": "approve"}, 409, "there is no run 'run-x'"),
        (
            "POST",
            "/api/playbook-runs/run-x",
            {"answer": "maybe"},
            400,
            "answer must be approve, reject or undo",
        ),
        ("GET", "/api/playbook-runs/run-x", None, 404, "there is no run 'run-x' on record"),
        ("GET", "/api/playbook-runs?limit=0", None, 400, "limit must be a number"),
        ("GET", "/api/playbook-runs?state=odd", None, 400, "there is no state 'odd'"),
        ("GET", "/api/playbook-runs?playbook=none", None, 404, "there is no playbook 'none'"),
    ],
)
async def test_a_mistake_says_what_would_be_right(
    ask: Ask, method: str, path: str, body: Any, status: int, said: str
) -> None:
    got, answer = await ask(method, path, body)
    assert got == status
    assert said in answer["error"]["message"]


async def test_nobody_without_the_key_sees_or_changes_anything(ask: Ask) -> None:
    for method, path in (("GET", "/api/playbooks"), ("POST", "/api/playbook-runs/run-x")):
        status, _ = await ask(method, path, {"answer": "approve"}, key="wrong")
        assert status == 401


def test_without_playbooks_there_is_no_api() -> None:
    assert playbook_routes(None) == []
