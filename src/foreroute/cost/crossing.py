"""When a budget will be crossed: the expected path of spend, and its interval, against the limit. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import PeriodForecast


@dataclass(frozen=True, slots=True)
class Crossing:
    """Instants within the period; None: not in it. `earliest` to `latest` hold 80 %; with `latest` None the interval
    reaches beyond the period's end.
    """

    expected_at: float | None
    earliest_at: float | None
    latest_at: float | None


def crossing(limit_usd: Decimal, found: PeriodForecast) -> Crossing:
    """The limit's day, if the forecast goes there. A budget that is spent was crossed at the forecast's own instant."""
    spent, total = found.total.spent_usd, found.total
    if spent >= limit_usd:
        return Crossing(found.at, found.at, found.at)
    room = float(limit_usd - spent)
    rest = float(total.expected_usd - spent)
    wide = [float(edge - spent) / rest if rest > 0 else 0.0 for edge in (total.lower_usd, total.upper_usd)]
    return Crossing(
        expected_at=_reached(found, found.hourly_usd, room),
        earliest_at=_reached(found, [one * wide[1] for one in found.hourly_usd], room),
        latest_at=_reached(found, [one * wide[0] for one in found.hourly_usd], room),
    )


def _reached(found: PeriodForecast, path: Sequence[float], room: float) -> float | None:
    """Linear within an hour. The path begins now and ends with the period; its first hour may be cut."""
    at, gone = found.at, 0.0
    for place, usd in enumerate(path):
        end = min(found.window.end_at, found.path_at + HOUR_S * (place + 1))
        if usd > 0 and gone + usd >= room:
            return at + (end - at) * (room - gone) / usd
        at, gone = max(at, end), gone + usd
    return None
