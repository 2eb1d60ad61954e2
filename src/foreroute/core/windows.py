"""Calendar windows of a time zone: the hour, the day, the week from Monday, the month, and all of time."""

import math
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUARTER_S: Final = 900.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_WEEK_S: Final = 7 * _DAY_S
_MONDAY_S: Final = 4 * _DAY_S
"""The epoch began on a Thursday; the first Monday is the fifth of January 1970."""


class Window(StrEnum):
    """For how long a budget counts before it begins anew."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"
    """It never begins anew."""


def window_start(window: Window, at: float, zone: tzinfo = UTC) -> float:
    """The start of the window that holds the instant; the epoch for TOTAL."""
    if window is Window.TOTAL:
        return 0.0
    if zone is not UTC:
        return _local_start(window, at, zone)
    match window:
        case Window.HOUR:
            return at // _HOUR_S * _HOUR_S
        case Window.DAY:
            return at // _DAY_S * _DAY_S
        case Window.WEEK:
            return (at - _MONDAY_S) // _WEEK_S * _WEEK_S + _MONDAY_S
        case Window.MONTH:
            day = datetime.fromtimestamp(at, UTC)
            return datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()


def window_end(window: Window, at: float, zone: tzinfo = UTC) -> float:
    """The start of the window after it; infinity for TOTAL."""
    if window is Window.TOTAL:
        return math.inf
    start = window_start(window, at, zone)
    if window is Window.HOUR:
        return start + _HOUR_S
    if zone is UTC and window is not Window.MONTH:
        return start + (_DAY_S if window is Window.DAY else _WEEK_S)
    # Well inside the next one, whatever the clocks do in between: a day has 23 to 25 hours.
    inside = {Window.DAY: 1.5, Window.WEEK: 7.5, Window.MONTH: 32.0}[window]
    return window_start(window, start + inside * _DAY_S, zone)


@cache
def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ValueError for one that does not exist."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def _local_start(window: Window, at: float, zone: tzinfo) -> float:
    """On a quarter of an hour in every zone of today, and rounded down to one else: so the ledger sums."""
    local = datetime.fromtimestamp(at, zone)
    if window is Window.HOUR:
        offset = (local.utcoffset() or timedelta()).total_seconds()
        start = (at + offset) // _HOUR_S * _HOUR_S - offset
    else:
        day = local.date()
        back = day.weekday() if window is Window.WEEK else day.day - 1 if window is Window.MONTH else 0
        first = day - timedelta(days=back)
        start = datetime(first.year, first.month, first.day, tzinfo=zone).timestamp()
    return start // _QUARTER_S * _QUARTER_S
