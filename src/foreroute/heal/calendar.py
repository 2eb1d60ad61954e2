"""When limits bite and when they are lifted: quota resets, rates at which a channel throttles, the daily peak."""

import math
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.limits import RateLimits
from foreroute.core.patterns import ChannelFact

_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3600.0
_MINUTE_S: Final = 60.0
_PEAK_DAYS: Final = 7
_PEAK_DAYS_MIN: Final = 3
_RESETS_MAX: Final = 12
_RATES_MAX: Final = 20
_WINDOW_S_MAX: Final = 300.0
_SAME_TIME_S: Final = 1.5 * _HOUR_S
_WAIT: Final = re.compile(
    r"(?:reset|again|retry|wait)\w*\s*(?:in|after)?:?\s*(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:([\d.]+)\s*s)?",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?")
_PRESSED: Final = frozenset({FailureClass.RATE_LIMITED, FailureClass.OVERLOADED})


@dataclass(slots=True)
class _Times:
    out_since: float | None = None
    """Since when the quota is spent."""
    told_at: float | None = None
    """When it will be there again, as the provider said."""
    resets: list[float] = field(default_factory=list)
    rates: list[int] = field(default_factory=list)
    """Requests in the minute before a throttle."""
    pressed: dict[int, set[int]] = field(default_factory=dict)
    """Day (since the epoch) → hours (UTC) with throttles or overload."""
    limited_at: float = 0.0
    told: tuple[float, float] | None = None
    """Requests and tokens of a minute, as the channel's headers say; 0: it did not say."""
    told_limits_at: float = 0.0


class Calendar:
    """Learns from every attempt; a channel that was never limited costs a row of recent instants only."""

    def __init__(self) -> None:
        self._times: dict[ChannelId, _Times] = {}
        self._recent: dict[ChannelId, deque[float]] = {}

    def observe(self, attempt: Attempt) -> None:
        channel, at = attempt.channel, attempt.started_at
        recent = self._recent.setdefault(channel, deque(maxlen=10_000))
        recent.append(at)
        while recent and recent[0] < at - _MINUTE_S:
            recent.popleft()
        if attempt.rate_limits is not None:
            self._told(channel, attempt.rate_limits, at)
        if attempt.outcome is Outcome.SUCCESS:
            self._succeeded(channel, at)
        elif attempt.failure_class is FailureClass.QUOTA_EXHAUSTED:
            self._spent(attempt)
        elif attempt.failure_class in _PRESSED:
            self._limited(attempt, len(recent))

    def facts(self, at: float) -> list[ChannelFact]:
        found = []
        for channel, times in self._times.items():
            found += _quota_facts(channel, times, at)
            if (rate := _rate(times)) is not None:
                value = f"throttles from about {rate} requests a minute"
                found.append(_fact(channel, "requests_per_minute", value, times.limited_at))
            found += _told_facts(channel, times)
            if (hour := peak_hour(times.pressed, at)) is not None:
                value = f"limited at {hour:02d}:00 UTC on most days"
                found.append(_fact(channel, "peak_hour", value, times.limited_at, _next_hour(hour, at)))
        return found

    def dump(self) -> dict[str, Any]:
        return {
            channel: {
                "out_since": times.out_since,
                "told_at": times.told_at,
                "resets": times.resets,
                "rates": times.rates,
                "pressed": {str(day): sorted(hours) for day, hours in times.pressed.items()},
                "limited_at": times.limited_at,
                "told": times.told,
                "told_limits_at": times.told_limits_at,
            }
            for channel, times in self._times.items()
        }

    def load(self, fields: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError, and changes nothing, on what `dump` did not write."""
        self._times = {
            ChannelId(channel): _Times(
                out_since=_maybe(row["out_since"]),
                told_at=_maybe(row["told_at"]),
                resets=[float(at) for at in row["resets"]][-_RESETS_MAX:],
                rates=[int(rate) for rate in row["rates"]][-_RATES_MAX:],
                pressed={int(day): {int(hour) for hour in hours} for day, hours in row["pressed"].items()},
                limited_at=float(row["limited_at"]),
                told=_pair(row.get("told")),
                told_limits_at=float(row.get("told_limits_at", 0.0)),
            )
            for channel, row in fields.items()
        }

    def _succeeded(self, channel: ChannelId, at: float) -> None:
        times = self._times.get(channel)
        if times is None or times.out_since is None or at <= times.out_since:
            return
        times.resets = [*times.resets, at][-_RESETS_MAX:]
        times.out_since = times.told_at = None

    def _spent(self, attempt: Attempt) -> None:
        times = self._times.setdefault(attempt.channel, _Times())
        at = attempt.started_at
        times.out_since = at if times.out_since is None else min(times.out_since, at)
        times.told_at = told_at(attempt.error, at) or _later(attempt.retry_after_s, at) or times.told_at

    def _told(self, channel: ChannelId, said: RateLimits, at: float) -> None:
        """Limits whose window is longer than a few minutes are quotas, and none of a minute."""
        requests = said.requests_max if (said.requests_reset_s or 0.0) <= _WINDOW_S_MAX else None
        tokens = said.tokens_max if (said.tokens_reset_s or 0.0) <= _WINDOW_S_MAX else None
        times = self._times.setdefault(channel, _Times())
        if (requests or tokens) and at >= times.told_limits_at:
            times.told, times.told_limits_at = (float(requests or 0), float(tokens or 0)), at

    def _limited(self, attempt: Attempt, rate: int) -> None:
        times, at = self._times.setdefault(attempt.channel, _Times()), attempt.started_at
        times.limited_at = max(times.limited_at, at)
        day, hour = int(at // _DAY_S), int(at % _DAY_S // _HOUR_S)
        times.pressed.setdefault(day, set()).add(hour)
        for old in [one for one in times.pressed if one <= day - _PEAK_DAYS]:
            del times.pressed[old]
        if attempt.failure_class is FailureClass.RATE_LIMITED:
            times.rates = [*times.rates, rate][-_RATES_MAX:]


def told_at(message: str, at: float) -> float | None:
    """The instant after `at` that a message names for the end of a limit: a wait (`resets in 30m0s`) or a date, UTC."""
    if (date := _DATE.search(message)) is not None:
        year, month, day, hour, minute = (int(part or 0) for part in date.groups())
        try:
            named = datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
        except ValueError:
            named = 0.0
        if named > at:
            return named
    for wait in _WAIT.finditer(message):
        days, hours, minutes, seconds = (float(part or 0.0) for part in wait.groups())
        total = days * _DAY_S + hours * _HOUR_S + minutes * _MINUTE_S + seconds
        if total > 0:
            return at + total
    return None


def next_reset_at(resets: list[float], at: float) -> float | None:
    """When a quota is expected back, if it has come back at about the same time of day, or of month, before."""
    if len(resets) < 2:
        return None
    last, before = datetime.fromtimestamp(resets[-1], UTC), datetime.fromtimestamp(resets[-2], UTC)
    if abs(_time_of_day_gap(resets[-1], resets[-2])) > _SAME_TIME_S:
        return None
    if last.day == before.day and last.month != before.month:
        months = (at - resets[-1]) // (28 * _DAY_S) + 2
        return next((one for one in _same_days(last, int(months)) if one > at), None)
    return resets[-1] + _DAY_S * max(1.0, math.ceil((at - resets[-1]) / _DAY_S))


def peak_hour(pressed: Mapping[int, set[int]], at: float) -> int | None:
    """The hour (UTC) that was limited on most of the last days, on three at least."""
    today = int(at // _DAY_S)
    hours = Counter(hour for day, found in pressed.items() if day > today - _PEAK_DAYS for hour in found)
    best = max(hours, key=lambda hour: (hours[hour], -hour), default=None)
    return best if best is not None and hours[best] >= _PEAK_DAYS_MIN else None


def _quota_facts(channel: ChannelId, times: _Times, at: float) -> list[ChannelFact]:
    expected_at = times.told_at if times.told_at and times.told_at > at else next_reset_at(times.resets, at)
    if times.out_since is not None:
        back = "" if expected_at is None else f", expected back {_words(expected_at)}"
        return [
            _fact(
                channel, "quota", f"spent since {_words(times.out_since)}{back}", times.out_since, expected_at
            )
        ]
    if expected_at is None:
        return []
    return [_fact(channel, "quota_reset_at", f"resets {_words(expected_at)}", times.resets[-1], expected_at)]


def _told_facts(channel: ChannelId, times: _Times) -> list[ChannelFact]:
    if times.told is None:
        return []
    named = zip(("requests", "tokens"), times.told, strict=True)
    return [
        _fact(
            channel,
            f"told_{what}_per_minute",
            f"says that it takes {most:.0f} {what} a minute",
            times.told_limits_at,
        )
        for what, most in named
        if most
    ]


def _rate(times: _Times) -> int | None:
    """The lower quartile of the rates at which it throttled: one burst is no limit."""
    if len(times.rates) < 3:
        return None
    return sorted(times.rates)[len(times.rates) // 4]


def _time_of_day_gap(one: float, other: float) -> float:
    gap = (one - other) % _DAY_S
    return gap if gap <= _DAY_S / 2 else gap - _DAY_S


def _same_days(start: datetime, months: int) -> list[float]:
    found = []
    for step in range(1, months + 1):
        month = start.month - 1 + step
        try:
            there = start.replace(year=start.year + month // 12, month=month % 12 + 1)
        except ValueError:  # no such day in that month
            continue
        found.append(there.timestamp())
    return found


def _next_hour(hour: int, at: float) -> float:
    start = at // _DAY_S * _DAY_S + hour * _HOUR_S
    return start if start > at else start + _DAY_S


def _later(wait_s: float | None, at: float) -> float | None:
    return None if not wait_s else at + wait_s


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)


def _pair(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    requests, tokens = value
    return float(requests), float(tokens)


def _words(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _fact(
    channel: ChannelId, name: str, value: str, at: float, expected_at: float | None = None
) -> ChannelFact:
    return ChannelFact(channel=channel, name=name, value=value, at=at, expected_at=expected_at)
