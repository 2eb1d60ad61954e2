"""What is drawn: lines with gaps, bands, and why a share is what it is."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from foreroute.control.decision_log import ANOMALY, DECISION
from foreroute.control.state import Board
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Record


async def test_sparks_share_one_axis_and_show_gaps_as_gaps(stage: Any) -> None:
    sparks = await stage.get("/api/sparks")
    assert sparks["points"] == 180
    a = sparks["channels"]["a"]
    assert len(a["values"]) == 180
    assert a["values"][-3:] == [0.5, None, 0.7]
    assert len(a["mean"]) == len(a["upper"]) == 60
    assert sparks["channels"]["spare"]["mean"] == []


async def test_a_channel_has_its_past_its_future_and_what_was_said_before(stage: Any, board: Board) -> None:
    a = await stage.get("/api/channels/a")
    assert (a["start_at"], a["step_s"], a["values"]) == (board.at - 180.0, 60.0, [0.5, None, 0.7])
    assert (a["forecast"]["origin_at"], a["forecast"]["coverage"]) == (board.at, 0.8)
    assert a["past"] == {
        "horizon_s": 900.0,
        "start_at": board.at - 120.0,
        "step_s": 60.0,
        "values": [0.6, 0.61],
    }
    assert (a["skills"][0]["skill"], a["skills"][0]["has_vote"]) == (pytest.approx(0.25), True)
    assert a["forecast"]["lower95"] == [0.6] * 60
    assert a["forecast"]["windows"][0]["value"] == pytest.approx(0.85)
    assert [one["outcomes"] for one in a["standings"]] == [60]


async def test_only_its_own_records_of_the_time_shown_are_told(stage: Any, board: Board) -> None:
    def decision(name: str, at: float, channel: str) -> Record:
        body = {"id": name, "at": at, "changes": [{"channel": channel}]}
        return Record(kind=DECISION, id=name, at=at, body=orjson.dumps(body))

    def anomaly(name: str, channel: str) -> Record:
        return Record(kind=ANOMALY, id=name, at=board.at - 60.0, body=orjson.dumps({"channel": channel}))

    await stage.store.records.append(
        [
            decision("old", board.at - 20_000.0, "a"),
            decision("mine", board.at - 120.0, "a"),
            decision("newest", board.at - 60.0, "a"),
            decision("other", board.at - 60.0, "b"),
            anomaly("x", "a"),
            anomaly("y", "b"),
        ]
    )
    a = await stage.get("/api/channels/a")
    assert [row["id"] for row in a["decisions"]] == ["newest", "mine"]
    assert [row["channel"] for row in a["anomalies"]] == ["a"]


@pytest.mark.parametrize("name", ["a", "b", "spare"])
async def test_the_factors_of_a_share_add_up_to_it(stage: Any, name: str) -> None:
    found = await stage.get(f"/api/channels/{name}")
    assert sum(factor["effect"] for factor in found["why_share"]) == pytest.approx(found["share"])


async def test_a_relieved_channel_names_its_trouble_and_the_other_one_whom_it_relieves(stage: Any) -> None:
    a, b = await stage.get("/api/channels/a"), await stage.get("/api/channels/b")
    assert [factor["factor"] for factor in a["why_share"]] == ["configured", "forecast"]
    assert a["why_share"][1]["detail"] == "will be over 900 ms"
    assert b["why_share"][1] == {
        "factor": "takeover",
        "effect": pytest.approx(0.4),
        "detail": "takes over from a",
    }


async def test_without_trouble_a_share_is_on_its_way_back_or_moved_by_the_budget(
    stage: Any, board: Board
) -> None:
    calm = {name: replace(view, why=None) for name, view in board.views.items()}
    stage.board = replace(board, views=calm)
    assert (await stage.get("/api/channels/a"))["why_share"][1]["factor"] == "returning"
    over = replace(board.findings.budgets[0], projected_usd=board.findings.budgets[0].limit_usd * 2)
    stage.board = replace(board, views=calm, findings=Findings(budgets=(over,)))
    factor = (await stage.get("/api/channels/a"))["why_share"][1]
    assert factor["factor"] == "budget"
    assert factor["detail"].startswith("spared: the budget monthly")


async def test_as_configured_there_is_one_factor(stage: Any, board: Board) -> None:
    plan: RoutingPlan = board.configured
    stage.board = replace(board, plan=plan)
    found = await stage.get("/api/channels/a")
    assert [factor["factor"] for factor in found["why_share"]] == ["configured"]


async def test_an_unknown_channel_is_refused_with_the_known_ones(stage: Any) -> None:
    status, body, _ = await stage.ask("GET", "/api/channels/nobody")
    assert status == 404
    assert body["error"] == {"message": "there is no channel 'nobody'", "hint": "known: a, b, spare"}
    assert ChannelId("nobody") not in stage.board.series
