"""One judgement from several detectors, each on the scale of its own threshold."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one detector thinks of the newest value: 1 is where it would raise an alarm on its own."""

    detector: str
    ratio: float
    """Score over threshold."""
    expected: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """An anomaly when `ratio` ≥ 1."""

    ratio: float
    expected: float
    detector: str
    """The names of those who had an opinion, joined by +."""


def judge(opinions: Sequence[Opinion]) -> Judgement | None:
    """The mean of the ratios, so that no detector can raise or veto an alarm alone unless it is very sure.

    What was expected is taken from the most alarmed one: it is the reason that will be shown. None without opinions.
    """
    if not opinions:
        return None
    most_alarmed = max(opinions, key=lambda opinion: opinion.ratio)
    return Judgement(
        ratio=sum(opinion.ratio for opinion in opinions) / len(opinions),
        expected=most_alarmed.expected,
        detector="+".join(opinion.detector for opinion in opinions),
    )
