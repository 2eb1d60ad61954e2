"""Calendar windows in UTC: the hour, the day, the week from Monday, the month, and all of time."""

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

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


def window_start(window: Window, at: float) -> float:
    """The start of the window that holds the instant; the epoch for TOTAL."""
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
        case Window.TOTAL:
            return 0.0


def window_end(window: Window, at: float) -> float:
    """The start of the window after it; infinity for TOTAL."""
    match window:
        case Window.HOUR:
            return window_start(window, at) + _HOUR_S
        case Window.DAY:
            return window_start(window, at) + _DAY_S
        case Window.WEEK:
            return window_start(window, at) + _WEEK_S
        case Window.MONTH:
            return window_start(window, window_start(window, at) + 31 * _DAY_S)
        case Window.TOTAL:
            return math.inf
