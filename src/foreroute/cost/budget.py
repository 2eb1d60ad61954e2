"""A budget now and at the end of its period.

Projection: what is spent, plus the run rate of late for the rest of the period. With `r` the days that the
run rate was observed over, `R` the days left, `n` the priced attempts behind the rate and `v` the usual
relative spread of one day's spend, the relative error of the rest is

    cv² = v² · (1 / r + 1 / R) + 1 / n

the error of the estimate, the spread of what is to come, and the counting error; `z · cv` to both sides
gives the interval. An hour of traffic thus says little about a month, and the interval shows it.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foreroute.core.errors import ConfigError
from foreroute.core.findings import BudgetStatus
from foreroute.core.ledger import Spend

_DAY_S: Final = 86_400.0
_Z_80: Final = 1.2815515655446004
"""Standard normal quantile: 80 % of the outcomes are within z on both sides."""
_MICRO: Final = Decimal("0.000001")


class BudgetPeriod(StrEnum):
    MONTH = "month"
    """A calendar month in the budget's time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """Raises ConfigError on a limit that is not positive or a time zone that does not exist."""

    name: str
    limit_usd: Decimal
    period: BudgetPeriod = BudgetPeriod.MONTH
    time_zone: str = "UTC"
    """An IANA name, such as `Asia/Seoul`."""
    daily_spread_ratio: float = 0.35
    """The usual standard deviation of a day's spend, relative to its mean."""
    observed_s_min: float = 900.0
    """Less observation than this moves the interval, not the projection."""

    def __post_init__(self) -> None:
        if not (self.limit_usd.is_finite() and self.limit_usd > 0):
            raise ConfigError(
                f"the budget {self.name} has a limit of {self.limit_usd}",
                hint="a limit is more than 0, such as limit_usd: 250",
            )
        zone_of(self.time_zone)


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ConfigError."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"unknown time zone {name!r}", hint="use an IANA name, such as Europe/Berlin"
        ) from error


def period_bounds(settings: BudgetSettings, at: float) -> tuple[float, float]:
    """Start (inclusive) and end (exclusive) of the period that holds an instant."""
    zone = zone_of(settings.time_zone)
    local = datetime.fromtimestamp(at, zone)
    start = datetime(local.year, local.month, 1, tzinfo=zone)
    end = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=zone)
    return start.timestamp(), end.timestamp()


def period_start(settings: BudgetSettings, at: float) -> float:
    return period_bounds(settings, at)[0]


def budget_status(
    settings: BudgetSettings,
    *,
    at: float,
    spent: Spend,
    recent: Spend,
    recent_s: float,
    bounds: tuple[float, float] | None = None,
) -> BudgetStatus:
    """`spent` is the spend since the period began; `recent` that of the last `recent_s` seconds, which may
    reach back before the period. `recent_s` counts only time in which traffic was recorded: a gateway that
    started an hour ago has observed an hour, not a day. `bounds`: a period other than the calendar month.
    """
    start_at, end_at = period_bounds(settings, at) if bounds is None else bounds
    rest_s = max(0.0, end_at - at)
    rest = _rest_usd(recent, recent_s, rest_s)
    error = _Z_80 * _relative_error(settings, recent, recent_s, rest_s)
    expected = rest if recent_s >= settings.observed_s_min else Decimal(0)
    return BudgetStatus(
        name=settings.name,
        period_start_at=start_at,
        period_end_at=end_at,
        limit_usd=settings.limit_usd,
        spent_usd=spent.cost_usd,
        projected_usd=spent.cost_usd + expected,
        projected_lower_usd=spent.cost_usd + min(expected, _times(rest, max(0.0, 1.0 - error))),
        projected_upper_usd=spent.cost_usd + _times(rest, 1.0 + error),
        unpriced_attempts=spent.unpriced_attempts,
    )


def _rest_usd(recent: Spend, recent_s: float, rest_s: float) -> Decimal:
    return _times(recent.cost_usd, rest_s / recent_s) if recent_s > 0 else Decimal(0)


def _relative_error(settings: BudgetSettings, recent: Spend, recent_s: float, rest_s: float) -> float:
    priced = recent.attempts - recent.unpriced_attempts
    if recent_s <= 0 or rest_s <= 0 or priced <= 0:
        return 0.0
    days = _DAY_S / recent_s + _DAY_S / rest_s
    return math.sqrt(settings.daily_spread_ratio**2 * days + 1.0 / priced)


def _times(amount: Decimal, factor: float) -> Decimal:
    return (amount * Decimal(repr(factor))).quantize(_MICRO)
