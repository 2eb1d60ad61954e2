"""The API of incidents: what it shows, what it refuses, what people add, and who may."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from tests.incident_house import IncidentHouse, closed_slow, foreseen

from foreroute.core.keys import Role
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.incidents import incident_routes


async def house_at(seconds: float) -> IncidentHouse:
    house = IncidentHouse(length_s=2400.0)
    at = house.scenario.start_at
    await house.start(foreseen(at - 86_400.0), closed_slow(at - 200_000.0))
    await house.until(seconds)
    return house


def door(house: IncidentHouse, **more: Any) -> Door:
    routes = incident_routes(house.sources())
    return Door(Starlette(routes=routes, exception_handlers={HTTPException: refused}), **more)


async def asked(app: Any, path: str, *, body: Any = None, key: str = "") -> tuple[int, Any]:
    headers = [(b"host", b"127.0.0.1")]
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    if body is not None:
        headers.append((b"content-type", b"application/json"))
    method = "GET" if body is None else "POST"
    sent = b"" if body is None else orjson.dumps(body)
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
    }
    answer: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Any) -> None:
        answer.append(message)

    await app(scope, receive, send)
    raw = b"".join(one.get("body", b"") for one in answer)
    return answer[0]["status"], orjson.loads(raw)


async def test_the_list_has_the_newest_first_and_the_figures() -> None:
    house = await house_at(180.0)
    status, found = await asked(door(house), "/api/incidents")
    assert status == 200
    times = [one["opened_at"] for one in found["incidents"]]
    assert times == sorted(times, reverse=True)
    summary = found["summary"]
    assert summary["open"] >= 1
    assert summary["foreseen"]["prevented"] == 1
    assert summary["user"]["measured"] >= 1
    assert summary["user"]["mean_s"] is not None
    _, open_ = await asked(door(house), "/api/incidents?state=open")
    assert {one["closed_at"] for one in open_["incidents"]} == {None}
    _, one = await asked(door(house), "/api/incidents?limit=1")
    assert len(one["incidents"]) == 1


async def test_one_has_its_course_from_rollups_and_what_can_be_undone() -> None:
    house = await house_at(180.0)
    report = await house.lost()
    status, found = await asked(door(house), f"/api/incidents/{report.id}")
    assert status == 200
    points = found["course"]["points"]
    before = [one for one in points if one["at"] < house.lost_at - 60]
    during = [one for one in points if one["at"] >= house.lost_at]
    assert all((one["bad_ratio"] or 0.0) < 0.2 for one in before)
    assert max(one["bad_ratio"] for one in during) > 0.8
    assert during[-1]["share"] < before[-1]["share"]
    assert "hold" in {one["control"] for one in found["undo"]}
    assert found["incident"]["phases"]["first_bad_at"] == report.phases.first_bad_at


async def test_one_has_the_runs_of_its_playbooks_with_what_was_measured_and_the_way_back() -> None:
    house = await house_at(400.0)
    report = await house.lost()
    _, found = await asked(door(house), f"/api/incidents/{report.id}")
    over = next(run for run in found["runs"] if run["state"] == "verified")
    assert (over["playbook"], over["verify"]["success"]) == ("region-down", ["peer_ok_rate >= 0.95"])
    assert "peer_ok_rate 1" in over["verification"]
    assert (over["steps"][0]["id"], over["steps"][0]["state"]) == ("out", "done")
    assert all(one["undo"] for one in over["steps"])
    active = next(run for run in found["runs"] if not run["is_over"])
    assert active["answers"] == ["undo"]
    told = {act["id"].partition("/")[0] for act in found["incident"]["acts"] if act["kind"] == "playbook"}
    assert told <= {run["id"] for run in found["runs"]}


async def test_a_run_that_waits_can_be_answered_from_its_incident() -> None:
    house = IncidentHouse(length_s=2400.0, asks=True)
    await house.start()
    await house.until(180.0)
    report = await house.lost()
    _, found = await asked(door(house), f"/api/incidents/{report.id}")
    waiting = found["runs"][0]
    assert (waiting["state"], waiting["answers"]) == ("waiting", ["approve", "reject"])
    await house.playbooks.reject(waiting["id"], "ann")
    _, found = await asked(door(house), f"/api/incidents/{report.id}")
    assert (found["runs"][0]["state"], found["runs"][0]["answers"]) == ("rejected", [])


async def test_people_add_notes_and_close() -> None:
    house = await house_at(180.0)
    report, app = await house.lost(), door(house)
    status, found = await asked(
        app, f"/api/incidents/{report.id}/notes", body={"text": "they know", "by": "ann"}
    )
    assert (status, found["incident"]["notes"][0]["text"]) == (201, "they know")
    for _ in range(2):
        status, found = await asked(app, f"/api/incidents/{report.id}/close", body={"by": "ann"})
        assert (status, found["incident"]["closed_by"]) == (200, "ann")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/incidents/nowhere", None, 404, "there is no incident"),
        ("/api/incidents/nowhere/notes", {"text": "x"}, 404, "there is no incident"),
        ("/api/incidents/nowhere/notes", {"txt": "x"}, 400, "text"),
        ("/api/incidents/nowhere/notes", {"text": "two\nlines"}, 400, "one line"),
        ("/api/incidents/nowhere/close", {"who": "x"}, 400, "there is no such field"),
        ("/api/incidents?state=odd", None, 400, "there is no state"),
        ("/api/incidents?limit=0", None, 400, "limit"),
    ],
)
async def test_mistakes_are_told(path: str, body: Any, status: int, words: str) -> None:
    house = IncidentHouse(length_s=600.0)
    found, answer = await asked(door(house), path, body=body)
    assert found == status
    assert words in answer["error"]["message"]


async def test_a_key_that_may_look_changes_nothing() -> None:
    house = IncidentHouse(length_s=600.0)
    role: Callable[[str], Role | None] = lambda sent: Role.READ if sent == "reader" else None  # noqa: E731
    app = door(house, admin_key="secret", role_of=role)
    assert (await asked(app, "/api/incidents"))[0] == 401
    assert (await asked(app, "/api/incidents", key="reader"))[0] == 200
    assert (await asked(app, "/api/incidents/x/close", body={}, key="reader"))[0] == 403
    assert (await asked(app, "/api/incidents/x/close", body={}, key="secret"))[0] == 404
