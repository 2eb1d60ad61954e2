"""A backtest in numbers, and how its numbers are written."""

import math
from typing import Any, Final

from foreroute.forecast.backtest import Backtest, Overall, overall
from foreroute.forecast.backtest_peers import NAIVE
from foreroute.forecast.backtest_score import Score
from foreroute.forecast.bank.settings import TARGETS

Row = dict[str, Any]
RATIOS: Final = {
    NAIVE: "÷ last value",
    "mean_of_10": "÷ mean of 10",
    "ewma_15min": "÷ EWMA 15 min",
    "seasonal_ratio": "÷ yesterday's",
}
"""Cheap forecasts, and the heading of what ours are beside them."""


def as_dict(found: Backtest) -> Row:
    """What `--json` gives: no NaN in it."""
    return {
        "series": [_row(score) for score in found.scores],
        "overall": [_overall(one) for one in overall(found.scores)],
        "left_out": [
            {
                "series": one.series.channel,
                "metric": one.series.metric.value,
                "measured": one.measured,
                "measured_needed": one.measured_needed,
                "span_s": len(one.series.values) * one.series.step_s,
                "span_needed_s": one.steps_needed * one.series.step_s,
            }
            for one in found.too_short
        ],
    }


def _row(score: Score) -> Row:
    beside = {name: _known(ours / theirs) for name, (ours, theirs) in score.peers.items()}
    weights = sorted(score.weights.items(), key=lambda pair: -pair[1])
    return {
        "series": score.series.channel,
        "metric": score.series.metric.value,
        "target": TARGETS[score.target].value,
        "horizon_s": score.horizon_s,
        "outcomes": score.outcomes,
        "error": score.error,
        "last_value_error": score.naive_error,
        "ratios": {NAIVE: _known(score.ratio), **beside},
        "mape": _known(score.mape),
        "mape_floor": _known(float(score.floor)),
        "coverage80": score.inside80,
        "coverage95": score.inside95,
        "weights": {name: round(share, 4) for name, share in weights if share > 0},
    }


def _overall(one: Overall) -> Row:
    return {
        "target": TARGETS[one.target].value,
        "horizon_s": one.horizon_s,
        "series": one.series,
        "ratios": {
            NAIVE: _known(one.ratio),
            **{name: _known(ratio) for name, ratio in one.peers.items()},
        },
        "coverage80": one.inside80,
        "coverage95": one.inside95,
    }


def ratios(row: Row) -> list[str]:
    """By the headings of `RATIOS`."""
    found = (row["ratios"].get(name) for name in RATIOS)
    return ["–" if one is None else f"{one:.3f}" for one in found]


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
