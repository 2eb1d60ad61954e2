"""How good alarms are against labels: by point, by event, and with a limit on the delay. Pure.

Labels of experts start late and end late, so an alarm close to an event belongs to it, and the points of an event
count little by themselves. What is called precision, recall and F1 without another word is by event.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Span = tuple[int, int]
"""First window and the one after the last."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """In windows."""

    tolerance: int = 5
    """An alarm that near to an event belongs to it; events that near to each other are one."""
    episode_gap: int = 10
    """Alarms that near to each other are one: nobody is called twice."""
    patience: int = 60
    """An alarm that goes on so long outside any event is one false alarm more, each time: an alarm that never ends finds
    everything and helps nobody.
    """
    delay_max: int = 7
    """For the delay-limited measure: an event found later counts as missed (the rule of the AIOps challenge 2018)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Counts, so that outcomes of several series can be added."""

    windows: int = 0
    days: float = 0.0
    events: int = 0
    events_found: int = 0
    true_alarms: int = 0
    false_alarms: int = 0
    points: tuple[int, int, int] = (0, 0, 0)
    """Windows: rightly flagged, wrongly flagged, missed."""
    limited: tuple[int, int, int] = (0, 0, 0)
    """The same when a found event counts wholly and one found too late not at all."""
    delays: tuple[float, ...] = ()
    """Seconds from the start of each found event to the end of the window that raised the alarm."""

    @property
    def precision(self) -> float:
        return _share(self.true_alarms, self.true_alarms + self.false_alarms)

    @property
    def recall(self) -> float:
        return _share(self.events_found, self.events)

    @property
    def f1(self) -> float:
        return _harmonic(self.precision, self.recall)

    @property
    def point_f1(self) -> float:
        return f1_of(self.points)

    @property
    def limited_f1(self) -> float:
        return f1_of(self.limited)

    @property
    def false_positive_rate(self) -> float:
        """Share of the windows outside events that were flagged."""
        right, wrong, missed = self.points
        return _share(wrong, self.windows - right - missed)

    @property
    def false_alarms_per_day(self) -> float:
        return self.false_alarms / self.days if self.days else float("nan")

    @property
    def delay_s(self) -> float:
        return median(self.delays) if self.delays else float("nan")


def evaluate(
    labels: Bools,
    alarms: Bools,
    *,
    step_s: float,
    counted: Bools | None = None,
    settings: EvaluateSettings | None = None,
) -> Outcome:
    """One series. Windows that are not `counted` are as if they were not there: neither right nor wrong."""
    how = settings or EvaluateSettings()
    seen = np.ones(len(labels), dtype=bool) if counted is None else counted
    events = [span for span in spans(labels, gap=how.tolerance) if seen[slice(*span)].any()]
    alarmed = alarms & seen
    episodes = spans(alarmed, gap=how.episode_gap)
    belongs = [any(_near(episode, event, how.tolerance) for event in events) for episode in episodes]
    first = [_first_alarm(alarmed, event, how.tolerance) for event in events]
    usual = ~labels & ~_around(labels, how.tolerance)
    right, missed = int((alarmed & labels).sum()), int((~alarms & labels & seen).sum())
    wrong = int((alarmed & usual).sum())
    limited = [_limited(alarmed, span, how.delay_max) for span in spans(labels & seen)]
    return Outcome(
        windows=int(seen.sum()),
        days=float(seen.sum()) * step_s / _DAY_S,
        events=len(events),
        events_found=sum(at is not None for at in first),
        true_alarms=sum(belongs),
        false_alarms=len(belongs)
        - sum(belongs)
        + sum(_overlong(alarmed & usual, one, how) for one in episodes),
        points=(right, wrong, missed),
        limited=(sum(one[0] for one in limited), wrong, sum(one[1] for one in limited)),
        delays=tuple(
            max(at - event[0] + 1, 1) * step_s
            for at, event in zip(first, events, strict=True)
            if at is not None
        ),
    )


def total(outcomes: Iterable[Outcome]) -> Outcome:
    """The sum of the counts: every event and every alarm weighs the same, whatever its series."""
    found = list(outcomes)

    def threes(values: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
        right, wrong, missed = (sum(value[place] for value in values) for place in range(3))
        return right, wrong, missed

    return Outcome(
        windows=sum(one.windows for one in found),
        days=sum(one.days for one in found),
        events=sum(one.events for one in found),
        events_found=sum(one.events_found for one in found),
        true_alarms=sum(one.true_alarms for one in found),
        false_alarms=sum(one.false_alarms for one in found),
        points=threes([one.points for one in found]),
        limited=threes([one.limited for one in found]),
        delays=tuple(delay for one in found for delay in one.delays),
    )


def spans(flags: Bools, *, gap: int = 0) -> list[Span]:
    """Runs of true; those with fewer than `gap` windows between them are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    found: list[Span] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and start - found[-1][1] < gap:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def f1_of(counts: tuple[int, int, int]) -> float:
    right, wrong, missed = counts
    return _harmonic(_share(right, right + wrong), _share(right, right + missed))


def _near(episode: Span, event: Span, tolerance: int) -> bool:
    return episode[0] < event[1] + tolerance and episode[1] > event[0] - tolerance


def _overlong(wrong: Bools, episode: Span, how: EvaluateSettings) -> int:
    return int(wrong[slice(*episode)].sum()) // how.patience


def _first_alarm(alarms: Bools, event: Span, tolerance: int) -> int | None:
    start = max(event[0] - tolerance, 0)
    found = np.flatnonzero(alarms[start : event[1] + tolerance])
    return start + int(found[0]) if len(found) else None


def _around(labels: Bools, tolerance: int) -> Bools:
    around = np.zeros(len(labels), dtype=bool)
    for start, end in spans(labels):
        around[max(start - tolerance, 0) : end + tolerance] = True
    return around


def _limited(alarms: Bools, span: Span, delay_max: int) -> tuple[int, int]:
    """(windows found, windows missed)"""
    length = span[1] - span[0]
    in_time = alarms[span[0] : min(span[1], span[0] + delay_max + 1)].any()
    return (length, 0) if in_time else (0, length)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _harmonic(precision: float, recall: float) -> float:
    if np.isnan(precision) or np.isnan(recall):
        return 0.0
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0
