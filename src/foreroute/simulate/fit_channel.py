"""A channel's model from real requests: work, hours, wandering and noise, each with what the others leave over.

seconds ≈ (a + b · input tokens [+ c · output tokens]) × hour × weekend × wandering × noise. The first factor is fitted to
logarithms, by Gauss and Newton with Levenberg's damping and Huber's weights, so that it is a median and the few very
slow requests do not pull at it.
"""

from typing import Any, Final

import numpy as np

from foreroute.simulate.channel import profile_at, weekend_share
from foreroute.simulate.observed import DAY_S, Observed, Values, weighted_quantiles

REQUESTS_MIN: Final = 50
_HUBER: Final = 1.5
_ROUNDS: Final = 80
_WINDOW_S: Final = 600.0
_WINDOW_REQUESTS_MIN: Final = 5.0
_HOURS_MIN: Final = 12
_SHRINK: Final = 20.0
_RANKS: Final = (
    0.0005, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95,
    0.97, 0.98, 0.99, 0.995, 0.998, 0.9995,
)  # fmt: skip


def fit_channel(found: Observed) -> dict[str, Any]:
    """The keys of a `ChannelSpec` that data can tell, durations in seconds. Needs `REQUESTS_MIN` requests or more."""
    work = _work(found)
    base = _expected(found, work)
    log = np.log(found.seconds / base)
    hours = _hours(found.at, log, found.weights)
    log = log - _of_hours(hours, found.at)
    weekend = _weekend(found.at, log, found.weights)
    log = log - np.log(1.0 - weekend * np.array([weekend_share(at) for at in found.at]))
    roam, noise = _wandering(found.at, log, found.weights)
    middle = float(np.exp(weighted_quantiles(noise, found.weights, [0.5])[0]))
    spread = weighted_quantiles(np.exp(noise), found.weights, [0.5, 0.95])
    model: dict[str, Any] = {
        "first_chunk": work[0] * middle,
        "per_input_token": work[1] * middle,
        "spread": float(np.clip(spread[1] / spread[0], 1.01, 20.0)),
        "hours": tuple(round(float(factor), 4) for factor in np.exp(hours)) if np.any(hours) else (),
        "weekend": round(weekend, 4),
        "roam": round(roam, 4),
        "noise": _table(np.exp(noise) / middle, found.weights),
        "failure_ratio": round(found.failures / found.attempts, 6) if found.attempts else 0.0,
    }
    if found.whole:
        return {**model, "per_token": max(work[2] * middle, 1e-9), "paired": True}
    return {**model, **_speed(found)}


def _work(found: Observed) -> Values:
    """(a, b, c): seconds, seconds per input token, seconds per output token; none negative."""
    columns = [np.ones(len(found)), found.input_tokens]
    if found.whole:
        columns.append(found.output_tokens)
    features = np.stack(columns, axis=1)
    used = np.ptp(features, axis=0) > 0.0
    used[0] = True
    middle = float(np.median(found.seconds))
    means = features.mean(axis=0)
    start = np.where(used, 0.5 * middle / np.maximum(means, 1e-9) / max(1, used[1:].sum()), 0.0)
    start[0] = 0.5 * middle
    theta = np.log(np.maximum(start[used], 1e-12))
    chosen = features[:, used]
    damping, loss = 1e-2, np.inf
    target = np.log(found.seconds)
    for _ in range(_ROUNDS):
        parts = chosen * np.exp(theta)
        total = parts.sum(axis=1)
        rest = target - np.log(total)
        scale = max(1e-6, 1.4826 * float(np.median(np.abs(rest))))
        weight = found.weights * np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(rest), 1e-12))
        slope = parts / total[:, None]
        left = (slope * weight[:, None]).T @ slope
        step = np.linalg.solve(left + damping * np.diag(np.diag(left) + 1e-9), slope.T @ (weight * rest))
        fresh = np.clip(theta + np.clip(step, -1.0, 1.0), -40.0, 20.0)
        again = float(np.sum(weight * (target - np.log((chosen * np.exp(fresh)).sum(axis=1))) ** 2))
        before = float(np.sum(weight * rest**2))
        if again <= before:
            theta, damping = fresh, max(1e-6, damping / 3.0)
            if loss - again < 1e-9 * max(1.0, again) and np.all(np.abs(step) < 1e-4):
                break
            loss = again
        else:
            damping = min(1e6, damping * 5.0)
    work = np.zeros(3)
    work[: len(used)][used] = np.exp(theta)
    return work


