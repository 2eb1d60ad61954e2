"""Forecasts as JSON rows: what is expected, how good that has been of late, and whose word counts."""

from typing import Final

from foreroute.control.state import Board
from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.dashboard.sources import Sources
from foreroute.dashboard.status import Row
from foreroute.forecast.bank.roster import ENSEMBLE
from foreroute.forecast.bank.standings import Standing

_WEIGHT_MIN: Final = 0.01
"""An expert with less to say is not named."""


def short_forecasts(board: Board, sources: Sources, metric: Metric | None) -> Row:
    """One short row for each channel: of its own objective, or of `metric`."""
    asked = ((name, metric or one.metric) for name, one in board.series.items())
    # A look into the mapping would make the forecast with its path; its keys are there already.
    known = set(board.findings.forecasts)
    return {
        "at": board.at,
        "forecasts": [
            {"channel": name, "metric": of, "origin_at": board.at, "windows": sources.windows(name, of)}
            for name, of in asked
            if (name, of) in known
        ],
    }


def forecasts_of(board: Board, sources: Sources, channel: ChannelId, metric: Metric | None) -> Row:
    """All that is known of one channel's forecasts; its own objective first."""
    own = board.series[channel].metric
    metrics = sorted(Metric, key=lambda one: one is not own) if metric is None else [metric]
    found = [board.findings.forecasts.get((channel, one)) for one in metrics]
    return {
        "at": board.at,
        "forecasts": [forecast_row(sources, forecast) for forecast in found if forecast is not None],
    }


def forecast_row(sources: Sources, forecast: Forecast) -> Row:
    return {
        "channel": forecast.channel,
        "metric": forecast.metric,
        "origin_at": forecast.origin_at,
        "step_s": forecast.step_s,
        "model": forecast.model,
        "coverage": forecast.coverage,
        "mean": forecast.mean,
        "lower": forecast.lower,
        "upper": forecast.upper,
        "lower95": forecast.lower95,
        "upper95": forecast.upper95,
        "windows": forecast.windows,
        "standings": standings_of(sources, forecast.channel, forecast.metric, forecast),
    }


def standings_of(
    sources: Sources, channel: ChannelId, metric: Metric, forecast: Forecast | None
) -> list[Row]:
    """By horizon and target. `floor_ratio` comes from the forecast that the record is about."""
    floors = {} if forecast is None else {(w.target, w.horizon_s): w.floor_ratio for w in forecast.windows}
    return [
        _standing(one, floors.get((one.target, one.horizon_s))) for one in sources.standings(channel, metric)
    ]


def _standing(standing: Standing, floor_ratio: float | None) -> Row:
    record = {skill.model: skill for skill in standing.skills}
    ours = record.get(ENSEMBLE)
    heard = sorted(standing.weights.items(), key=lambda item: -item[1])
    return {
        "target": standing.target,
        "horizon_s": standing.horizon_s,
        "outcomes": standing.outcomes,
        "mean_absolute_error": None if ours is None else ours.mean_absolute_error,
        "naive_mean_absolute_error": None if ours is None else ours.naive_mean_absolute_error,
        "skill": None if ours is None else ours.skill,
        "mape": standing.mape,
        "coverage80": standing.coverage80,
        "coverage95": standing.coverage95,
        "floor_ratio": floor_ratio,
        "has_vote": ours is not None and ours.has_vote,
        "no_vote": _no_vote(ours),
        "experts": [_expert(name, weight, record) for name, weight in heard if weight > _WEIGHT_MIN],
    }


def _no_vote(ours: ForecastSkill | None) -> str | None:
    """Why a forecast does not steer: `ungraded`, `few` outcomes, or `worse`, not better than the last value."""
    if ours is None:
        return "ungraded"
    if ours.has_vote:
        return None
    return "few" if ours.skill > 0 else "worse"


def _expert(name: str, weight: float, record: dict[str, ForecastSkill]) -> Row:
    known = record.get(name)
    return {
        "name": name,
        "weight": weight,
        "mean_absolute_error": None if known is None else known.mean_absolute_error,
        "naive_mean_absolute_error": None if known is None else known.naive_mean_absolute_error,
    }
