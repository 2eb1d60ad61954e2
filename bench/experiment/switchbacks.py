"""Slots of time as units: a day has a shape, neighbouring slots are alike, and arms take turns by chance."""

import math
from typing import Final

import numpy as np

from bench.experiment.streams import ALPHA
from bench.report import Row
from foreroute.experiment.contrast import block_interval

_BLOCKS: Final = 336
"""A fortnight of two slots of half an hour each."""
_EFFECT: Final = 0.10


def rows(repeats: int) -> list[Row]:
    alarms = found = slots = 0
    for seed in range(repeats):
        differences = _differences(np.random.default_rng([29, seed]))
        alarms += _ever(differences)
        found += _ever([one + math.log1p(_EFFECT) for one in differences])
        slots += _slot_test(np.random.default_rng([29, seed]))
    return [
        Row(
            id="experiment.aa_false_positive_ratio.switchback",
            what="alarms where nothing differs: slots of half an hour over a fortnight",
            value=alarms / repeats,
            unit="ratio",
            target="≤ 0.05",
            holds=alarms / repeats <= ALPHA,
            baseline=f"t-test over slots at each look: {slots / repeats:.3f}",
            how=f"{repeats} repeats, looked at after every block",
        ),
        Row(
            id="experiment.power.switchback",
            what="a latency a tenth longer is found within a fortnight",
            value=found / repeats,
            unit="ratio",
            how=f"{repeats} repeats, slot means move by a third within a day and by 0.1 (log) from slot to slot",
        ),
    ]


def _slots(rng: np.random.Generator) -> np.ndarray:
    """Mean log latencies: the day's shape, what lasts for hours, and what is the slot's own."""
    count = 2 * _BLOCKS
    lasting = np.zeros(count)
    for slot in range(1, count):
        lasting[slot] = 0.9 * lasting[slot - 1] + rng.normal(0.0, 0.08)
    shape = 0.33 * np.sin(np.arange(count) * math.pi / 24.0)
    return np.asarray(shape + lasting + rng.standard_t(4, count) * 0.07)


def _differences(rng: np.random.Generator) -> list[float]:
    means = _slots(rng).reshape(_BLOCKS, 2)
    signs = np.where(rng.random(_BLOCKS) < 0.5, 1.0, -1.0)
    return list((means[:, 0] - means[:, 1]) * signs)


def _ever(differences: list[float]) -> bool:
    for end in range(5, len(differences) + 1):
        bounds = block_interval(differences[:end], planned_blocks=_BLOCKS, alpha=ALPHA)
        if bounds is not None and (bounds[0] > 0.0 or bounds[1] < 0.0):
            return True
    return False


def _slot_test(rng: np.random.Generator) -> bool:
    means = _slots(rng)
    in_arm = rng.random(len(means)) < 0.5
    for end in range(20, len(means), 2):
        one, other = means[:end][in_arm[:end]], means[:end][~in_arm[:end]]
        if min(len(one), len(other)) > 4:
            error = math.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
            if abs(one.mean() - other.mean()) > 1.96 * error:
                return True
    return False
