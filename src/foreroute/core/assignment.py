"""Who gets which arm. Pure, and the same in every process: a hash decides, chance is never asked.

A layer hashes its units to places; an experiment owns some of them, so that no unit is in two experiments of one
layer. Within the experiment another hash, salted with the run, picks the arm: who is in which arm of one run says
nothing about another run (overlapping experiments: Tang et al. 2010).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.attempt import ArmMark
from foreroute.core.experiment import (
    PLACES,
    ExperimentKind,
    PlannedArm,
    PlannedExperiment,
    Unit,
)

_KEY_BYTES: Final = 64
_WHOLE: Final = float(1 << 64)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An experiment that a request takes part in. `begun`: its arm is in force, not only marked."""

    experiment: PlannedExperiment
    arm: PlannedArm
    mark: ArmMark
    begun: bool = True


def draw(
    experiments: Sequence[PlannedExperiment], unit_of: Callable[[Unit], str | None], at: float
) -> tuple[Drawn, ...]:
    """At most one arm in each layer. Whoever does not say what the experiment's unit is takes no part in it."""
    found: list[Drawn] = []
    for experiment in experiments:
        if at >= experiment.ends_at:
            continue
        if experiment.kind is ExperimentKind.SWITCHBACK:
            if at >= experiment.begins_at:
                found.append(_in_slot(experiment, at))
            continue
        unit = unit_of(experiment.unit)
        if unit is None or not _owns(experiment, place_of(experiment.layer, unit)):
            continue
        digest = _digest(experiment.run, unit)
        shadow = experiment.kind is ExperimentKind.SHADOW
        arm = experiment.arms[0] if shadow else arm_at(experiment.arms, int.from_bytes(digest) / _WHOLE)
        begun = at >= experiment.begins_at
        found.append(Drawn(experiment, arm, ArmMark(experiment.run, arm.name, digest.hex()), begun))
    return tuple(found)


def place_of(layer: str, unit: str) -> int:
    """0 … PLACES − 1."""
    return int.from_bytes(_digest(layer, unit)) * PLACES >> 64


def arm_at(arms: Sequence[PlannedArm], uniform: float) -> PlannedArm:
    """The arm in whose share a number in [0, 1) falls."""
    left = uniform
    for arm in arms:
        left -= arm.share
        if left < 0:
            return arm
    return arms[-1]


def slot_of(experiment: PlannedExperiment, at: float) -> int:
    return int((at - experiment.begins_at) // experiment.slot_s)


def arm_of_slot(experiment: PlannedExperiment, slot: int) -> PlannedArm:
    """Blocks of as many slots as there are arms have each arm once, in an order of the block's own: a day's shape
    falls on all arms alike.
    """
    arms = experiment.arms
    block = slot // len(arms)
    order = sorted(arms, key=lambda arm: _digest(experiment.run, f"{block}/{arm.name}"))
    return order[slot % len(arms)]


def _in_slot(experiment: PlannedExperiment, at: float) -> Drawn:
    slot = slot_of(experiment, at)
    arm = arm_of_slot(experiment, slot)
    return Drawn(experiment, arm, ArmMark(experiment.run, arm.name, str(slot)))


def _owns(experiment: PlannedExperiment, place: int) -> bool:
    return any(start <= place < end for start, end in experiment.slices)


def _digest(key: str, text: str) -> bytes:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=key.encode()[:_KEY_BYTES], digest_size=8
    ).digest()
