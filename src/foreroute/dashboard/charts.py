"""What the page draws: the small lines of the channel list, and all about one channel."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from foreroute.control.state import Board
from foreroute.control.views import limits_of
from foreroute.core.decision import Reason, ReasonCode
from foreroute.core.findings import ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.series import Series
from foreroute.dashboard.forecasts import standings_of
from foreroute.dashboard.sources import Sources
from foreroute.dashboard.status import HORIZONS_S, Row, Shares, forecasts_by_channel, shares_row

SHOWN_S: Final = 10_800.0
"""How much of the past is drawn."""
_STEPS_AHEAD: Final = 60
_DIGITS: Final = 5


def sparks_of(board: Board) -> Row:
    """The recent past and the next hour of every channel, on one time axis."""
    points = round(SHOWN_S / board.tick_s)
    ahead = forecasts_by_channel(board)
    channels: dict[str, Row] = {}
    for name, series in board.series.items():
        forecast = ahead.get(name)
        bands = ((), (), ()) if forecast is None else (forecast.mean, forecast.lower, forecast.upper)
        values = _rounded(series.values[-points:])
        channels[name] = {
            "values": [None] * (points - len(values)) + values,
            **{key: _rounded(band[:_STEPS_AHEAD]) for key, band in zip(_BANDS, bands, strict=True)},
        }
    return {"at": board.at, "step_s": board.tick_s, "points": points, "channels": channels}


_BANDS: Final = ("mean", "lower", "upper")


def channel_of(
    board: Board, sources: Sources, channel: ChannelId, *, decisions: Sequence[Row], anomalies: Sequence[Row]
) -> Row:
    """One channel for the large chart. `decisions` and `anomalies` are those on record in the time shown."""
    series = board.series[channel]
    shown = series.values[-round(SHOWN_S / series.step_s) :]
    forecast = forecasts_by_channel(board).get(channel)
    share = shares_row(Shares(board.plan), Shares(board.configured), channel)
    return {
        "id": channel,
        "metric": series.metric.value,
        "limit_s": limits_of(board.plan, board.objectives).get(channel),
        "at": board.at,
        "step_s": series.step_s,
        "start_at": series.end_at - len(shown) * series.step_s,
        "values": _rounded(shown),
        "forecast": None
        if forecast is None
        else {
            "origin_at": forecast.origin_at,
            "step_s": forecast.step_s,
            **{key: _rounded(getattr(forecast, key)) for key in (*_BANDS, "lower95", "upper95")},
            "coverage": forecast.coverage,
            "model": forecast.model,
            "windows": forecast.windows,
        },
        "standings": standings_of(sources, series.channel, series.metric, forecast),
        "past": _past(sources, series),
        "anomalies": list(anomalies),
        "decisions": list(decisions),
        "skills": [skill_row(skill) for skill in board.findings.skills if skill.channel == channel],
        **share,
        "why_share": why_share(board, channel, share),
    }


def skill_row(skill: ForecastSkill) -> Row:
    return asdict(skill) | {"skill": skill.skill}


def why_share(board: Board, channel: ChannelId, share: Row) -> list[Row]:
    """What makes up a channel's share: the configured weight, and what moved it since. Effects add up to the share."""
    rows = [_factor("configured", share["configured_share"], "the weight in the configuration")]
    change = share["share_change"]
    if abs(change) < 1e-6:
        return rows
    own = board.views[channel].why
    if own is not None and change < 0:
        return [*rows, _factor(own.code.value, change, own.detail)]
    relieved = [view.why for name, view in board.views.items() if name != channel and view.why and change > 0]
    if relieved:
        names = ", ".join(str(why.channel) for why in relieved)
        return [*rows, _factor("takeover", change, f"takes over from {names}")]
    return [*rows, _others(board, change)]


def _others(board: Board, change: float) -> Row:
    """What changed the share when no trouble stands: a budget, an operator, or a return on its way."""
    reasons: Sequence[Reason] = () if board.decision is None else board.decision.reasons
    codes = {reason.code for reason in reasons}
    if ReasonCode.MANUAL in codes:
        return _factor("manual", change, next(r.detail for r in reasons if r.code is ReasonCode.MANUAL))
    over = [budget for budget in board.findings.budgets if budget.overrun_expected]
    if over:
        word = "favoured" if change > 0 else "spared"
        return _factor("budget", change, f"{word}: the budget {over[0].name} is expected to overrun")
    return _factor("returning", change, "on its way back to the configured weight, a bounded step at a time")


def _factor(name: str, effect: float, detail: str) -> Row:
    return {"factor": name, "effect": effect, "detail": detail}


def _past(sources: Sources, series: Series) -> Row | None:
    horizon_s = HORIZONS_S[0]
    found = sources.past_predictions(series.channel, series.metric, horizon_s)
    if found is None:
        return None
    kept = found.values[-round(SHOWN_S / found.step_s) :]
    return {
        "horizon_s": horizon_s,
        "start_at": found.end_at - len(kept) * found.step_s,
        "step_s": found.step_s,
        "values": _rounded(kept),
    }


def _rounded(values: Sequence[float]) -> list[Any]:
    """NaN becomes null on the way out; five digits are a hundredth of a millisecond."""
    return [round(value, _DIGITS) for value in values]
