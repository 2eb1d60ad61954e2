"""How good verdicts are: macro-F1, the share of right actions, the calibration error."""

from collections.abc import Sequence
from typing import Final

from bench.heal.fit import Judged
from foreroute.heal.verdict import action_of

_BINS: Final = 10


def macro_f1(judged: Sequence[Judged]) -> float:
    """The mean of the classes' F1, over the classes that are there to be found."""
    scores = []
    for kind in {one.row.label for one in judged}:
        hits = sum(one.row.label is kind and one.verdict.kind is kind for one in judged)
        found = sum(one.verdict.kind is kind for one in judged)
        there = sum(one.row.label is kind for one in judged)
        scores.append(2 * hits / (found + there))
    return sum(scores) / len(scores)


def accuracy(judged: Sequence[Judged]) -> float:
    return sum(one.right for one in judged) / len(judged)


def action_accuracy(judged: Sequence[Judged]) -> float:
    return sum(action_of(one.row.label) == action_of(one.verdict.kind) for one in judged) / len(judged)


def calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error over ten bins of equal width (Naeini et al. 2015)."""
    bins: list[list[Judged]] = [[] for _ in range(_BINS)]
    for one in judged:
        bins[min(int(one.verdict.confidence * _BINS), _BINS - 1)].append(one)
    return sum(
        abs(sum(one.right for one in part) - sum(one.verdict.confidence for one in part)) for part in bins
    ) / len(judged)
