"""Is a channel in trouble, and what is the root cause?

Trouble is a run of bad windows up to now that chance does not explain: the lower Wilson bound of the failed
share is above what the other channels see. Causes that last until somebody changes something (a key, a
quota, a certificate) need no second window.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.heal.tally import Tally, total

_PEER_RATIO_CAP: Final = 0.5
"""However badly the others do, a channel that fails every second attempt is in trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseSettings:
    bad_windows_min: int = 2
    """Consecutive bad windows before transient trouble counts."""
    attempts_min: int = 5
    """Judged attempts in them."""
    failed_ratio_min: float = 0.2
    """A window is bad from this failed share on."""
    down_failures_min: int = 2
    down_ratio_min: float = 0.5
    """From these on, a cause that lasts until something changes is diagnosed at once."""
    throttled_ratio_min: float = 0.2
    usual_ratio: float = 0.1
    """The failed share must be above this, beyond chance."""
    peer_factor: float = 3.0
    """And above the median of the other channels, times this."""
    z: float = 1.64
    """One-sided 95 %."""
    fresh_s: float = 180.0
    """Trouble whose last window is older than this is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    cause: FailureClass
    probability: float
    """Laplace's estimate from the failures seen, 0…1."""
    since_at: float
    """The start of the first bad window."""
    evidence: str


def diagnose(
    at: float, windows: Sequence[Tally], peers: Iterable[Sequence[Tally]], settings: DiagnoseSettings
) -> Diagnosis | None:
    """The trouble of one channel at this instant, from its recent windows (oldest first) and those of the others."""
    failing = _failing(at, windows, peers, settings)
    return failing if failing is not None else _throttled(at, windows, settings)


def wilson_lower(hits: int, trials: int, z: float) -> float:
    """Lower bound of a share (Wilson 1927); 0 without trials."""
    if trials == 0:
        return 0.0
    share, square = hits / trials, z * z
    centre = share + square / (2 * trials)
    margin = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, (centre - margin) / (1 + square / trials))


def _failing(
    at: float, windows: Sequence[Tally], peers: Iterable[Sequence[Tally]], settings: DiagnoseSettings
) -> Diagnosis | None:
    run = _run(at, windows, FailureClass.SERVER_ERROR, settings.failed_ratio_min, settings.fresh_s)
    seen = total(run)
    if not run or seen.failed == 0:
        return None
    peer_ratio = _peer_ratio(run[0].start_at, peers)
    down = Counter({kind: count for kind, count in seen.causes.items() if _is_down(kind)})
    if down.total() >= max(settings.down_failures_min, settings.down_ratio_min * seen.judged):
        return _diagnosis(down, seen, run, peer_ratio)
    enough = len(run) >= settings.bad_windows_min and seen.judged >= settings.attempts_min
    limit = max(settings.usual_ratio, min(settings.peer_factor * peer_ratio, _PEER_RATIO_CAP))
    if not enough or wilson_lower(seen.failed, seen.judged, settings.z) <= limit:
        return None
    return _diagnosis(seen.causes, seen, run, peer_ratio)


def _throttled(at: float, windows: Sequence[Tally], settings: DiagnoseSettings) -> Diagnosis | None:
    run = _run(at, windows, FailureClass.RATE_LIMITED, settings.throttled_ratio_min, settings.fresh_s)
    seen = total(run)
    if len(run) < settings.bad_windows_min or seen.throttles < settings.attempts_min:
        return None
    asked = seen.asked(FailureClass.RATE_LIMITED)
    return Diagnosis(
        cause=FailureClass.RATE_LIMITED,
        probability=_laplace(seen.throttles, seen.throttles + seen.failed),
        since_at=run[0].start_at,
        evidence=f"{seen.throttles} of {asked} attempts were throttled in {_minutes(run)}",
    )


def _run(
    at: float, windows: Sequence[Tally], cause: FailureClass, ratio_min: float, fresh_s: float
) -> tuple[Tally, ...]:
    """The consecutive bad windows up to now, oldest first; windows without attempts do not break them."""
    spoken = [window for window in reversed(windows) if window.asked(cause)]
    run = tuple(takewhile(lambda window: window.bad_ratio(cause) >= ratio_min, spoken))
    return tuple(reversed(run)) if run and at - run[0].end_at <= fresh_s else ()


def _diagnosis(
    causes: Counter[FailureClass], seen: Tally, run: Sequence[Tally], peer_ratio: float
) -> Diagnosis:
    cause = min(causes, key=lambda kind: (-causes[kind], kind))
    named = ", ".join(f"{count} {kind}" for kind, count in seen.causes.most_common(3))
    return Diagnosis(
        cause=cause,
        probability=_laplace(causes[cause], seen.failed),
        since_at=run[0].start_at,
        evidence=(
            f"{seen.failed} of {seen.judged} attempts failed in {_minutes(run)} ({named}); "
            f"other channels fail {peer_ratio:.0%}"
        ),
    )


def _peer_ratio(since_at: float, peers: Iterable[Sequence[Tally]]) -> float:
    """The median failed share of the other channels that had traffic in the same time; 0 if there is none."""
    sums = [total([window for window in windows if window.start_at >= since_at]) for windows in peers]
    ratios = [seen.failed / seen.judged for seen in sums if seen.judged]
    return statistics.median(ratios) if ratios else 0.0


def _is_down(kind: FailureClass) -> bool:
    return FAILURE_ADVICE[kind].family is FailureFamily.DOWN_UNTIL_CHANGE


def _laplace(hits: int, trials: int) -> float:
    return (hits + 1) / (trials + 2)


def _minutes(run: Sequence[Tally]) -> str:
    return f"{(run[-1].end_at - run[0].start_at) / 60:.0f} min"
