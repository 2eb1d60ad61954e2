"""What a period will have cost at its end: in all, and by channel and route. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from foreroute.core.attempt import Usage
from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.calendar import Window
from foreroute.cost.outlook import HOUR_S, Floats, OutlookSettings, Rest, ahead, rest_of, shares
from foreroute.cost.report import By

_MICRO = Decimal("0.000001")
RequestPrice = Callable[[str, Usage], Decimal | None]
"""What one request of a usage costs on a channel today; None: nobody knows."""
HISTORY_DAYS = 42
"""So far back it looks: little of the profile is older than two weeks, but a month ahead can be replayed."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Whole hours of history up to the last full one, oldest first, and cells of each."""

    end_at: float
    cells: tuple[tuple[SpendCell, ...], ...]

    @classmethod
    def of(cls, cells: Iterable[SpendCell], starts: Sequence[float]) -> "Hours":
        """`starts` are the starts of consecutive hours. Leading hours without any traffic are left out: there was
        nobody to serve yet.
        """
        by_start: dict[float, list[SpendCell]] = {start: [] for start in starts}
        for cell in cells:
            by_start[cell.start_at].append(cell)
        rows = [tuple(by_start[start]) for start in starts]
        first = next((place for place, row in enumerate(rows) if row), len(rows))
        return cls(starts[-1] + HOUR_S, tuple(rows[first:]))

    def split(self, owner: Callable[[SpendGroup], str]) -> dict[str, "Hours"]:
        """The hours of each owner, in one walk through all cells."""
        found: dict[str, dict[int, list[SpendCell]]] = {}
        for place, row in enumerate(self.cells):
            for cell in row:
                found.setdefault(owner(cell.group), {}).setdefault(place, []).append(cell)
        places = range(len(self.cells))
        return {
            name: Hours(self.end_at, tuple(tuple(rows.get(place, ())) for place in places[min(rows) :]))
            for name, rows in found.items()
        }

    def only(self, counts: Callable[[SpendGroup], bool]) -> "Hours":
        """The hours of the groups that count, from the first in which there were any."""
        rows = [tuple(cell for cell in row if counts(cell.group)) for row in self.cells]
        first = next((place for place, row in enumerate(rows) if row), len(rows))
        return Hours(self.end_at, tuple(rows[first:]))

    def slim(self) -> "Hours":
        """The same by channel and route alone: with many keys a fraction of the cells."""
        return Hours(self.end_at, tuple(_merged(row) for row in self.cells))


