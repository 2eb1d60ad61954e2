"""`GET /api/forecasts/record`: what was said of the future beside what came, over the stored days."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.forecast_log import FORECAST, Said, graded, opened
from foreroute.control.forecast_score import ForecastScore, scores
from foreroute.control.outlooks import slowdown_of
from foreroute.control.state import Board
from foreroute.core.ids import ChannelId
from foreroute.core.ports import RecordStore, RollupStore
from foreroute.core.series import Metric
from foreroute.dashboard.answers import Refusal, json_of
from foreroute.dashboard.status import Row
from foreroute.forecast.bank.standings import Standing

_SINCE_S: Final = 86_400.0
_SINCE_S_MAX: Final = 7 * 86_400.0
_ROWS_MAX: Final = 200_000
"""Forecasts that are read for one answer; with many channels that is a shorter time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSources:
    board: Callable[[], Board | None]
    records: RecordStore
    rollups: RollupStore
    standings: Callable[[ChannelId, Metric], Sequence[Standing]]


def record_routes(sources: RecordSources) -> list[Route]:
    async def answer(request: Request) -> Response:
        return Response(json_of(await _answer(sources, request)), media_type="application/json")

    return [Route("/api/forecasts/record", answer, methods=["GET"])]


async def _answer(sources: RecordSources, request: Request) -> Row:
    board = sources.board()
    if board is None:
        raise Refusal(503, "the control loop is not ready yet", "ask again in a moment")
    wanted = _wanted(board, request.query_params)
    since_s = _since_s(request.query_params.get("since_s"))
    limit = max(60, _ROWS_MAX // max(1, 2 * len(board.channels)))
    records = await sources.records.read(FORECAST, since_at=board.at - since_s, limit=limit)
    journal = opened(records)
    start_at = journal[0].at - board.tick_s if journal else board.at
    return {
        "at": board.at,
        "since_at": start_at,
        "series": [
            await _series(sources, board, channel, metric, journal, start_at) for channel, metric in wanted
        ],
    }


def _wanted(board: Board, query: Mapping[str, str]) -> list[tuple[ChannelId, Metric]]:
    """What may move shares: each channel's objective and its slowdown, or what was asked for of them."""
    channel, metric = query.get("channel"), query.get("metric")
    if channel is not None and ChannelId(channel) not in board.series:
        known = ", ".join(one.id for one in board.channels[:20])
        raise Refusal(404, f"there is no channel {channel!r}", f"known: {known}")
    found = [
        (name, of)
        for name, one in board.series.items()
        for of in dict.fromkeys((one.metric, slowdown_of(one.metric)))
        if channel in (None, name) and metric in (None, of.value)
    ]
    if not found:
        hint = "on record are the objective's metric and the slowdown: those that may move shares"
        raise Refusal(400, f"no forecast of {metric!r} is on record", hint)
    return found


def _since_s(text: str | None) -> float:
    try:
        found = _SINCE_S if text is None else float(text)
    except ValueError:
        found = math.nan
    if not 0.0 < found <= _SINCE_S_MAX:
        hint = f"a number of seconds up to {_SINCE_S_MAX:.0f}, for example: ?since_s=86400"
        raise Refusal(400, f"since_s cannot be {text!r}", hint)
    return found


async def _series(
    sources: RecordSources,
    board: Board,
    channel: ChannelId,
    metric: Metric,
    journal: list[Said],
    start_at: float,
) -> Row:
    values, requests = [
        (await sources.rollups.series(channel, of, start_at=start_at, end_at=board.at)).on_grid(
            start_at=start_at, end_at=board.at, step_s=board.tick_s
        )
        for of in (metric, Metric.ATTEMPTS)
    ]
    # A mean over many minutes is one over requests: a quiet minute counts for little.
    counts = tuple(count if math.isfinite(count) else 0.0 for count in requests.values)
    series = replace(values, counts=counts)
    return {
        "channel": channel,
        "metric": metric,
        "scores": [_score(one) for one in scores(graded(journal, series))],
        "models": [row for one in sources.standings(channel, metric) for row in _models(one)],
    }


def _score(one: ForecastScore) -> Row:
    return {
        "model": one.model,
        "target": one.target,
        "horizon_s": one.horizon_s,
        "graded": one.graded,
        "mean_absolute_error": one.mean_absolute_error,
        "naive_mean_absolute_error": one.naive_mean_absolute_error,
        "relative_mae": one.relative_mae,
        "skill": one.skill,
        "mape": one.mape,
        "floor_ratio": one.floor_ratio,
        "coverage80": one.coverage80,
        "direction": one.direction,
        "trend": [{"at": point.at, "graded": point.graded, "skill": point.skill} for point in one.trend],
    }


def _models(standing: Standing) -> list[Row]:
    """Each expert on its own, as far back as the forecaster remembers."""
    return [
        {
            "model": skill.model,
            "target": standing.target,
            "horizon_s": standing.horizon_s,
            "graded": skill.outcomes,
            "relative_mae": skill.mean_absolute_error / skill.naive_mean_absolute_error
            if skill.naive_mean_absolute_error > 0
            else None,
            "weight": standing.weights.get(skill.model),
            "has_vote": skill.has_vote,
        }
        for skill in standing.skills
    ]
