"""Requests that are assigned one by one, with latencies of every tail that was measured."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from bench.experiment.streams import ALPHA, Floats, Looks, always_valid, joined, repeated_t, running
from bench.report import Row
from foreroute.experiment.contrast import difference, failure_ratio
from foreroute.experiment.moments import Moments
from foreroute.experiment.sequence import quantile_ranks, tightest_ratio
from foreroute.experiment.size import sequential_units

REQUESTS: Final = 8000
BATCH: Final = 100
TAILS: Final = (1.3, 2.5, 3.7)
"""p95 over p50."""
_EFFECT: Final = 0.10
_HOW: Final = "{n} repeats of 8,000 requests, looked at after every one from 100 an arm on"
_FAILING: Final = 0.03


def deviation_of(tail: float) -> float:
    return math.log(tail) / 1.644854


def false_alarms(repeats: int) -> list[Row]:
    rows = []
    for tail in TAILS:
        logs, means, naive = (_repeat(repeats, deviation_of(tail), look) for look in (_log, _mean, _naive))
        name = f"tail_{tail:g}".replace(".", "_")
        rows += [
            alarm_row(f"experiment.aa_false_positive_ratio.{name}", logs, naive, repeats, "log-mean latency"),
            alarm_row(
                f"experiment.aa_false_positive_ratio.mean_{name}", means, naive, repeats, "mean latency"
            ),
        ]
    rows += [_quantile_alarms(repeats), _failure_alarms(repeats)]
    worst = max(row.value for row in rows)
    head = Row(
        id="experiment.aa_false_positive_ratio",
        what="alarms of experiments in which nothing differs, the worst of the rows below",
        value=worst,
        unit="ratio",
        target="≤ 0.05",
        holds=worst <= ALPHA,
        how=_HOW.format(n=repeats),
    )
    return [head, *rows]


def power(repeats: int) -> list[Row]:
    """A tenth slower, at the heaviest tail; half of the variance is the request's own size."""
    deviation = deviation_of(TAILS[-1])
    planned = sequential_units(deviation, math.log1p(_EFFECT), alpha=ALPHA, power=0.8)
    plain, helped, removed = [], [], []
    for seed in range(repeats // BATCH):
        rng = np.random.default_rng([11, seed])
        size = rng.normal(0.0, deviation * math.sqrt(0.5), (BATCH, 2 * int(planned)))
        y = size + rng.normal(0.0, deviation * math.sqrt(0.5), size.shape)
        in_arm = rng.random(size.shape) < 0.5
        y += in_arm * math.log1p(_EFFECT)
        plain.append(always_valid(*running(y, np.zeros_like(y), in_arm), planned))
        sums = running(y, size, in_arm)
        helped.append(always_valid(*sums, planned))
        removed.append(_removed(*sums))
    found, found_with = joined(plain), joined(helped)
    how = f"{repeats} repeats, p95/p50 of 3.7, sizes explain half of the variance, {planned:.0f} requests an arm"
    return [
        Row(
            id="experiment.power",
            what="a latency a tenth longer is found within the sample that was estimated for a power of 0.8",
            value=found.ratio,
            unit="ratio",
            target="≥ 0.8",
            holds=found.ratio >= 0.8 - 2.0 * math.sqrt(0.16 / repeats),
            how=how,
        ),
        Row(
            id="experiment.cuped_variance_reduction",
            what="part of the variance that a request's size takes away",
            value=float(np.mean(removed)),
            unit="ratio",
            baseline="0.5 could be",
            how=how,
        ),
        Row(
            id="experiment.cuped_requests_saved",
            what="requests until it is found, median, with the size known over without it",
            value=float(np.nanmedian(found_with.after) / np.nanmedian(found.after)),
            unit="ratio",
            baseline=f"{np.nanmedian(found.after):.0f} requests without",
            how=how,
        ),
    ]


def alarm_row(name: str, looks: Looks, naive: Looks, repeats: int, what: str) -> Row:
    return Row(
        id=name,
        what=f"alarms where nothing differs: {what}",
        value=looks.ratio,
        unit="ratio",
        target="≤ 0.05",
        holds=looks.ratio <= ALPHA,
        baseline=f"t-test at each look: {naive.ratio:.3f}",
        how=_HOW.format(n=repeats),
    )


def _repeat(repeats: int, deviation: float, look: Callable[[Floats, np.ndarray], Looks]) -> Looks:
    """Logarithms of lognormal latencies."""
    parts = []
    for seed in range(repeats // BATCH):
        rng = np.random.default_rng([7, seed])
        values = rng.normal(0.0, deviation, (BATCH, REQUESTS))
        parts.append(look(values, rng.random(values.shape) < 0.5))
    return joined(parts)


def _log(y: Floats, in_arm: np.ndarray) -> Looks:
    return always_valid(*running(y, np.zeros_like(y), in_arm), REQUESTS / 2)


def _mean(y: Floats, in_arm: np.ndarray) -> Looks:
    return always_valid(*running(np.exp(y), np.zeros_like(y), in_arm), REQUESTS / 2, as_ratio=True)


def _naive(y: Floats, in_arm: np.ndarray) -> Looks:
    return repeated_t(*running(y, np.zeros_like(y), in_arm))


def _removed(arm: Moments, control: Moments) -> float:
    last = [Moments(*(np.asarray(value)[:, -1] for value in one.dump())) for one in (arm, control)]
    return float(np.mean(difference(*last).removed))


def _quantile_alarms(repeats: int) -> Row:
    """Every fifty requests: the order statistics are sorted anew each time."""
    strength = max(50.0, REQUESTS / 2 / tightest_ratio(ALPHA / 2))
    ranks = {n: quantile_ranks(n, 0.95, ALPHA / 2, strength=strength) for n in range(50, REQUESTS)}
    alarms = 0
    for seed in range(repeats):
        rng = np.random.default_rng([13, seed])
        values = rng.normal(0.0, deviation_of(TAILS[-1]), REQUESTS)
        in_arm = rng.random(REQUESTS) < 0.5
        for end in range(200, REQUESTS, 50):
            bounds = [_bounds(values[:end][mask[:end]], ranks) for mask in (in_arm, ~in_arm)]
            if bounds[0][0] > bounds[1][1] or bounds[0][1] < bounds[1][0]:
                alarms += 1
                break
    ratio = alarms / repeats
    return Row(
        id="experiment.aa_false_positive_ratio.p95",
        what="alarms where nothing differs: p95 of latency, at any sample size",
        value=ratio,
        unit="ratio",
        target="≤ 0.05",
        holds=ratio <= ALPHA,
        how=f"{repeats} repeats of 8,000 requests, looked at after every fifty",
    )


def _bounds(values: Floats, ranks: dict[int, tuple[int, int] | None]) -> tuple[float, float]:
    found = ranks[len(values)]
    if found is None:
        return -math.inf, math.inf
    ordered = np.sort(values)
    lower = -math.inf if found[0] < 1 else float(ordered[found[0] - 1])
    upper = math.inf if found[1] > len(values) else float(ordered[found[1] - 1])
    return lower, upper


def _failure_alarms(repeats: int) -> Row:
    """Failures come in outages as well: half of the time nearly none, then one in ten."""
    alarms = naive = 0
    for seed in range(repeats):
        rng = np.random.default_rng([17, seed])
        ratio = np.where(np.arange(REQUESTS) % 2000 < 1600, _FAILING / 3, 5 * _FAILING)
        failed = rng.random(REQUESTS) < ratio
        in_arm = rng.random(REQUESTS) < 0.5
        hits = np.cumsum(in_arm[failed])
        alarms += any(_excludes(int(arm), total) for total, arm in enumerate(hits, start=1))
        naive += _naive_failures(failed, in_arm)
    return Row(
        id="experiment.aa_false_positive_ratio.failures",
        what="alarms where nothing differs: failures, with outages",
        value=alarms / repeats,
        unit="ratio",
        target="≤ 0.05",
        holds=alarms / repeats <= ALPHA,
        baseline=f"z-test at each look: {naive / repeats:.3f}",
        how=f"{repeats} repeats of 8,000 requests, looked at after every failure",
    )


def _excludes(arm: int, total: int) -> bool:
    found = failure_ratio(arm, total - arm, share=0.5, share_control=0.5, alpha=ALPHA)
    assert found.lower is not None
    assert found.upper is not None
    return found.lower > 1.0 or found.upper < 1.0


def _naive_failures(failed: np.ndarray, in_arm: np.ndarray) -> bool:
    sums = running(failed[None, :].astype(float), np.zeros((1, len(failed))), in_arm[None, :])
    return bool(repeated_t(*sums).ever[0])
