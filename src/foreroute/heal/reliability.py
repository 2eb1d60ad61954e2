"""How often a verdict is right, by what it rests on. Counted on failures that the verdict was not made from.

A basis that was seen seldom is pulled towards all verdicts of its ground, and those towards all (shrinkage with
`_WEIGHT` imagined cases): a rule that was right twice of two is not certain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.failure import FailureClass

_WEIGHT: Final = 4.0
Counts = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Reliability:
    """(right, seen) for each ground, and for each class of a ground as `ground/class`."""

    counts: Counts = field(default_factory=dict)
    usual: float = 0.9
    """The share that is right over all grounds."""

    def of(self, ground: str, kind: FailureClass) -> float:
        """0…1; more cases, less of the imagined ones."""
        right, seen = self.counts.get(ground, (0, 0))
        ground_share = (right + _WEIGHT * self.usual) / (seen + _WEIGHT)
        right, seen = self.counts.get(f"{ground}/{kind}", (0, 0))
        return (right + _WEIGHT * ground_share) / (seen + _WEIGHT)