def _merged(row: Sequence[SpendCell]) -> tuple[SpendCell, ...]:
    sums: dict[SpendGroup, Metered] = {}
    for cell in row:
        group = SpendGroup(cell.group.channel, route=cell.group.route)
        sums[group] = sums.get(group, Metered()) + cell.metered
    return tuple(SpendCell(row[0].start_at, row[0].end_at, group, one) for group, one in sums.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Spent so far, and at the period's end with the interval that holds 80 %."""

    name: str
    spent_usd: Decimal
    expected_usd: Decimal
    lower_usd: Decimal
    upper_usd: Decimal
    requests: float
    """Attempts that are still to come."""
    usd_per_request: float | None
    """At today's prices and the token mix of late; None: no traffic, or no price."""
    unpriced_attempts: int = 0
    replays: int = 0
    error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodForecast:
    window: Window
    at: float
    total: Outlook
    by: Mapping[By, tuple[Outlook, ...]]
    """The parts of each division add up to the total, but for the rounding of micro-dollars; their intervals do not."""
    path_at: float
    """Where the first hour of the path begins, which may have begun already."""
    hourly_usd: tuple[float, ...] = ()
    """What is expected of each hour to come, up to the period's end."""


def period_forecast(
    window: Window,
    at: float,
    hours: Hours,
    spent: Sequence[SpendCell],
    price: RequestPrice,
    settings: OutlookSettings | None = None,
) -> PeriodForecast:
    """`spent`: the cells of the period so far, the hour that has begun included."""
    chosen = settings or OutlookSettings()
    left = max(0.0, (window.end_at - max(at, hours.end_at)) / HOUR_S)
    now = _parts(By.CHANNEL, hours, chosen, left, price)
    total_rest = _whole(hours, chosen, left, now)
    by = {}
    for division in (By.CHANNEL, By.ROUTE):
        parts = now if division is By.CHANNEL else _parts(division, hours, chosen, left, price)
        scaled = shares([part.usd for part in parts.values()], total_rest.mean)
        by[division] = _outlooks(division, parts, scaled, spent)
    return PeriodForecast(
        window=window,
        at=at,
        total=_total(total_rest, spent, now),
        by=by,
        path_at=hours.end_at,
        hourly_usd=_path(hours, chosen, left, total_rest),
    )


def _path(hours: Hours, settings: OutlookSettings, left: float, rest: Rest) -> tuple[float, ...]:
    """Hour by hour in the shape of all requests, adding up to what is to come."""
    steps = math.ceil(left)
    path = ahead(_attempts(hours, lambda _: True), steps, settings)
    if steps > left and steps:
        path[0] *= 1.0 - (steps - left)
    total = float(path.sum())
    return tuple(float(one) * rest.mean / total for one in path) if total > 0 else (0.0,) * steps


@dataclass(frozen=True, slots=True)
class _Part:
    requests: Rest
    usd_per_request: float | None

    @property
    def usd(self) -> float:
        return self.requests.mean * (self.usd_per_request or 0.0)


def _parts(
    by: By, hours: Hours, settings: OutlookSettings, left: float, price: RequestPrice
) -> dict[str, _Part]:
    names = sorted({_name(by, cell) for row in hours.cells for cell in row})
    found = {}
    for name in names:
        values = _attempts(hours, lambda cell, name=name: _name(by, cell) == name)  # type: ignore[misc]  # bound now
        late = [c for row in hours.cells[-settings.mix_hours :] for c in row if _name(by, c) == name]
        found[name] = _Part(rest_of(values, left, settings), _usd_per_request(late, price))
    return found


def _usd_per_request(late: Sequence[SpendCell], price: RequestPrice) -> float | None:
    """The mix of each channel at its price of today; where that is not known, what the ledger had."""
    usd, attempts = 0.0, 0
    for channel in sorted({cell.group.channel for cell in late}):
        metered = sum((cell.metered for cell in late if cell.group.channel == channel), Metered())
        if metered.attempts == metered.unpriced_attempts:
            continue
        now = price(channel, _average(metered))
        usd += float(metered.cost_usd) if now is None else float(now) * metered.attempts
        attempts += metered.attempts
    return usd / attempts if attempts else None


def _average(metered: Metered) -> Usage:
    many = metered.attempts
    return Usage(
        round(metered.input_tokens / many),
        round(metered.cached_input_tokens / many),
        round(metered.cache_write_tokens / many),
        round(metered.output_tokens / many),
        round(metered.reasoning_tokens / many),
    )


def _whole(hours: Hours, settings: OutlookSettings, left: float, parts: Mapping[str, _Part]) -> Rest:
    """All requests together, which vary less than their parts, at the price of what is expected to be asked."""
    requests = rest_of(_attempts(hours, lambda _: True), left, settings)
    many = sum(part.requests.mean for part in parts.values() if part.usd_per_request is not None)
    usd = sum(part.usd for part in parts.values()) / many if many > 0 else 0.0
    return Rest(
        mean=requests.mean * usd,
        lower=requests.lower * usd,
        upper=requests.upper * usd,
        replays=requests.replays,
        error=requests.error,
    )


def _outlooks(
    by: By, parts: Mapping[str, _Part], scaled: Sequence[float], spent: Sequence[SpendCell]
) -> tuple[Outlook, ...]:
    rests = dict(zip(parts, scaled, strict=True))
    names = sorted(parts.keys() | {_name(by, cell) for cell in spent})
    found = []
    for name in names:
        metered = sum((cell.metered for cell in spent if _name(by, cell) == name), Metered())
        part, rest = parts.get(name), rests.get(name, 0.0)
        found.append(_outlook(name, metered, part, rest))
    return tuple(sorted(found, key=lambda one: (-one.expected_usd, one.name)))


def _outlook(name: str, spent: Metered, part: _Part | None, rest: float) -> Outlook:
    scale = rest / part.requests.mean if part is not None and part.requests.mean > 0 else 0.0
    return Outlook(
        name=name,
        spent_usd=spent.cost_usd,
        expected_usd=spent.cost_usd + _money(rest),
        lower_usd=spent.cost_usd + _money(scale * part.requests.lower if part else 0.0),
        upper_usd=spent.cost_usd + _money(scale * part.requests.upper if part else 0.0),
        requests=part.requests.mean if part else 0.0,
        usd_per_request=part.usd_per_request if part else None,
        unpriced_attempts=spent.unpriced_attempts,
        replays=part.requests.replays if part else 0,
        error=part.requests.error if part else None,
    )


def _total(rest: Rest, spent: Sequence[SpendCell], parts: Mapping[str, _Part]) -> Outlook:
    metered = sum((cell.metered for cell in spent), Metered())
    many = sum(part.requests.mean for part in parts.values())
    return Outlook(
        name="total",
        spent_usd=metered.cost_usd,
        expected_usd=metered.cost_usd + _money(rest.mean),
        lower_usd=metered.cost_usd + _money(rest.lower),
        upper_usd=metered.cost_usd + _money(rest.upper),
        requests=many,
        usd_per_request=rest.mean / many if many > 0 else None,
        unpriced_attempts=metered.unpriced_attempts,
        replays=rest.replays,
        error=rest.error,
    )


def _attempts(hours: Hours, wanted: Callable[[SpendCell], bool]) -> Floats:
    counts = [sum(cell.metered.attempts for cell in row if wanted(cell)) for row in hours.cells]
    return np.array(counts, dtype=np.float64)


def _name(by: By, cell: SpendCell) -> str:
    return cell.group.channel if by is By.CHANNEL else cell.group.route or "(none)"


def _money(usd: float) -> Decimal:
    return Decimal(repr(max(0.0, usd))).quantize(_MICRO)
