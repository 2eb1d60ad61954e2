"""What a failed attempt is thought to be, how sure that is, and what follows from it."""

from dataclasses import dataclass
from typing import Final

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily

CONFIDENCE_MIN: Final = 0.4
"""Below this nothing is guessed: the class is `unknown`."""

_ACTIONS: Final = {
    FailureFamily.TRANSIENT: "retry",
    FailureFamily.DOWN_UNTIL_CHANGE: "failover",
    FailureFamily.REQUEST_MISMATCH: "failover",
    FailureFamily.REQUEST_FAULT: "return",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`basis` says what decided: `code:…`, `said:…`, `wire:…`, `status:…`, `phase:…`, `text`, or `nothing`."""

    kind: FailureClass
    confidence: float
    """How often a verdict on this basis is right, 0…1, estimated on failures that it was not made from."""
    basis: str

    @property
    def ground(self) -> str:
        """The kind of the basis: what stands before its colon."""
        return self.basis.partition(":")[0]


def action_of(kind: FailureClass) -> str:
    """`retry`: passes by itself, on this channel or another. `failover`: never again here until something changes,
    or never for this request; another channel may serve it. `return`: no channel would, the caller must know.
    """
    return _ACTIONS[FAILURE_ADVICE[kind].family]
