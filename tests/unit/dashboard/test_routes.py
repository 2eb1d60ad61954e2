"""The API's answers, refusals and stream."""

import asyncio
from collections import UserDict
from dataclasses import replace
from typing import Any

import orjson
import pytest

from foreroute.control.decision_log import DECISION, INCIDENT
from foreroute.control.state import Board
from foreroute.core.decision import Autopilot
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Record
from foreroute.dashboard.ticker import PING_S, READERS_MAX
from foreroute.testing.check_store import an_entry
from foreroute.testing.streaming_asgi import stream


def decision(number: int, at: float, *, applied: bool = True) -> Record:
    body = {"id": f"d{number}", "at": at, "applied": applied, "plan_version": number, "changes": []}
    return Record(kind=DECISION, id=f"d{number}", at=at, body=orjson.dumps(body))


async def test_before_the_loop_has_started_it_says_so(open_stage: Any) -> None:
    for path in ("/api/status", "/api/sparks", "/api/channels/a", "/api/forecasts", "/api/spend"):
        status, body, _ = await open_stage(None).ask("GET", path)
        assert (status, body["error"]["message"]) == (503, "the control loop is not ready yet")


async def test_decisions_come_newest_first_and_limited(stage: Any) -> None:
    await stage.store.records.append([decision(number, float(number)) for number in range(1, 9)])
    assert [row["id"] for row in (await stage.get("/api/decisions?limit=2"))["decisions"]] == ["d8", "d7"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "501", "9" * 5000, "٣"])
async def test_a_limit_that_makes_no_sense_is_refused(stage: Any, limit: str) -> None:
    status, body, _ = await stage.ask("GET", f"/api/decisions?limit={limit}")
    assert (status, body["error"]["message"]) == (400, "limit must be a number from 1 to 500")


async def test_incidents_are_part_of_the_status(stage: Any) -> None:
    body = orjson.dumps({"id": "i1", "channel": "a"})
    await stage.store.records.append([Record(kind=INCIDENT, id="i1", at=5.0, body=body)])
    assert (await stage.get("/api/status"))["incidents"] == [{"id": "i1", "channel": "a"}]


async def test_a_request_is_told_with_the_decision_that_its_plan_came_from(stage: Any) -> None:
    await stage.store.ledger.append([an_entry(1, request="r"), an_entry(2, request="r", cost=None)])
    await stage.store.records.append(
        [decision(5, 1.0), decision(6, 2.0), decision(7, 3.0, applied=False), decision(8, 4.0)]
    )
    found = await stage.get("/api/requests/r")
    assert [attempt["number"] for attempt in found["attempts"]] == [1, 2]
    assert (found["attempts"][0]["cost_usd"], found["attempts"][1]["cost_usd"]) == ("0.000123456789", None)
    assert found["attempts"][0]["input_tokens"] == 125
    assert found["decision"]["id"] == "d6", "the newest one that was applied up to plan 7"


async def test_an_unknown_request_is_refused_and_says_when_it_would_be_known(stage: Any) -> None:
    status, body, _ = await stage.ask("GET", "/api/requests/nobody/at/all")
    assert status == 404
    assert "'nobody/at/all'" in body["error"]["message"]
    assert "next tick" in body["error"]["hint"]