def _expected(found: Observed, work: Values) -> Values:
    base: Values = (
        work[0] + work[1] * found.input_tokens + work[2] * (found.output_tokens if found.whole else 0.0)
    )
    floor: Values = np.maximum(base, 1e-9)
    return floor


def _hours(at: Values, log: Values, weights: Values) -> Values:
    """Logarithms of 24 factors; zeros unless there is a whole day that shows most hours."""
    none = np.zeros(24)
    if np.ptp(at) < 0.95 * DAY_S:
        return none
    hour = (at / 3600.0).astype(np.int64) % 24
    total = np.bincount(hour, weights, minlength=24)
    if np.sum(total > 0) < _HOURS_MIN:
        return none
    clipped = np.clip(log, *np.quantile(log, [0.02, 0.98]))
    mean = np.bincount(hour, weights * clipped, minlength=24) / np.maximum(total, 1e-9)
    overall = float(np.sum(weights * clipped) / weights.sum())
    shrunk = (mean - overall) * total / (total + _SHRINK)
    smooth: Values = 0.25 * np.roll(shrunk, 1) + 0.5 * shrunk + 0.25 * np.roll(shrunk, -1)
    centred: Values = smooth - smooth.mean()
    return centred


def _of_hours(hours: Values, at: Values) -> Values:
    if not np.any(hours):
        return np.zeros(len(at))
    factors = [float(factor) for factor in np.exp(hours)]
    found: Values = np.log(np.array([profile_at(factors, one) for one in at]))
    return found


def _weekend(at: Values, log: Values, weights: Values) -> float:
    """How much faster it is at the weekend, 0…0.9; 0 unless two days of each are there."""
    share = np.array([weekend_share(one) for one in at])
    off, on = share > 0.5, share <= 0.0
    days = [len(np.unique(at[part] // DAY_S)) for part in (off, on)]
    if min(days) < 2:
        return 0.0
    middles = [weighted_quantiles(log[part], weights[part], [0.5])[0] for part in (off, on)]
    return float(np.clip(1.0 - np.exp(middles[0] - middles[1]), 0.0, 0.9))


def _wandering(at: Values, log: Values, weights: Values) -> tuple[float, Values]:
    """(standard deviation of the level of ten minutes beyond chance, what is left of each request)."""
    window = ((at - at[0]) // _WINDOW_S).astype(np.int64)
    total = np.bincount(window, weights)
    mean = np.bincount(window, weights * log) / np.maximum(total, 1e-9)
    inner = np.bincount(window, weights * (log - mean[window]) ** 2) / np.maximum(total, 1e-9)
    enough = total >= _WINDOW_REQUESTS_MIN
    if enough.sum() < 10:
        return 0.0, log - float(np.sum(weights * log) / weights.sum())
    counts = total[enough]
    within = float(np.average(inner[enough] * counts / (counts - 1.0), weights=counts))
    between = float(
        np.average((mean[enough] - np.average(mean[enough], weights=counts)) ** 2, weights=counts)
    )
    chance = float(np.average(within / counts, weights=counts))
    variance = max(0.0, between - chance)
    overall = float(np.sum(weights * log) / weights.sum())
    trust = variance / (variance + within / np.maximum(total, 1.0)) if variance else np.zeros(len(total))
    level = overall + trust * (mean - overall)
    return float(np.sqrt(variance)), log - level[window]


def _table(factors: Values, weights: Values) -> tuple[tuple[float, float], ...]:
    least = 0.5 / float(weights.sum())
    ranks = [rank for rank in _RANKS if least <= rank <= 1.0 - least]
    found = weighted_quantiles(factors, weights, ranks)
    rows = []
    before = 0.0
    for rank, value in zip(ranks, found, strict=True):
        before = max(before, float(np.clip(value, 1e-3, 999.0)))
        rows.append((rank, float(f"{before:.5g}")))
    return tuple(rows)


def _speed(found: Observed) -> dict[str, Any]:
    known = np.isfinite(found.body_s) & (found.output_tokens >= 2.0) & (found.body_s > 0.0)
    if known.sum() < 5:
        return {"per_token": 0.01}
    pace = found.body_s[known] / found.output_tokens[known]
    middle, high = weighted_quantiles(pace, found.weights[known], [0.5, 0.95])
    return {"per_token": max(middle, 1e-9), "token_spread": float(np.clip(high / middle, 1.01, 20.0))}
