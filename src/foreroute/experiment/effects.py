"""What a tally says of each arm by each measure, whatever the kind of experiment."""

import math
from dataclasses import dataclass
from typing import Final

from foreroute.core.experiment import ExperimentKind, Unit
from foreroute.experiment.cells import Cells
from foreroute.experiment.contrast import (
    FAILURES_MIN,
    UNKNOWN,
    Difference,
    Interval,
    block_interval,
    difference,
    failure_ratio,
    paired,
    quantile_ratio,
)
from foreroute.experiment.measures import ABSOLUTE, LOGARITHMIC, QUANTILES, RANK, Measure
from foreroute.experiment.moments import Moments
from foreroute.experiment.requests import SETTLE_S
from foreroute.experiment.tally import Tally

UNITS_MIN: Final = 100
"""Of each arm, before the normal mixture is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """`value` and its bounds are relative to the control (0.1: a tenth more), of scores in points. None: unknown."""

    arm: str
    measure: Measure
    alpha: float
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    level: float | None = None
    level_control: float | None = None
    units: float = 0.0
    units_control: float = 0.0
    variance_removed: float = 0.0


def effect(tally: Tally, arm: str, measure: Measure, *, alpha: float, at: float) -> Effect:
    definition = tally.run.definition
    control = definition.arms[0].name
    kind = definition.kind
    p_value, removed = None, 0.0
    if kind is ExperimentKind.SWITCHBACK:
        interval = _by_blocks(tally, arm, control, measure, alpha, at)
    elif measure in QUANTILES:
        buckets = [tally.arms[name].buckets[QUANTILES[measure]] for name in (arm, control)]
        interval = _less_one(quantile_ratio(buckets[0], buckets[1], planned=tally.run.planned, alpha=alpha))
    elif measure is Measure.FAILURES and definition.unit is Unit.REQUEST:
        interval = _failures(tally, arm, control, alpha)
    else:
        found = _difference(tally, arm, control, measure)
        interval = UNKNOWN if found is None else _interval(tally, found, measure, alpha)
        if found is not None and interval.lower is not None:
            planned = _planned(tally)
            p_value, removed = float(found.p_value(planned, alpha)), float(found.removed)
    return Effect(
        arm=arm,
        measure=measure,
        alpha=alpha,
        value=_finite(interval.value),
        lower=_finite(interval.lower),
        upper=_finite(interval.upper),
        p_value=p_value,
        level=level_of(tally, arm, measure),
        level_control=level_of(tally, control, measure),
        units=_units(tally, arm, measure),
        units_control=_units(tally, control, measure),
        variance_removed=removed,
    )


def level_of(tally: Tally, arm: str, measure: Measure) -> float | None:
    """The arm's own value, in the measure's unit."""
    if measure in QUANTILES:
        buckets = tally.arms[arm].buckets[QUANTILES[measure]]
        return math.exp(buckets.quantile(RANK)) if buckets.total else None
    n, y = _sums(tally, arm, measure)
    if not n:
        return None
    return math.exp(y / n) if measure in LOGARITHMIC else y / n


def _sums(tally: Tally, arm: str, measure: Measure) -> tuple[float, float]:
    if tally.run.definition.kind is ExperimentKind.SWITCHBACK:
        found = [cells.sums(measure) for cells in tally.slots.values() if cells.arm == arm]
        return sum(one[0] for one in found), sum(one[1] for one in found)
    moments = tally.arms[arm].moments[measure]
    return moments.n, moments.y


def _units(tally: Tally, arm: str, measure: Measure) -> float:
    if tally.run.definition.kind is ExperimentKind.SWITCHBACK:
        base = QUANTILES.get(measure, measure)
        return float(sum(1 for one in tally.slots.values() if one.arm == arm and one.sums(base)[0]))
    return float(tally.arms[arm].moments[QUANTILES.get(measure, measure)].units)


def _planned(tally: Tally) -> float:
    """In the units of a `Difference`: two arms of n units each are worth n / 2."""
    is_paired = tally.run.definition.kind is ExperimentKind.SHADOW
    return tally.run.planned * (1.0 if is_paired else 0.5)


def _difference(tally: Tally, arm: str, control: str, measure: Measure) -> Difference | None:
    definition = tally.run.definition
    if definition.kind is ExperimentKind.SHADOW:
        return _paired(tally, arm, control, measure)
    one, other = (tally.arms[name].moments[measure] for name in (arm, control))
    if min(one.units, other.units) < UNITS_MIN or not _can_vary(one, other):
        return None
    if measure is Measure.FAILURES and min(one.y, other.y) < FAILURES_MIN:
        return None
    is_difference = measure in LOGARITHMIC or measure in ABSOLUTE
    if not is_difference and min(one.y, other.y) <= 0.0:
        return None
    return difference(one, other, as_ratio=not is_difference)


def _paired(tally: Tally, arm: str, control: str, measure: Measure) -> Difference | None:
    """Relative to what the control comes to, where the measure is no logarithm."""
    pairs = tally.pairs[arm][measure]
    if pairs.units < UNITS_MIN or not pairs.yy > 0.0:
        return None
    found = paired(pairs)
    if measure in LOGARITHMIC:
        return found
    own = tally.arms[control].moments[measure]
    if not own.n or own.mean <= 0.0:
        return None
    return Difference(found.value / own.mean, found.variance / own.mean**2, found.units)


def _interval(tally: Tally, found: Difference, measure: Measure, alpha: float) -> Interval:
    lower, upper = found.interval(_planned(tally), alpha)
    plain = measure in ABSOLUTE or (
        tally.run.definition.kind is ExperimentKind.SHADOW and measure not in LOGARITHMIC
    )
    if plain:
        return Interval(float(found.value), float(lower), float(upper))
    return Interval(_expm1(found.value), _expm1(lower), _expm1(upper))


def _failures(tally: Tally, arm: str, control: str, alpha: float) -> Interval:
    definition = tally.run.definition
    if definition.kind is ExperimentKind.SHADOW:
        own, copy = tally.discordant[arm]
        return _less_one(failure_ratio(copy, own, share=0.5, share_control=0.5, alpha=alpha))
    weights = {one.name: one.weight for one in definition.arms}
    return _less_one(
        failure_ratio(
            tally.arms[arm].moments[Measure.FAILURES].y,
            tally.arms[control].moments[Measure.FAILURES].y,
            share=weights[arm],
            share_control=weights[control],
            alpha=alpha,
        )
    )


def _by_blocks(tally: Tally, arm: str, control: str, measure: Measure, alpha: float, at: float) -> Interval:
    definition = tally.run.definition
    found = block_differences(tally, arm, control, measure, at)
    if not found:
        return UNKNOWN
    scale = 1.0
    if measure is Measure.FAILURES:
        ratio = level_of(tally, control, measure)
        if not ratio:
            return UNKNOWN
        scale = 1.0 / ratio
    blocks = definition.duration_s / (definition.slot_s * len(definition.arms))
    bounds = block_interval(found, planned_blocks=blocks, alpha=alpha)
    value = sum(found) / len(found)
    if measure is Measure.FAILURES or measure in ABSOLUTE:
        lower, upper = bounds or (math.nan, math.nan)
        return Interval(value * scale, lower * scale, upper * scale)
    if bounds is None:
        return Interval(_expm1(value), None, None)
    return Interval(_expm1(value), _expm1(bounds[0]), _expm1(bounds[1]))


def block_differences(tally: Tally, arm: str, control: str, measure: Measure, at: float) -> list[float]:
    """One for each block that is over and in which both arms had requests, oldest first."""
    definition = tally.run.definition
    many = len(definition.arms)
    blocks: dict[int, dict[str, Cells]] = {}
    for slot, cells in tally.slots.items():
        blocks.setdefault(slot // many, {})[cells.arm] = cells
    over = int((at - SETTLE_S - tally.run.begins_at) // (definition.slot_s * many))
    found = []
    for block in sorted(number for number in blocks if number < over):
        both = [blocks[block].get(name) for name in (arm, control)]
        means = [None if one is None else _mean(one, measure) for one in both]
        if means[0] is None or means[1] is None:
            continue
        if measure in LOGARITHMIC or measure in ABSOLUTE or measure is Measure.FAILURES:
            found.append(means[0] - means[1])
        elif min(means[0], means[1]) > 0.0:
            found.append(math.log(means[0] / means[1]))
    return found


def _mean(cells: Cells, measure: Measure) -> float | None:
    n, y, _ = cells.sums(measure)
    return y / n if n else None


def _can_vary(one: Moments, other: Moments) -> bool:
    return bool(one.variance_of_mean() + other.variance_of_mean() > 1e-18)


def _less_one(interval: Interval) -> Interval:
    found = [None if one is None else one - 1.0 for one in (interval.value, interval.lower, interval.upper)]
    return Interval(*found)


def _expm1(value: float) -> float:
    return math.inf if value > 700.0 else math.expm1(value)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
