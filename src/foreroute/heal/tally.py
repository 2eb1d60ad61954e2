"""Counts of one or several windows of a channel, apart from what the requests themselves got wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.core.rollup import Rollup

_OWN_FAULT: Final = frozenset({FailureFamily.REQUEST_FAULT, FailureFamily.REQUEST_MISMATCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """`judged` attempts say something about the channel; `failed` of them failed, by `causes`."""

    start_at: float = 0.0
    end_at: float = 0.0
    judged: int = 0
    failed: int = 0
    throttles: int = 0
    causes: Counter[FailureClass] = field(default_factory=Counter)

    def bad(self, cause: FailureClass) -> int:
        """Attempts that speak for trouble of this kind: throttles for a rate limit, failures for all others."""
        return self.throttles if cause is FailureClass.RATE_LIMITED else self.failed

    def asked(self, cause: FailureClass) -> int:
        return self.judged + self.throttles if cause is FailureClass.RATE_LIMITED else self.judged

    def bad_ratio(self, cause: FailureClass) -> float:
        """0…1; 0 without attempts."""
        asked = self.asked(cause)
        return self.bad(cause) / asked if asked else 0.0


def windows_of(rollups: Iterable[Rollup]) -> tuple[Tally, ...]:
    """One tally per window, oldest first; rollups of one window by several writers are added up."""
    return Tallies().of(rollups)


class Tallies:
    """`windows_of` for one channel, tick after tick: a window that is as it was is not counted again."""

    def __init__(self) -> None:
        self._known: dict[float, tuple[list[Rollup], Tally]] = {}

    def of(self, rollups: Iterable[Rollup]) -> tuple[Tally, ...]:
        by_start: dict[float, list[Rollup]] = {}
        for rollup in rollups:
            by_start.setdefault(rollup.window_start, []).append(rollup)
        self._known = {start: self._tallied(start, by_start[start]) for start in sorted(by_start)}
        return tuple(tally for _, tally in self._known.values())

    def _tallied(self, start: float, rollups: list[Rollup]) -> tuple[list[Rollup], Tally]:
        known = self._known.get(start)
        return known if known is not None and known[0] == rollups else (rollups, _of_window(rollups))


def total(tallies: Sequence[Tally]) -> Tally:
    """All windows as one."""
    causes: Counter[FailureClass] = Counter()
    for tally in tallies:
        causes.update(tally.causes)
    return Tally(
        start_at=min((tally.start_at for tally in tallies), default=0.0),
        end_at=max((tally.end_at for tally in tallies), default=0.0),
        judged=sum(tally.judged for tally in tallies),
        failed=sum(tally.failed for tally in tallies),
        throttles=sum(tally.throttles for tally in tallies),
        causes=causes,
    )


def _of_window(rollups: Sequence[Rollup]) -> Tally:
    causes: Counter[FailureClass] = Counter()
    for rollup in rollups:
        causes.update({kind: count for kind, count in rollup.failures.items() if _speaks(kind)})
    failed = sum(rollup.failures_total for rollup in rollups)
    if failed > causes.total():
        causes[FailureClass.NETWORK_UNSPECIFIED] += failed - causes.total()
    return Tally(
        start_at=rollups[0].window_start,
        end_at=max(rollup.window_start + rollup.window_s for rollup in rollups),
        judged=sum(rollup.attempts - rollup.ignored - rollup.throttles for rollup in rollups),
        failed=failed,
        throttles=sum(rollup.throttles for rollup in rollups),
        causes=causes,
    )


def _speaks(kind: FailureClass) -> bool:
    return kind is not FailureClass.RATE_LIMITED and FAILURE_ADVICE[kind].family not in _OWN_FAULT
