"""Confidence sequences: intervals that hold at all times at once, so that one may look as often as one likes.

Four of them. `half_width` is the normal mixture with the variance as it is seen, asymptotically valid for any
distribution with a variance (Robbins 1970; Johari et al. 2022 call it the mixture SPRT; Waudby-Smith et al. 2024 prove
it with an estimated variance). `ratio_interval` is a beta mixture of Bernoulli trials, valid at any sample size.
`quantile_ranks` inverts it for a percentile (Howard & Ramdas 2022). `symmetric_interval` needs no more than that the sign
of each difference was a coin flip (de la Peña 1999; Howard et al. 2021), and is valid at any sample size too.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

_ROUNDS: Final = 60


def tightest_ratio(alpha: float) -> float:
    """The r = n ρ² at which the interval of `half_width` is tightest for its sample: r − log(1 + r) = 2 log(1/α)."""
    wanted = 2.0 * math.log(1.0 / alpha)
    return _root(lambda r: r - math.log1p(r) - wanted, 0.0, 4.0 * wanted + 10.0)


def half_width(variance: Any, units: Any, planned: float, alpha: float) -> Any:
    """Half the width at level 1 − α of an estimate with this variance after `units`, tightest at `planned` units."""
    r = tightest_ratio(alpha) * units / planned
    return np.sqrt(variance * (r + 1.0) / r * (np.log1p(r) + 2.0 * math.log(1.0 / alpha)))


def p_value(estimate: Any, variance: Any, units: Any, planned: float, alpha: float) -> Any:
    """The smallest α at which the same mixture excludes zero. The mixture is that of `alpha`: it must not move."""
    r = tightest_ratio(alpha) * units / planned
    log_e = 0.5 * (estimate * estimate / variance * r / (r + 1.0) - np.log1p(r))
    return np.exp(-np.clip(log_e, 0.0, 700.0))


def log_evidence(hits: float, trials: float, ratio: float, a: float, b: float) -> float:
    """Against Bernoulli(`ratio`): a Beta(a, b) mixture of others over it. At the true ratio its mean is 1 at any time."""
    return (
        _log_beta(a + hits, b + trials - hits)
        - _log_beta(a, b)
        - _times_log(hits, ratio)
        - _times_log(trials - hits, 1.0 - ratio)
    )


def ratio_interval(
    hits: float, trials: float, alpha: float, *, centre: float, strength: float
) -> tuple[float, float]:
    """Of a Bernoulli ratio. The mixture expects it near `centre`, as if `strength` trials had said so."""
    a, b = centre * strength, (1.0 - centre) * strength
    limit = math.log(1.0 / alpha)
    best = min(max(hits / trials, 1e-12), 1.0 - 1e-12) if trials else centre

    def inside(ratio: float) -> float:
        return log_evidence(hits, trials, ratio, a, b) - limit

    lower = 0.0 if inside(1e-12) < 0.0 else _root(inside, best, 1e-12)
    upper = 1.0 if inside(1.0 - 1e-12) < 0.0 else _root(inside, best, 1.0 - 1e-12)
    return lower, upper


def quantile_ranks(trials: int, rank: float, alpha: float, *, strength: float) -> tuple[int, int] | None:
    """Between which order statistics (1 … trials, 0 and trials + 1 being beyond all) the quantile lies at all times."""
    a, b = rank * strength, (1.0 - rank) * strength
    limit = math.log(1.0 / alpha)
    middle = round(trials * rank)
    if log_evidence(middle, trials, rank, a, b) >= limit:
        return None

    def farthest(end: int) -> int:
        near, far = middle, end
        if log_evidence(far, trials, rank, a, b) < limit:
            return far
        while abs(far - near) > 1:
            half = (near + far) // 2
            near, far = (half, far) if log_evidence(half, trials, rank, a, b) < limit else (near, half)
        return near

    return farthest(0), farthest(trials) + 1


def symmetric_interval(
    differences: Sequence[float], alpha: float, *, spread: float
) -> tuple[float, float] | None:
    """Of the shift of differences whose signs were drawn by chance. `spread` (> 0) is in squared units and must not
    depend on them. None: they are too few to bound it.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0 or not spread > 0.0:
        return None

    def inside(shift: float) -> float:
        moved = values - shift
        total, squares = float(moved.sum()), float(moved @ moved)
        return total * total - (squares + spread) * (
            math.log((squares + spread) / spread) + 2.0 * math.log(1.0 / alpha)
        )

    middle = float(values.mean())
    ends = []
    for sign in (-1.0, 1.0):
        step = math.sqrt(spread)
        for _ in range(_ROUNDS):
            if inside(middle + sign * step) > 0.0:
                break
            step *= 1.5
        else:
            return None
        ends.append(_root(inside, middle, middle + sign * step))
    return ends[0], ends[1]


def _root(function: Callable[[float], float], inner: float, outer: float) -> float:
    """Where a function that is negative at `inner` and positive at `outer` changes its sign."""
    for _ in range(_ROUNDS):
        middle = 0.5 * (inner + outer)
        inner, outer = (middle, outer) if function(middle) < 0.0 else (inner, middle)
    return 0.5 * (inner + outer)


def _times_log(count: float, ratio: float) -> float:
    return count * math.log(ratio) if count else 0.0


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
