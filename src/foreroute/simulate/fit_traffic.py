"""The traffic of a world from real requests: how many when, and how large."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from foreroute.simulate.channel import weekend_share
from foreroute.simulate.observed import DAY_S, Observed, Values, weighted_quantiles

_RANKS: Final = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
_MINUTE_S: Final = 60.0


def fit_traffic(found: Sequence[Observed], *, start_at: float, end_at: float) -> dict[str, Any]:
    """The keys of a `TrafficSpec` that data can tell, of the time between two instants."""
    at = np.concatenate([one.at for one in found])
    weights = np.concatenate([one.weights for one in found])
    inside = (at >= start_at) & (at < end_at)
    at, weights = at[inside], weights[inside]
    whole = any(one.whole for one in found)
    return {
        **_rates(at, weights, start_at, end_at),
        "bursts": {"per_day": 0.0},
        "input_tokens": _tokens([one.input_tokens for one in found], [one.weights for one in found]),
        "output_tokens": _tokens([one.output_tokens for one in found], [one.weights for one in found]),
        "stream_ratio": 0.0 if whole else 1.0,
    }


def per_minute(at: Values, weights: Values, start_at: float, end_at: float) -> Values:
    """Requests in each whole minute."""
    count = max(1, int((end_at - start_at) // _MINUTE_S))
    minute = ((at - start_at) // _MINUTE_S).astype(np.int64)
    inside = (minute >= 0) & (minute < count)
    found: Values = np.bincount(minute[inside], weights[inside], minlength=count).astype(np.float64)
    return found


def _rates(at: Values, weights: Values, start_at: float, end_at: float) -> dict[str, Any]:
    minutes = max(1.0, (end_at - start_at) / _MINUTE_S)
    mean = float(weights.sum()) / minutes
    flat = {"requests_per_minute": max(mean, 1e-3), "swing": 0.0, "weekend": 0.0}
    if end_at - start_at < 0.99 * DAY_S:
        return flat
    counts = per_minute(at, weights, start_at, end_at)
    starts = start_at + _MINUTE_S * np.arange(len(counts))
    share = np.array([weekend_share(one) for one in starts])
    off, on = share > 0.5, share <= 0.0
    weekend = 0.0
    if off.sum() > 1440 and on.sum() > 1440 and counts[on].mean() > 0.0:
        weekend = float(np.clip(1.0 - counts[off].mean() / counts[on].mean(), 0.0, 0.99))
    level = counts / np.maximum(1.0 - weekend * share, 1e-3)
    hour = (starts / 3600.0).astype(np.int64) % 24
    by_hour = np.bincount(hour, level, minlength=24) / np.maximum(np.bincount(hour, minlength=24), 1)
    usual = float(by_hour.mean())
    if usual <= 0.0:
        return flat
    factors = tuple(round(float(np.clip(one / usual, 0.001, 1000.0)), 4) for one in by_hour)
    return {
        "requests_per_minute": max(usual, 1e-3),
        "swing": 0.0,
        "weekend": round(weekend, 4),
        "hours": factors,
    }


def _tokens(values: Sequence[Values], weights: Sequence[Values]) -> dict[str, Any]:
    together, weight = np.concatenate(values), np.concatenate(weights)
    found = weighted_quantiles(together, weight, _RANKS)
    middle = max(1, round(found[_RANKS.index(0.5)]))
    return {
        "median": middle,
        "spread": float(np.clip(found[_RANKS.index(0.95)] / middle, 1.01, 100.0)),
        "max": max(1, int(together.max())),
        "table": tuple((rank, max(1.0, round(value, 1))) for rank, value in zip(_RANKS, found, strict=True)),
    }
