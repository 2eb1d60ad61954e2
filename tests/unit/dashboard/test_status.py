"""What the first screen and `foreroute status` are told."""

from dataclasses import replace
from typing import Any

import pytest

from foreroute.control.state import Board
from foreroute.core.channel import Health
from foreroute.core.decision import Reason, ReasonCode
from foreroute.core.findings import Anomaly, Findings
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric


def row(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in status["channels"] if row["id"] == name)


async def test_a_channel_says_how_it_is_and_what_is_expected(stage: Any) -> None:
    a = row(await stage.get("/api/status"), "a")
    assert (a["now_s"], a["in15_s"], a["in60_s"]) == (0.5, pytest.approx(0.94), pytest.approx(1.39))
    assert (a["limit_s"], a["metric"], a["usd_per_request"]) == (0.9, "first_chunk_p95", "0.0004")
    assert a["why"] == {"code": "forecast", "detail": "will be over 900 ms", "at": stage.board.at - 60.0}


async def test_shares_stand_beside_the_configured_ones(stage: Any) -> None:
    status = await stage.get("/api/status")
    a = row(status, "a")
    assert (a["share"], a["configured_share"], a["share_change"]) == (0.2, 0.6, pytest.approx(-0.4))
    targets = {target["channel"]: target for target in status["routes"][0]["targets"]}
    assert (targets["b"]["share"], targets["b"]["configured_share"]) == (0.8, 0.4)


async def test_a_standby_has_no_share_while_the_first_priority_serves(stage: Any, board: Board) -> None:
    assert row(await stage.get("/api/status"), "spare")["share"] == 0.0
    emptied = {
        name: replace(route, targets=tuple(replace(t, weight=float(t.priority)) for t in route.targets))
        for name, route in board.plan.routes.items()
    }
    stage.board = replace(board, plan=replace(board.plan, routes=emptied))
    assert row(await stage.get("/api/status"), "spare")["share"] == 1.0


@pytest.mark.parametrize(
    ("code", "health", "group"),
    [
        (ReasonCode.FORECAST, Health.GOOD, "acted"),
        (ReasonCode.SLOW, Health.GOOD, "watching"),
        (None, Health.POOR, "watching"),
        (None, Health.EXCELLENT, "healthy"),
        (ReasonCode.REMEDY, Health.OFFLINE, "watching"),
    ],
)
async def test_channels_are_grouped_by_what_a_person_should_think_of_them(
    stage: Any, board: Board, code: ReasonCode | None, health: Health, group: str
) -> None:
    why = None if code is None else Reason(ChannelId("b"), code, "because")
    views = dict(board.views) | {ChannelId("b"): replace(board.views[ChannelId("b")], health=health, why=why)}
    stage.board = replace(board, views=views)
    assert row(await stage.get("/api/status"), "b")["group"] == group


async def test_a_channel_without_a_share_is_out_of_rotation(stage: Any, board: Board) -> None:
    routes = {
        name: replace(route, targets=tuple(replace(t, weight=float(t.channel == "b")) for t in route.targets))
        for name, route in board.plan.routes.items()
    }
    stage.board = replace(board, plan=replace(board.plan, routes=routes))
    status = await stage.get("/api/status")
    assert [row(status, name)["group"] for name in ("a", "b", "spare")] == ["out", "healthy", "out"]


async def test_an_anomaly_or_a_forecast_over_the_limit_puts_a_channel_on_watch(
    stage: Any, board: Board
) -> None:
    odd = Anomaly(
        channel=ChannelId("b"), metric=Metric.FIRST_CHUNK_P95, at=board.at, value=0.8, expected=0.3, score=9.0,
        threshold=5.0, detector="zscore",
    )  # fmt: skip
    stage.board = replace(board, findings=replace(board.findings, anomalies=(odd,)))
    status = await stage.get("/api/status")
    assert row(status, "b")["group"] == "watching"
    assert status["anomalies"][0]["detector"] == "zscore"


async def test_the_total_is_what_users_saw_and_the_expectation_follows_the_new_shares(stage: Any) -> None:
    totals = (await stage.get("/api/status"))["totals"]
    assert (totals["now_s"], totals["attempts_per_minute"], totals["limit_s"]) == (0.4, 80.0, 0.9)
    # Channels' now, by traffic: (40 × 0.5 + 40 × 0.3) / 80 = 0.4; forecasts by share: 0.2 × 0.94 + 0.8 × 0.44.
    assert totals["in15_s"] == pytest.approx(0.54)


async def test_money_stays_exact_on_the_way_out(stage: Any) -> None:
    (budget,) = (await stage.get("/api/status"))["budgets"]
    assert (budget["spent_usd"], budget["projected_usd"], budget["name"]) == ("12.5", "25", "monthly")


async def test_the_loop_counts_as_dead_after_three_ticks_of_silence(stage: Any) -> None:
    assert (await stage.get("/api/status"))["loop"]["alive"] is True
    stage.clock.at += 180.0
    assert (await stage.get("/api/status"))["loop"]["alive"] is False


async def test_a_cold_start_is_told_without_forecasts(stage: Any, board: Board) -> None:
    stage.board = replace(board, ticks=0, findings=Findings())
    status = await stage.get("/api/status")
    assert status["loop"]["last_tick_at"] is None
    assert row(status, "a")["in15_s"] is None
    assert status["totals"]["in15_s"] is None