async def test_forecasts_of_all_channels_are_short(stage: Any, board: Board) -> None:
    """Nothing is worked out that was not asked for: a path is made when somebody looks at it."""
    looked: list[Any] = []

    class Watched(UserDict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            looked.append(key)
            return super().__getitem__(key)

    watched = Watched(board.findings.forecasts)
    stage.board = replace(board, findings=replace(board.findings, forecasts=watched))
    looked.clear()
    found = (await stage.get("/api/forecasts"))["forecasts"]
    assert looked == []
    assert [(one["channel"], one["metric"]) for one in found] == [
        ("a", "first_chunk_p95"),
        ("b", "first_chunk_p95"),
    ]
    assert found[0].keys() == {"channel", "metric", "origin_at", "windows"}
    assert [one["target"] for one in found[0]["windows"]] == ["mean", "point"]
    assert (await stage.get("/api/forecasts?metric=failure_ratio"))["forecasts"] == []


async def test_a_forecast_comes_with_its_bands_its_record_and_whose_word_counts(stage: Any) -> None:
    (found,) = (await stage.get("/api/forecasts?channel=a"))["forecasts"]
    assert all(len(found[key]) == 60 for key in ("mean", "lower", "upper", "lower95", "upper95"))
    assert found["windows"][0]["upper95"] == pytest.approx(1.2)
    (record,) = found["standings"]
    assert record | {"experts": []} == {
        "target": "mean",
        "horizon_s": 900.0,
        "outcomes": 60,
        "mean_absolute_error": 0.03,
        "naive_mean_absolute_error": 0.04,
        "skill": pytest.approx(0.25),
        "mape": 0.05,
        "coverage80": 0.81,
        "coverage95": None,
        "floor_ratio": 0.02,
        "has_vote": True,
        "no_vote": None,
        "experts": [],
    }
    assert [(one["name"], one["weight"]) for one in record["experts"]] == [("trend", 0.75), ("last", 0.245)]
    assert record["experts"][0]["mean_absolute_error"] == 0.035


@pytest.mark.parametrize(
    ("outcomes", "error", "why"), [(0, 0.0, "ungraded"), (5, 0.03, "few"), (60, 0.05, "worse")]
)
async def test_a_forecast_without_a_vote_says_why(stage: Any, outcomes: int, error: float, why: str) -> None:
    (standing,) = stage.standings
    ours = replace(standing.skills[0], outcomes=outcomes, mean_absolute_error=error, has_vote=False)
    stage.standings = (replace(standing, outcomes=outcomes, skills=(ours,) if outcomes else ()),)
    ((record,),) = [one["standings"] for one in (await stage.get("/api/forecasts?channel=a"))["forecasts"]]
    assert (record["has_vote"], record["no_vote"]) == (False, why)


async def test_forecasts_can_be_narrowed_by_channel_and_metric(stage: Any) -> None:
    only = await stage.get("/api/forecasts?channel=b&metric=first_chunk_p95")
    assert {one["channel"] for one in only["forecasts"]} == {"b"}
    assert (await stage.get("/api/forecasts?channel=a&metric=failure_ratio"))["forecasts"] == []
    for query in ("channel=zz", "metric=zz"):
        status, body, _ = await stage.ask("GET", f"/api/forecasts?{query}")
        assert status in (400, 404)
        assert body["error"]["hint"].startswith("known: ")


async def test_days_of_spend_add_up_to_the_spend_of_the_channels(stage: Any, board: Board) -> None:
    entries = [an_entry(request=f"q{n}", at=board.at - n * 7000.0, cost="0.25") for n in range(1, 12)]
    await stage.store.ledger.append([*entries, an_entry(request="dark", at=board.at - 5.0, cost=None)])
    spend = await stage.get("/api/spend")
    assert sum(float(day["usd"]) for day in spend["days"]) == 2.75
    assert spend["by_channel"] == [{"channel": "a", "usd": "2.75", "attempts": 12, "unpriced_attempts": 1}]


async def test_levers_are_pulled_and_answered(stage: Any) -> None:
    assert (await stage.ask("POST", "/api/autopilot", {"mode": "suggest"}))[1] == {"autopilot": "suggest"}
    assert (await stage.ask("POST", "/api/kill-switch", {"on": True}))[1] == {"kill_switch": True}
    assert (await stage.ask("POST", "/api/undo", {}))[1] == {"undone": True}
    assert stage.levers.done == [Autopilot.SUGGEST, True, "undo"]
    stage.levers.undoable = False
    assert (await stage.ask("POST", "/api/undo", {}))[1] == {"undone": False}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/autopilot", {"mode": "fly"}, 400),
        ("/api/autopilot", {}, 400),
        ("/api/autopilot", {"mode": ["act"]}, 400),
        ("/api/kill-switch", {"on": "yes"}, 400),
        ("/api/kill-switch", b"{", 400),
        ("/api/kill-switch", b"[true]", 400),
        ("/api/kill-switch", b" " * 10_001, 413),
        ("/api/nothing", {}, 405),
        ("/api/status", {}, 405),
    ],
)
async def test_what_makes_no_sense_changes_nothing(stage: Any, path: str, body: Any, status: int) -> None:
    got, answer, _ = await stage.ask("POST", path, body)
    assert got == status
    assert answer["error"]["message"]
    assert stage.levers.done == []


async def events(stage: Any, wanted: int) -> list[bytes]:
    found: list[bytes] = []
    async with stream(stage.dashboard.app, "GET", "/api/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for chunk in answer:
            found.append(chunk)
            if len(found) == wanted:
                break
    return found


async def test_the_stream_gives_the_state_at_once_then_after_each_tick_and_pings_in_between(
    stage: Any, board: Board
) -> None:
    reading = asyncio.create_task(events(stage, 4))
    await asyncio.sleep(1.0)
    stage.board = replace(board, ticks=6)
    stage.dashboard.advance(stage.board)
    await asyncio.sleep(PING_S + 1.0)
    retry, first, second, ping = await reading
    assert retry == b"retry: 2000\n\n"
    assert first.startswith(b"event: tick\nid: 0\ndata: {")
    assert orjson.loads(first.split(b"data: ")[1])["status"]["ticks"] == 5
    assert orjson.loads(second.split(b"data: ")[1])["status"]["ticks"] == 6
    assert b"\n" not in second.split(b"data: ")[1].rstrip()
    assert ping == b": ping\n\n"


async def test_a_reader_that_has_left_is_forgotten_and_too_many_are_refused(stage: Any) -> None:
    readers = [asyncio.create_task(events(stage, 3)) for _ in range(READERS_MAX)]
    await asyncio.sleep(1.0)
    status, body, _ = await stage.ask("GET", "/api/stream")
    assert (status, body["error"]["message"]) == (503, f"{READERS_MAX} pages are open already")
    stage.dashboard.advance(stage.board)
    await asyncio.gather(*readers)
    assert len(await events(stage, 2)) == 2


async def test_the_page_and_its_parts_are_served(stage: Any) -> None:
    async with stream(stage.dashboard.app, "GET", "/") as answer:
        assert answer.headers["content-type"].startswith("text/html")
        assert b"Foreroute" in await answer.read()
    assert (await stage.ask("GET", "/../routes.py"))[0] == 404
    assert ChannelId("a") in stage.board.series
