"""Whether what came of a fault is what has to come of it, and the figures of its row. Pure.

For every fault: no answer takes longer than the deadline; each is whole, or a typed error and nothing that looks like
success; the books have every attempt, and the failed ones under the right class; when the fault has ended, the channel
serves users again within a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from foreroute.chaos.answer import Verdict
from foreroute.chaos.fault import is_right
from foreroute.chaos.seen import Asked, Seen
from foreroute.core.attempt import Attempt, PickReason

DEADLINE_S: Final = 60.5
"""The gateway's own, and half a second for the bytes."""
SLOW_S: Final = 2.0
"""A later answer counts as bad in the users' clock."""
WINDOW_S: Final = 10.0
_BAD_RATIO: Final = 0.01
_HONEST: Final = frozenset({Verdict.COMPLETE, Verdict.TOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the suite. Seconds; None: it did not come to that."""

    fault: str
    what: str
    group: str
    problems: tuple[str, ...]
    requests: int
    """During the fault."""
    bad: int
    """Of those, worse than they could have been."""
    reached: int
    """Users' attempts on the faulty channels during the fault."""
    probes: int
    """The gateway's own, over the whole run."""
    classes: tuple[str, ...]
    user_s: float | None
    """From the fault's begin until at most 1 % of ten seconds' requests were bad."""
    channel_s: float | None
    """Until the faulty channels got less than 1 % of ten seconds' attempts."""
    back_s: float | None
    """From the fault's end until every faulty channel had served a user."""
    max_s: float
    p95_s: float
    notes: dict[str, float]
    untested: str = ""
    """Why it could not be played here."""

    @property
    def passed(self) -> bool:
        return not self.problems


def judge(seen: Seen) -> Finding:
    fault, during = seen.fault, seen.during()
    bad = [one for one in during if not is_good(seen, one)]
    reached = seen.on_faulty()
    times = sorted(one.answer.seconds for one in during) or [0.0]
    return Finding(
        fault=fault.id,
        what=fault.what,
        group=fault.group,
        problems=tuple(_problems(seen, bad, reached)),
        requests=len(during),
        bad=len(bad),
        reached=len(reached),
        probes=sum(one.reason is PickReason.PROBE for one in seen.attempts),
        classes=tuple(sorted({str(one.failure_class) for one in seen.failures()})),
        user_s=user_clock(seen),
        channel_s=channel_clock(seen),
        back_s=seen.back_s() if seen.faulty else None,
        max_s=max(times),
        p95_s=quantiles(times, n=20)[18] if len(times) > 1 else times[0],
        notes=seen.notes,
    )


def is_good(seen: Seen, one: Asked) -> bool:
    """A whole answer is right under every fault, even where none could be hoped for."""
    return one.verdict is Verdict.COMPLETE or is_right(seen.fault.kind, one.answer, one.verdict)


def _problems(seen: Seen, bad: Sequence[Asked], reached: Sequence[Attempt]) -> list[str]:
    fault, expected = seen.fault, seen.fault.expected
    found = [*_common(seen), *_recorded(seen)]
    if len(bad) > expected.bad_max:
        first = bad[0]
        found.append(
            f"{len(bad)} of {len(seen.during())} answers were worse than they could be (allowed {expected.bad_max}), "
            f"first at {first.at:.1f} s: {first.answer.status} {first.verdict}"
        )
    slowest = max((one.answer.seconds for one in seen.during()), default=0.0)
    if slowest > expected.within_s:
        found.append(f"an answer took {slowest:.1f} s (allowed {expected.within_s:g} s)")
    if expected.asked_max is not None and len(reached) > expected.asked_max:
        found.append(f"{len(reached)} requests reached the faulty channel (allowed {expected.asked_max})")
    back_s = seen.back_s()
    if fault.faulty and (back_s is None or back_s > expected.back_s):
        when = "never" if back_s is None else f"after {back_s:.1f} s"
        found.append(f"the channel served users again {when} (allowed {expected.back_s:g} s)")
    return found + [problem for check in expected.checks for problem in check(seen)]


def _common(seen: Seen) -> list[str]:
    late = [one for one in seen.asked if one.verdict is Verdict.HUNG or one.answer.seconds > DEADLINE_S]
    odd = [one for one in seen.asked if one.verdict not in _HONEST]
    before = [one for one in seen.asked if one.at < seen.began_at and one.verdict is not Verdict.COMPLETE]
    found = []
    if late:
        found.append(f"{len(late)} answers went beyond the deadline, first at {late[0].at:.1f} s")
    if odd:
        body = odd[0].answer.body[-80:].decode(errors="replace")
        found.append(f"{len(odd)} answers were {odd[0].verdict}, first {odd[0].answer.status} …{body!r}")
    if before:
        found.append(f"{len(before)} answers were not whole before there was a fault")
    back_s = seen.back_s()
    since_s = seen.fault.expected.back_s if back_s is None else back_s
    settled = [one for one in seen.after() if one.at > seen.ended_at + since_s]
    if unwell := [one for one in settled if one.verdict is not Verdict.COMPLETE]:
        found.append(f"{len(unwell)} answers were not whole when the channel was back")
    return found


def _recorded(seen: Seen) -> list[str]:
    found = [f"{seen.unrecorded} attempts are not in the books"] if seen.unrecorded else []
    classes = {one.failure_class for one in seen.failures() if one.failure_class is not None}
    expected = seen.fault.expected.classes
    if wrong := classes - expected:
        names = ", ".join(sorted(wrong))
        found.append(f"failures were recorded as {names}, not as {', '.join(sorted(expected)) or 'none'}")
    if expected and not classes & expected:
        found.append(f"no failure was recorded as {' or '.join(sorted(expected))}")
    return found


def user_clock(seen: Seen) -> float | None:
    """Seconds from the fault's begin until an instant after which at most 1 % of ten seconds' requests are bad."""
    bad = [(one.at, not is_good(seen, one) or one.answer.seconds > SLOW_S) for one in seen.during()]
    return _settled(bad, seen.began_at, seen.ended_at)


def channel_clock(seen: Seen) -> float | None:
    """The same for the share of the faulty channels in users' attempts; None where all are faulty."""
    if not seen.faulty or seen.fault.everywhere:
        return None
    marks = [
        (one.started_at, one.channel in seen.faulty)
        for one in seen.attempts
        if one.reason is not PickReason.PROBE and seen.began_at <= one.started_at < seen.ended_at
    ]
    return _settled(marks, seen.began_at, seen.ended_at)


def _settled(marks: Sequence[tuple[float, bool]], began_at: float, ended_at: float) -> float | None:
    starts = [began_at, *(at + 1e-6 for at, bad in marks if bad)]
    for start in starts:
        if start + WINDOW_S > ended_at:
            return None
        window = [bad for at, bad in marks if start <= at < start + WINDOW_S]
        if sum(window) <= _BAD_RATIO * len(window):
            return max(0.0, start - began_at)
    return None
