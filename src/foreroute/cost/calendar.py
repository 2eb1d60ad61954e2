"""Days, weeks and months of a time zone, as half-open windows of instants. Pure."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

_QUARTER_S: Final = 900.0


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Window:
    """`start_at` is inclusive, `end_at` exclusive; both on quarters of an hour."""

    name: str
    """The day it begins on, such as `2026-11-02`; `2026-11` for a month."""
    start_at: float
    end_at: float


def period_of(period: Period, at: float, zone: tzinfo, *, back: int = 0) -> Window:
    """The period that holds the instant, or the one so many periods before."""
    first = _first(period, datetime.fromtimestamp(at, zone).date())
    for _ in range(back):
        first = _first(period, first - timedelta(days=1))
    name = f"{first:%Y-%m}" if period is Period.MONTH else first.isoformat()
    return Window(name, midnight(first, zone), midnight(_next(period, first), zone))


def days_of(window: Window, zone: tzinfo) -> tuple[Window, ...]:
    """The calendar days of a period: 23, 24 or 25 hours each. They cover it without a gap."""
    first = datetime.fromtimestamp(window.start_at, zone).date()
    last = datetime.fromtimestamp(window.end_at - 1.0, zone).date()
    edges = [midnight(day, zone) for day in _days(first, last + timedelta(days=1))]
    names = [day.isoformat() for day in _days(first, last)]
    pairs = zip(names, itertools.pairwise(edges), strict=True)
    return tuple(Window(name, start, end) for name, (start, end) in pairs)


def midnight(day: date, zone: tzinfo) -> float:
    """The instant at which a day begins: on a quarter of an hour in every zone of today, and rounded down to one else."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    return at // _QUARTER_S * _QUARTER_S


def _first(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _next(period: Period, first: date) -> date:
    match period:
        case Period.DAY:
            return first + timedelta(days=1)
        case Period.WEEK:
            return first + timedelta(days=7)
        case Period.MONTH:
            return (first + timedelta(days=31)).replace(day=1)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
