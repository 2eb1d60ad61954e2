"""The API of experiments behind its door."""

from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from tests.experiment_house import ExperimentHouse, Traffic, definition

from foreroute.core.keys import Role
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.experiments import experiment_routes
from foreroute.testing.streaming_asgi import stream

ADMIN, LOOK = "the-admin-key", "look"


class Room(ExperimentHouse):
    async def ask(self, method: str, path: str, body: Any = None, key: str = ADMIN) -> tuple[int, Any]:
        app = Starlette(routes=experiment_routes(self.sources()), exception_handlers={HTTPException: refused})
        door = Door(app, admin_key=ADMIN, role_of={LOOK: Role.READ}.get)
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
        }
        raw = orjson.dumps({} if body is None else body) if method != "GET" else b""
        async with stream(door, method, path, headers=headers, body=raw) as answer:
            return answer.status, orjson.loads(await answer.read())


@pytest.fixture
async def room() -> Room:
    made = Room(definition(note="sooner?", guardrails=[{"measure": "failures", "worse_max": 1.0}]))
    await made.desk.start(made.at)
    return made


async def test_what_is_defined_is_listed_and_can_be_looked_at_before_it_runs(room: Room) -> None:
    status, found = await room.ask("GET", "/api/experiments")
    assert status == 200
    assert [(one["id"], one["of_file"]) for one in found["defined"]] == [("faster", True)]
    assert found["runs"] == []
    status, found = await room.ask("GET", "/api/experiments/faster")
    assert (status, found["run"], found["size"]["sequential"]) == (200, None, None)


async def test_a_run_from_start_to_promotion(room: Room) -> None:
    status, found = await room.ask("POST", "/api/experiments/faster/start")
    assert (status, found["run"]["run"], found["run"]["state"]) == (201, "faster.1", "running")
    await room.serve(10_000.0, Traffic(factor={"b": 0.7}))
    _, found = await room.ask("GET", "/api/experiments/faster")
    run = found["run"]
    (effect,) = run["effects"]
    assert effect["verdict"] == "better"
    assert effect["lower"] < effect["value"] < effect["upper"] < 0
    assert run["findings"][0]["arm"] == "b"
    assert [arm["name"] for arm in run["arm_rows"]] == ["control", "b"]
    assert sum(arm["requests"] for arm in run["arm_rows"]) == run["requests"]
    assert run["guardrails"][0]["broken"] is False
    assert run["split_p_value"] > 0.01
    assert {one["measure"] for one in run["others"]} >= {"latency_p95", "first_chunk", "failures", "cost"}
    assert run["points"]
    assert run["config_patch"] is None
    status, found = await room.ask("POST", "/api/experiments/faster/promote")
    assert (status, found["run"]["promoted"]) == (200, "b")
    assert "{channel: b, weight: 1}" in found["run"]["config_patch"]
    status, found = await room.ask("POST", "/api/experiments/faster.1/revert")
    assert (status, found["run"]["state"]) == (200, "stopped")
    _, found = await room.ask("GET", "/api/experiments")
    assert [(one["run"], one["state"]) for one in found["runs"]] == [("faster.1", "stopped")]


async def test_an_experiment_can_be_sent(room: Room) -> None:
    status, found = await room.ask("POST", "/api/experiments", definition(id="sent", duration="1h"))
    assert (status, found["definition"]["duration_s"]) == (201, 3600.0)
    status, _ = await room.ask("POST", "/api/experiments/sent/start")
    assert status == 201
    status, _ = await room.ask("POST", "/api/experiments/sent/stop")
    assert status == 200
    room.open()
    await room.desk.start(room.at)
    _, found = await room.ask("GET", "/api/experiments")
    assert [one["id"] for one in found["defined"]] == ["faster", "sent"]
    assert found["runs"][0]["reason"] == "stopped by an operator"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message", "hint"),
    [
        ("GET", "/api/experiments/fastr", None, 404, "no experiment 'fastr'", "defined: faster"),
        ("POST", "/api/experiments/faster/stop", None, 404, "has not run yet", "experiment start faster"),
        ("POST", "/api/experiments/faster/start", {"now": True}, 400, "no such field", "known: "),
        (
            "POST",
            "/api/experiments",
            definition(id="x", routes=["chatt"]),
            400,
            "x: routes.0: there is no route",
            "did you mean chat?",
        ),
        (
            "POST",
            "/api/experiments",
            definition(id="x", shar=1),
            400,
            "shar: there is no such setting",
            "docs/experiments.md",
        ),
        (
            "POST",
            "/api/experiments",
            definition(),
            409,
            "stands in the configuration file",
            "change it there",
        ),
        ("POST", "/api/experiments/faster/scores", {"scores": []}, 400, "1 to 100", "request_id"),
        ("POST", "/api/experiments/faster/scores", {"score": 1}, 400, "request_id: is missing", ""),
    ],
)
async def test_refusals_say_what_would_be_right(
    room: Room, method: str, path: str, body: Any, status: int, message: str, hint: str
) -> None:
    found, answer = await room.ask(method, path, body)
    assert found == status
    assert message in answer["error"]["message"]
    assert hint in answer["error"]["hint"]


async def test_who_may_only_look_may_not_start(room: Room) -> None:
    assert (await room.ask("GET", "/api/experiments", key=LOOK))[0] == 200
    assert (await room.ask("POST", "/api/experiments/faster/start", key=LOOK))[0] == 403
    assert (await room.ask("POST", "/api/experiments/faster/start", key="wrong"))[0] == 401


async def test_scores_are_idempotent_one_by_one_and_in_a_list(room: Room) -> None:
    await room.ask("POST", "/api/experiments/faster/start")
    await room.serve(300.0, Traffic())
    first, second, *_ = (one.request_id for one in room.sent if one.arms)
    path = "/api/experiments/faster/scores"
    sent = {"request_id": first, "score": 0.5}
    _, answer = await room.ask("POST", path, sent)
    assert (answer["run"], answer["new"]) == ("faster.1", True)
    _, answer = await room.ask("POST", path, sent)
    assert answer["new"] is False
    status, answer = await room.ask("POST", path, sent | {"score": 0.6})
    assert (status, answer["error"]["hint"]) == (409, "the first one was counted and stays")
    status, answer = await room.ask(
        "POST",
        path,
        {"scores": [sent, {"request_id": second, "score": 1}, {"request_id": "no", "score": 1}]},
    )
    assert status == 200
    assert [one.get("new") for one in answer["scores"]] == [False, True, None]
    assert "no attempt" in answer["scores"][2]["error"]["message"]


async def test_a_patch_says_all_that_an_arm_changes(room: Room) -> None:
    arm = {
        "name": "y",
        "hedge_after": "500ms",
        "attempts_max": 2,
        "sticky": True,
        "select": "latency",
        "timeouts": {"first_chunk": "5s"},
    }
    await room.ask("POST", "/api/experiments", definition(id="all", arms=[{"name": "x"}, arm]))
    await room.ask("POST", "/api/experiments/all/start")
    _, found = await room.ask("POST", "/api/experiments/all/promote", {"arm": "y", "force": True})
    patch = found["run"]["config_patch"]
    for line in (
        "hedge_after: 500ms",
        "attempts_max: 2",
        "sticky: true",
        "select: latency",
        "first_chunk: 5s",
    ):
        assert line in patch
