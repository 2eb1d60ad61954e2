"""Recursive least squares: one small regression a series and horizon on what the experts say, learning as outcomes come.

Features and outcomes are logarithms of ratios to the same base, in units of the series' own noise, so that one set of
constants fits all. Both targets of a horizon share the features and so the covariance. The regression starts at a
prior mixture and leaves it only as far as outcomes have shown that another is better.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns, clip

_MEMORY: Final = 5000.0
"""Outcomes after which one has lost most of its weight."""
_PRIOR: Final = 0.04
_PRIOR_POWER: Final = 0.75
"""Variance of a coefficient before the first outcome, one step ahead, in squared units of noise; it falls with the
horizon, since outcomes of longer windows overlap more and prove less.
"""
_TRACE_MAX: Final = 10.0
"""Times that of the prior; forgetting without excitement must not make the covariance explode."""
_ERROR_MAX: Final = 3.0
"""Times the usual size of an error: an outlier teaches no more than that."""
_SIZE_DECAY: Final = np.float32(0.99)
_CHUNK: Final = 256
"""Series at a time: a covariance and its update then stay in the processor's cache."""


def columns(prior: Array, horizons: tuple[int, ...]) -> dict[str, Column]:
    """`prior`: (horizons, 2, features), what the coefficients start at."""
    features = prior.shape[-1]
    eye = np.stack([variance(steps) * np.eye(features) for steps in horizons])
    return {
        "covariance": Column(eye.shape, fill=eye),
        "coefficients": Column(prior.shape, fill=prior),
        "error_size": Column(prior.shape[:2], fill=1.0),
    }


def variance(steps: int) -> float:
    return float(_PRIOR / steps**_PRIOR_POWER)


def predict(coefficients: Array, features: Array) -> Array:
    """(2, series) from (2, features, series) and (features, series)."""
    return np.asarray((coefficients * features).sum(axis=1))


def learn(state: Columns, at: int, steps: int, features: Array, wanted: Array) -> None:
    """One outcome of each series at horizon number `at`: (features, series) and (2, series), NaN where none."""
    for start in range(0, state.count, _CHUNK):
        part = slice(start, start + _CHUNK)
        _learn(
            state["covariance"][at, ..., part],
            state["coefficients"][at, ..., part],
            state["error_size"][at, ..., part],
            features[:, part],
            wanted[:, part],
            variance(steps),
        )


def _learn(
    covariance: Array, coefficients: Array, size: Array, features: Array, wanted: Array, prior: float
) -> None:
    known = np.isfinite(wanted) & np.isfinite(features).all(axis=0)
    some = known.any(axis=0)
    x = np.where(some, features, np.float32(0.0))
    forgetting = np.where(some, np.float32(1.0 - 1.0 / _MEMORY), np.float32(1.0))
    image = (covariance * x).sum(axis=1)
    gain = image / (forgetting + (x * image).sum(axis=0))
    error = np.where(known, wanted - predict(coefficients, x), np.float32(0.0))
    most = _ERROR_MAX * size
    error = clip(error, -most, most)
    size[...] = np.where(known, _SIZE_DECAY * size + (1.0 - _SIZE_DECAY) * np.abs(error) * 1.25, size)
    coefficients += gain * error[:, None]
    covariance -= gain[:, None] * image
    covariance /= forgetting
    variances = covariance[np.arange(len(covariance)), np.arange(len(covariance))]
    _restrain(covariance, variances.sum(axis=0), variances.min(axis=0), prior)


def _restrain(covariance: Array, trace: Array, least: Array, prior: float) -> None:
    """Shrinks a covariance that has grown too far; starts one anew that is none any more."""
    features = len(covariance)
    most = np.float32(_TRACE_MAX * features * prior)
    too_large = trace > most
    if too_large.any():
        covariance[..., too_large] *= most / trace[too_large]
    broken = ~np.isfinite(trace) | (least <= 0)
    if broken.any():
        covariance[..., broken] = (prior * np.eye(features, dtype=np.float32))[..., None]
