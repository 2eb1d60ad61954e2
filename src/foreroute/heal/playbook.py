"""Playbooks: which trouble, what to do, how to know that it helped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.heal.steps import Step
from foreroute.heal.tally import Tally, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Fits an incident of one of the `classes` whose bad attempts within `window_s` are enough.

    All limits that are given must be reached; without any, the diagnosis alone is enough.
    """

    classes: frozenset[FailureClass]
    window_s: float = 120.0
    ratio: float | None = None
    count: int | None = None
    min_requests: int = 1

    def fits(self, cause: FailureClass, windows: Sequence[Tally], at: float) -> bool:
        """`windows` are those that may speak, oldest first; a window counts if it began within `window_s`."""
        if cause not in self.classes:
            return False
        seen = total([window for window in windows if window.start_at >= at - self.window_s])
        if seen.asked(cause) < self.min_requests or seen.bad(cause) == 0:
            return False
        enough = self.count is None or seen.bad(cause) >= self.count
        return enough and (self.ratio is None or seen.bad_ratio(cause) >= self.ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Recovered when, from `after_s` after the run and the end of its ejection on, `window_s` have passed with
    at least `min_requests` attempts of which the share `success` (0…1) did well.
    """

    after_s: float = 0.0
    window_s: float = 120.0
    success: float = 0.95
    min_requests: int = 5


DEFAULT_VERIFY: Final = Verify()


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """Run when a trigger fits, the highest priority first; at most `max_attempts` times in one incident."""

    name: str
    description: str = ""
    priority: int = 50
    triggers: tuple[Trigger, ...]
    steps: tuple[Step, ...]
    verify: Verify = field(default=DEFAULT_VERIFY)
    cooldown_s: float = 300.0
    max_attempts: int = 3

    def fits(self, cause: FailureClass, windows: Sequence[Tally], at: float) -> bool:
        return any(trigger.fits(cause, windows, at) for trigger in self.triggers)
