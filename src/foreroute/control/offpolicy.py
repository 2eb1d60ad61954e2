"""What other shares would have cost, from requests whose channel was drawn with a known probability. Pure.

Doubly robust (Dudík, Langford & Li 2011) with cross-fitting (Chernozhukov et al. 2018): a model of each channel's
outcomes says what a request would have met elsewhere, and the requests that did go there, weighted by how much more
often they would have gone, correct it. The self-normalised estimate (Swaminathan & Joachims 2015), which uses no
model, stands beside it. Errors are summed over stretches of time before they are squared: requests of one moment
share their luck.

Two things are assumed and cannot be seen in the data: that channels would have been as fast under the other shares,
and that what comes after the first pick (a failover, say) would have been as it was.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Final

from foreroute.core.ids import ChannelId

_BLOCKS_WANTED: Final = 50
_BLOCK_S: Final = (60.0, 600.0)
_SHRINK: Final = 10.0
"""A cell of the outcome model counts fully when it has many more requests than this."""
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request whose first channel was drawn by chance."""

    at: float
    channel: ChannelId
    propensity: float
    """How likely that channel was, 0…1, more than 0."""
    served: Mapping[ChannelId, float]
    """The shares that served then."""
    wished: Mapping[ChannelId, float]
    """The shares of the candidate at that moment, among those that could be asked; they sum to 1."""
    size: int = 0
    """A class of how much was asked: requests of one class are alike."""
    values: Mapping[str, float]
    """By measure; one that has no value here says nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean, and 95 % confidence."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One measure under the shares that served and under the candidate's. `refused` set: there is no number, and why."""

    measure: str
    requests: int
    effective: float
    """How many requests, drawn by the candidate itself, would say as much."""
    unsupported_ratio: float
    """The part of the candidate's traffic that would have gone where nothing went then, 0…1."""
    logged: Interval | None = None
    """As it was."""
    candidate: Interval | None = None
    difference: Interval | None = None
    """From the shares that served, taken by themselves: without what load and chance added to them."""
    self_normalised: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRules:
    effective_min: float = 50.0
    unsupported_ratio_max: float = 0.01
    coverage: float = 0.95


def estimate(samples: Sequence[Sample], measure: str, rules: EstimateRules) -> Estimate:
    """The mean of the measure per request that has one."""
    weights = [one.wished.get(one.channel, 0.0) / one.propensity for one in samples]
    unsupported, nowhere = _unsupported(samples)
    total, squares = math.fsum(weights), math.fsum(w * w for w in weights)
    effective = total * total / squares if squares else 0.0
    bare = Estimate(
        measure=measure, requests=len(samples), effective=effective, unsupported_ratio=unsupported
    )
    refusal = _refusal(bare, nowhere, rules)
    if refusal is None and not any(measure in one.values for one in samples):
        refusal = f"no request has a {measure}"
    if refusal is not None:
        return _refused(bare, refusal)
    return _numbers(bare, samples, weights, rules)


def _numbers(
    bare: Estimate, samples: Sequence[Sample], weights: Sequence[float], rules: EstimateRules
) -> Estimate:
    measure = bare.measure
    amounts = [one.values.get(measure, 0.0) for one in samples]
    present = [float(measure in one.values) for one in samples]
    wished = [one.wished for one in samples]
    served = [one.served for one in samples]
    candidate = _ratio(_robust(samples, wished, amounts), _robust(samples, wished, present))
    # The served shares are estimated in the same way to be compared: what both have in common then cancels.
    same = _ratio(_robust(samples, served, amounts), _robust(samples, served, present))
    logged = _ratio(amounts, present)
    if candidate is None or logged is None or same is None:
        return _refused(bare, f"hardly any request would have a {measure}")
    blocks = _blocks(samples)
    z = NormalDist().inv_cdf((1.0 + rules.coverage) / 2.0)

    def interval(mean: float, parts: Sequence[float]) -> Interval:
        error = z * _error(parts, blocks)
        return Interval(mean=mean, lower=mean - error, upper=mean + error)

    between = [a - b for a, b in zip(candidate[1], same[1], strict=True)]
    shown = math.fsum(w * p for w, p in zip(weights, present, strict=True))
    return Estimate(
        measure=measure,
        requests=bare.requests,
        effective=bare.effective,
        unsupported_ratio=bare.unsupported_ratio,
        logged=interval(*logged),
        candidate=interval(*candidate),
        difference=interval(candidate[0] - same[0], between),
        self_normalised=math.fsum(w * y for w, y in zip(weights, amounts, strict=True)) / shown
        if shown
        else None,
    )


def _refused(bare: Estimate, why: str) -> Estimate:
    return Estimate(
        measure=bare.measure,
        requests=bare.requests,
        effective=bare.effective,
        unsupported_ratio=bare.unsupported_ratio,
        refused=why,
    )


