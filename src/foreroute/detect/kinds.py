"""What an alarm looks like: kind and direction from the scores around it."""

from typing import Final

import numpy as np

from foreroute.core.findings import AnomalyKind, Direction
from foreroute.detect.bank import Verdict

_LEFT: Final = 0.1
"""Of what was expected, when a value has dropped out."""


def direction_of(value: float, expected: float) -> Direction:
    return Direction.HIGH if value >= expected else Direction.LOW


def kind_of(verdict: Verdict, row: int, value: float) -> AnomalyKind:
    """The first that fits: dropout, variance, drift, shift, spike."""
    evidence = verdict.evidence
    expected = float(verdict.expected[row])
    if np.isfinite(expected) and expected > 0.0 and 0.0 <= value <= _LEFT * expected:
        return AnomalyKind.DROPOUT
    if evidence.two_sided[row]:
        return AnomalyKind.VARIANCE
    if evidence.leaning[row]:
        return AnomalyKind.DRIFT
    return AnomalyKind.SHIFT if evidence.lasting[row] else AnomalyKind.SPIKE
