"""When reports are due: each of a period that has ended, at an hour of the day after it, in a time zone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from foreroute.cost.calendar import Period, Window, period_of

_DAY_S: Final = 86_400.0
_CATCH_UP_S: Final[Mapping[Period, float]] = {
    Period.DAY: _DAY_S,
    Period.WEEK: 3 * _DAY_S,
    Period.MONTH: 7 * _DAY_S,
}
"""A report that a service which was away has missed is still sent so much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`minute`: of the local day, 0…1439."""

    periods: tuple[Period, ...]
    minute: int


@dataclass(frozen=True, slots=True)
class Due:
    period: Period
    window: Window
    at: float
    """When it was to be sent."""


def due(schedule: Schedule, at: float, zone: tzinfo) -> tuple[Due, ...]:
    """What is to be sent by now, the last of each period alone: nobody wants a week of days that were missed."""
    found = (_last(period, schedule.minute, at, zone) for period in schedule.periods)
    return tuple(one for one in found if at - one.at <= _CATCH_UP_S[one.period])


def _last(period: Period, minute: int, at: float, zone: tzinfo) -> Due:
    """The newest report of a period whose time has come."""
    ones = []
    for back in (1, 2):
        window = period_of(period, at, zone, back=back)
        ones.append(Due(period, window, _moment(window, minute, zone)))
    return ones[0] if ones[0].at <= at else ones[1]


def _moment(window: Window, minute: int, zone: tzinfo) -> float:
    """So many minutes by the clock on the wall of the day after; an hour that a clock change skips is that of before."""
    day = datetime.fromtimestamp(window.end_at, zone).date()
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - the zone follows
    return wall.replace(tzinfo=zone).timestamp()