def _unsupported(samples: Sequence[Sample]) -> tuple[float, list[ChannelId]]:
    """The part of the wished traffic that nothing was served on then, and the channels, the most wished first."""
    mass: dict[ChannelId, float] = defaultdict(float)
    for one in samples:
        for channel, share in one.wished.items():
            if share > 0.0 and one.served.get(channel, 0.0) <= 0.0 and channel != one.channel:
                mass[channel] += share
    total = math.fsum(mass.values())
    return (total / len(samples) if samples else 0.0), sorted(mass, key=lambda name: -mass[name])


def _refusal(bare: Estimate, nowhere: Sequence[ChannelId], rules: EstimateRules) -> str | None:
    if not bare.requests:
        return "no request was drawn by chance"
    if bare.unsupported_ratio > rules.unsupported_ratio_max:
        names = ", ".join(nowhere[:3])
        return (
            f"{bare.unsupported_ratio:.0%} of its traffic would go where nothing went at that time ({names}): "
            "what was never tried cannot be told"
        )
    if bare.effective < rules.effective_min:
        return (
            f"{bare.requests} requests say as much as {bare.effective:.0f} of its own would, "
            f"at least {rules.effective_min:.0f} are needed"
        )
    return None


def _robust(
    samples: Sequence[Sample], shares: Sequence[Mapping[ChannelId, float]], values: Sequence[float]
) -> list[float]:
    """Each request's part of the doubly robust mean under these shares. The model of one half of the hours judges the
    other half.
    """
    folds: list[list[int]] = [[], []]
    for index, one in enumerate(samples):
        folds[int(one.at // _HOUR_S) % 2].append(index)
    if not all(folds):
        folds = [list(range(0, len(samples), 2)), list(range(1, len(samples), 2))]
    parts = [0.0] * len(samples)
    for mine, other in ((0, 1), (1, 0)):
        known = folds[other] or folds[mine]
        model = _model([samples[i] for i in known], [values[i] for i in known])
        for i in folds[mine]:
            one, among = samples[i], shares[i]
            expected = math.fsum(share * model(name, one) for name, share in among.items() if share > 0)
            weight = among.get(one.channel, 0.0) / one.propensity
            parts[i] = expected + weight * (values[i] - model(one.channel, one))
    return parts


def _model(samples: Sequence[Sample], values: Sequence[float]) -> Callable[[ChannelId, Sample], float]:
    """Means by channel and size, each drawn towards the coarser one by how little it knows."""
    sums: dict[tuple[object, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one, value in zip(samples, values, strict=True):
        for key in ((), (one.channel,), (one.channel, one.size)):
            cell = sums[key]
            cell[0] += value
            cell[1] += 1.0
    known: dict[tuple[object, ...], float] = {}

    def expected(channel: ChannelId, one: Sample) -> float:
        key = (channel, one.size)
        if key not in known:
            mean = 0.0
            for part in ((), (channel,), key):
                amount, count = sums.get(part, (0.0, 0.0))
                mean = (amount + _SHRINK * mean) / (count + _SHRINK) if part or count == 0 else amount / count
            known[key] = mean
        return known[key]

    return expected


def _ratio(amounts: Sequence[float], present: Sequence[float]) -> tuple[float, list[float]] | None:
    """The mean of one over the mean of the other, and each request's influence on it (delta method)."""
    count = len(amounts)
    above, below = math.fsum(amounts) / count, math.fsum(present) / count
    if below <= 1e-9:
        return None
    mean = above / below
    return mean, [(a - mean * p) / below for a, p in zip(amounts, present, strict=True)]


def _blocks(samples: Sequence[Sample]) -> list[int]:
    first, last = min(one.at for one in samples), max(one.at for one in samples)
    block_s = min(max((last - first) / _BLOCKS_WANTED, _BLOCK_S[0]), _BLOCK_S[1])
    return [int((one.at - first) // block_s) for one in samples]


def _error(parts: Sequence[float], blocks: Sequence[int]) -> float:
    """The standard error of the mean of influences, from how much neighbouring stretches of time differ.

    What rises and falls slowly over the day is no uncertainty about that day (von Neumann et al. 1941), and the part
    of it that neighbours do not share makes the interval wider, never narrower.
    """
    sums: dict[int, float] = defaultdict(float)
    for block, part in zip(blocks, parts, strict=True):
        sums[block] += part
    ordered = [sums[block] for block in sorted(sums)]
    many = len(ordered)
    if many < 2:
        return math.inf
    steps = math.fsum((after - before) ** 2 for before, after in pairwise(ordered))
    return math.sqrt(steps / 2.0 * many / (many - 1)) / len(parts)
