"""Spend told apart in every way that anybody asks for. The one place: pages, exports and the command line all show this.

Every division is a partition of the same cells, so that its lines add up to the total to the last digit. An attempt
with several tags counts under all of them together (`a + b`), never twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Final

from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.calendar import Period, Window, days_of, period_of


class By(StrEnum):
    """By what spend is told apart."""

    CHANNEL = "channel"
    MODEL = "model"
    PROVIDER = "provider"
    CLOUD = "cloud"
    REGION = "region"
    ROUTE = "route"
    KEY = "key"
    TEAM = "team"
    TAG = "tag"
    KIND = "kind"
    """First tries, retries, hedges and probes."""
    DAY = "day"


NONE_NAME: Final = "(none)"
_NAMES: Final[Mapping[By, Callable[[SpendGroup], str]]] = {
    By.CHANNEL: lambda group: group.channel,
    By.MODEL: lambda group: group.model,
    By.PROVIDER: lambda group: group.provider,
    By.CLOUD: lambda group: group.cloud,
    By.REGION: lambda group: group.region,
    By.ROUTE: lambda group: group.route,
    By.KEY: lambda group: group.key,
    By.TEAM: lambda group: group.team,
    By.TAG: lambda group: " + ".join(group.tags),
    By.KIND: lambda group: group.kind or "first try",
}


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    metered: Metered


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendReport:
    """What a period has cost so far."""

    period: Period
    window: Window
    time_zone: str
    at: float
    """Until when it counts: now, or the end of the period."""
    total: Metered
    before: Metered
    """The whole period before it."""
    by: Mapping[By, tuple[Line, ...]]
    """Dearest first; days in their order, also those without spend."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which windows a report needs: hand them to `CostStore.cells`, and what comes to `spend_report`."""

    period: Period
    window: Window
    before: Window
    days: tuple[Window, ...]
    time_zone: str
    at: float

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        return tuple((one.start_at, one.end_at) for one in (self.before, *self.days))


def asked(period: Period, at: float, zone: tzinfo, time_zone: str, *, back: int = 0) -> Asked:
    """`back`: 0 is the period that holds the instant, 1 the one before it."""
    window = period_of(period, at, zone, back=back)
    before = period_of(period, at, zone, back=back + 1)
    return Asked(period, window, before, days_of(window, zone), time_zone, min(at, window.end_at))


def spend_report(asked: Asked, cells: Sequence[SpendCell]) -> SpendReport:
    """Pure. Cells of windows that were not asked for are nobody's and left out."""
    starts = {day.start_at for day in asked.days}
    ours = [cell for cell in cells if cell.start_at in starts]
    earlier = [
        cell
        for cell in cells
        if cell.start_at == asked.before.start_at and cell.end_at == asked.before.end_at
    ]
    by = {one: divided(ours, name) for one, name in _NAMES.items()}
    by[By.DAY] = tuple(
        Line(day.name, summed(cell for cell in ours if cell.start_at == day.start_at)) for day in asked.days
    )
    return SpendReport(
        period=asked.period,
        window=asked.window,
        time_zone=asked.time_zone,
        at=asked.at,
        total=summed(ours),
        before=summed(earlier),
        by=by,
    )


def divided(cells: Iterable[SpendCell], name_of: Callable[[SpendGroup], str]) -> tuple[Line, ...]:
    """A partition of the cells, dearest first."""
    sums: dict[str, Metered] = {}
    for cell in cells:
        name = name_of(cell.group) or NONE_NAME
        sums[name] = sums.get(name, Metered()) + cell.metered
    lines = [Line(name, one) for name, one in sums.items()]
    return tuple(sorted(lines, key=lambda line: (-line.metered.cost_usd, line.name)))


def summed(cells: Iterable[SpendCell]) -> Metered:
    return sum((cell.metered for cell in cells), Metered())


def share(part: Decimal, whole: Decimal) -> float:
    """Of the total, 0…1; 0 where nothing was spent."""
    return float(part / whole) if whole else 0.0
