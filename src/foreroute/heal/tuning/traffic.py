"""What a channel did with what it was sent, minute by minute over the last day: failures, pushback, load, retries."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.limits import RateLimits
from foreroute.heal.tuning.samples import NOT_USERS

_MINUTE_S: Final = 60.0
_TO_AN_HOUR: Final = 60
_KEPT: Final = 24 * 60
_INTERVALS_MAX: Final = 2000
_SAID_S: Final = 3600.0
PUSHBACK: Final = frozenset({FailureClass.RATE_LIMITED, FailureClass.OVERLOADED, FailureClass.BACKEND_DEAD})


@dataclass(slots=True)
class Row:
    """One minute. `judged`: attempts that say something about the channel."""

    sent: int = 0
    judged: int = 0
    failed: int = 0
    pushed: int = 0
    throttled: int = 0
    """Those of the pushed back that are not judged: they say something of the rate only."""
    retries: int = 0
    retries_well: int = 0
    seconds: float = 0.0
    tokens: int = 0
    ratio: float = 0.0
    ratios: int = 0
    """Sum and count of how slow answers were for their size."""

    def add(self, other: "Row") -> None:
        """Field by field: a loop over the names takes four times as long, and a day has many rows."""
        self.sent += other.sent
        self.judged += other.judged
        self.failed += other.failed
        self.pushed += other.pushed
        self.throttled += other.throttled
        self.retries += other.retries
        self.retries_well += other.retries_well
        self.seconds += other.seconds
        self.tokens += other.tokens
        self.ratio += other.ratio
        self.ratios += other.ratios

    @property
    def pushed_ratio(self) -> float:
        return self.pushed / self.sent if self.sent else 0.0

    @property
    def slow_ratio(self) -> float | None:
        return self.ratio / self.ratios if self.ratios else None


@dataclass(frozen=True, slots=True)
class Load:
    """How many attempts ran at a time: at most, and when the channel pushed one back (None: it has not)."""

    peak: int
    at_pushback: float | None


@dataclass(slots=True)
class Traffic:
    rows: dict[int, Row] = field(default_factory=dict)
    intervals: deque[tuple[float, float, bool]] = field(default_factory=lambda: deque(maxlen=_INTERVALS_MAX))
    said: RateLimits | None = None
    said_at: float = 0.0
    _hours: dict[int, Row] = field(default_factory=dict)
    """The sums of whole hours, as far as they were asked for: what changes in an hour takes its sum away."""
    _sums: dict[tuple[int, int], Row] = field(default_factory=dict)
    """What was asked for since anything changed, by the first minute and the last."""

    def observe(self, attempt: Attempt, slow_ratio: float | None = None) -> None:
        """`slow_ratio`: how long it took against what is usual for its size."""
        if attempt.reason in NOT_USERS:
            return
        minute = int(attempt.ended_at // _MINUTE_S)
        self._changed(minute)
        row = self.rows.setdefault(minute, Row())
        well, pushed = attempt.outcome is Outcome.SUCCESS, is_pushback(attempt)
        row.sent += 1
        row.pushed += pushed
        row.throttled += attempt.outcome is Outcome.THROTTLED
        row.judged += attempt.outcome in (Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIMEOUT)
        row.failed += attempt.outcome in (Outcome.FAILURE, Outcome.TIMEOUT)
        row.seconds += attempt.duration_s
        usage = attempt.usage
        row.tokens += usage.input_tokens + usage.cached_input_tokens + usage.output_tokens
        if attempt.number > 1 and not attempt.hedge:
            row.retries += 1
            row.retries_well += well
        if slow_ratio is not None:
            row.ratio += slow_ratio
            row.ratios += 1
        self.intervals.append((attempt.started_at, attempt.ended_at, pushed))
        if attempt.rate_limits is not None and attempt.ended_at >= self.said_at:
            self.said, self.said_at = attempt.rate_limits, attempt.ended_at

    def forget(self, at: float) -> None:
        now = int(at // _MINUTE_S)
        for minute in [one for one in self.rows if not now - _KEPT < one <= now + 1]:
            self._changed(minute)
            del self.rows[minute]

    def over(self, window_s: float, at: float) -> Row:
        """The minutes after `at` − `window_s` up to `at` together. It is not to be added to."""
        first, last = int((at - window_s) // _MINUTE_S) + 1, int(at // _MINUTE_S)
        found = self._sums.get((first, last))
        if found is None:
            found = self._sums[first, last] = self._sum(first, last)
        return found

    def _sum(self, first: int, last: int) -> Row:
        """From the first minute to the last: by hours as far as they are whole."""
        total, minute = Row(), first
        while minute <= last:
            hour, into = divmod(minute, _TO_AN_HOUR)
            if into == 0 and minute + _TO_AN_HOUR - 1 <= last:
                total.add(self._hour(hour))
                minute += _TO_AN_HOUR
                continue
            if (row := self.rows.get(minute)) is not None:
                total.add(row)
            minute += 1
        return total

    def _hour(self, hour: int) -> Row:
        found = self._hours.get(hour)
        if found is None:
            found = self._hours[hour] = Row()
            for minute in range(hour * _TO_AN_HOUR, (hour + 1) * _TO_AN_HOUR):
                if (row := self.rows.get(minute)) is not None:
                    found.add(row)
        return found

    def _changed(self, minute: int) -> None:
        self._sums.clear()
        self._hours.pop(minute // _TO_AN_HOUR, None)

    def load(self, window_s: float, at: float) -> Load:
        """From the attempts that have ended, the newest few thousand of them."""
        recent = [one for one in self.intervals if at - window_s < one[1] <= at + _MINUTE_S]
        ends = sorted(end for _, end, _ in recent)
        peak, pushes = 0, []
        for begun, (start, _, pushed) in enumerate(sorted(recent)):
            running = begun + 1 - bisect_right(ends, start)
            peak = max(peak, running)
            if pushed:
                pushes.append(running)
        pushes.sort()
        return Load(peak, float(pushes[len(pushes) // 4]) if pushes else None)

    def headers(self, at: float) -> RateLimits | None:
        """What the channel said of its limits within the last hour."""
        return self.said if 0 <= at - self.said_at <= _SAID_S else None

    def dump(self) -> list[list[float]]:
        return [
            [minute, *(getattr(row, name) for name in Row.__slots__)] for minute, row in self.rows.items()
        ]

    def load_rows(self, rows: Any) -> None:
        """Raises TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        found = {}
        for minute, *values in rows:
            row = Row()
            for name, value in zip(Row.__slots__, values, strict=True):
                setattr(row, name, float(value) if name in ("seconds", "ratio") else int(value))
            found[int(minute)] = row
        self.rows = found
        self._sums.clear()
        self._hours.clear()


def is_pushback(attempt: Attempt) -> bool:
    """Whether the channel said that it is too much for it."""
    return attempt.outcome is Outcome.THROTTLED or attempt.failure_class in PUSHBACK
