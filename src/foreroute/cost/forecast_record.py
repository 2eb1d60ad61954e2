"""What is stated about a period while it runs, what came of it, and how well that was. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from foreroute.core.cost_record import StatedForecast
from foreroute.core.ledger import Metered, SpendCell
from foreroute.cost.calendar import Period, Window
from foreroute.cost.period_forecast import Outlook, PeriodForecast
from foreroute.cost.report import By, divided, summed

MARKS: Final = (10, 25, 40, 50, 60, 75, 90)
"""Percent of a period at which what is forecast is kept."""
_LATE: Final = 4.0
"""So many percent after a mark it still counts as that: a service that was away does not back-date itself."""
LIVE_MARK: Final = 75
"""From here on the present expectation is near enough to say how the earlier ones are doing."""
TOTAL: Final = "total"
_DIVISIONS: Final = (By.CHANNEL, By.ROUTE)


def mark_of(window: Window, at: float) -> int | None:
    """The mark that an instant of the period stands for; None between them."""
    percent = 100.0 * (at - window.start_at) / (window.end_at - window.start_at)
    passed = [mark for mark in MARKS if mark <= percent < mark + _LATE]
    return passed[-1] if passed else None


def stated(period: Period, mark: int, found: PeriodForecast) -> tuple[StatedForecast, ...]:
    """The fleet's, and each channel's and route's; those of which nothing is known yet say nothing."""
    ones = [(TOTAL, found.total)]
    ones += [(by.value, one) for by in _DIVISIONS for one in found.by.get(by, ())]
    return tuple(
        _stated(period, mark, found, division, one) for division, one in ones if one.expected_usd > 0
    )


def _stated(period: Period, mark: int, found: PeriodForecast, division: str, one: Outlook) -> StatedForecast:
    return StatedForecast(
        period=period.value,
        start_at=found.window.start_at,
        end_at=found.window.end_at,
        mark=mark,
        division=division,
        name=one.name,
        at=found.at,
        spent_usd=one.spent_usd,
        expected_usd=one.expected_usd,
        lower_usd=one.lower_usd,
        upper_usd=one.upper_usd,
    )


def graded(open_ones: Sequence[StatedForecast], cells: Sequence[SpendCell]) -> tuple[StatedForecast, ...]:
    """With what the ledger says of their period. `cells`: those of one window, in which they all end."""
    truth: dict[tuple[str, str], Metered] = {(TOTAL, TOTAL): summed(cells)}
    for by in _DIVISIONS:
        lines = divided(cells, lambda group, by=by: getattr(group, by.value))  # type: ignore[misc]  # bound now
        truth |= {(by.value, line.name): line.metered for line in lines}
    return tuple(
        replace(one, came_usd=came.cost_usd, unpriced_attempts=came.unpriced_attempts)
        for one in open_ones
        for came in (truth.get((one.division, one.name), Metered()),)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """How well one kind of forecast has done."""

    period: str
    division: str
    mark: int
    graded: int
    error: float | None
    """Mean of |expected − came| ÷ came; None: nothing was spent in any of the periods."""
    coverage: float
    """The share whose outcome was inside the interval, 0…1; 0.8 is promised."""
    bias: float | None
    """Mean of (expected − came) ÷ came: above 0, too much was expected."""
    live: bool = False
    """Against what is expected now, of the period that runs: it has not ended yet."""


def grades(ones: Iterable[StatedForecast], *, live: bool = False) -> tuple[Grade, ...]:
    """By period, division and mark, of those whose outcome is known."""
    groups: dict[tuple[str, str, int], list[tuple[StatedForecast, Decimal]]] = {}
    for one in ones:
        if one.came_usd is not None:
            key = (one.period, one.division, one.mark)
            groups.setdefault(key, []).append((one, one.came_usd))
    order = {period.value: place for place, period in enumerate(Period)}
    division = {TOTAL: 0, "channel": 1, "route": 2}
    found = [_grade(key, members, live=live) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda one: (order[one.period], division[one.division], one.mark)))


def _grade(
    key: tuple[str, str, int], members: Sequence[tuple[StatedForecast, Decimal]], *, live: bool
) -> Grade:
    misses = [float((one.expected_usd - came) / came) for one, came in members if came > 0]
    inside = [one.lower_usd <= came <= one.upper_usd for one, came in members]
    return Grade(
        period=key[0],
        division=key[1],
        mark=key[2],
        graded=len(members),
        error=sum(map(abs, misses)) / len(misses) if misses else None,
        coverage=sum(inside) / len(inside),
        bias=sum(misses) / len(misses) if misses else None,
        live=live,
    )


def live_grades(
    running: Sequence[StatedForecast], now: Mapping[str, PeriodForecast], at: float
) -> tuple[Grade, ...]:
    """The periods that run and are three quarters over: what was said of them earlier beside what is expected now.

    `now`: the present forecast of each period, by `day`, `week` and `month`.
    """
    found = []
    for one in running:
        present = now.get(one.period)
        if present is None or present.window.start_at != one.start_at or one.came_usd is not None:
            continue
        over = 100.0 * (at - one.start_at) / (one.end_at - one.start_at)
        expected = _expected(present, one)
        if over >= LIVE_MARK and one.mark < LIVE_MARK and expected is not None:
            found.append(replace(one, came_usd=expected))
    return grades(found, live=True)


def _expected(present: PeriodForecast, one: StatedForecast) -> Decimal | None:
    if one.division == TOTAL:
        return present.total.expected_usd
    parts = present.by.get(By(one.division), ())
    return next((part.expected_usd for part in parts if part.name == one.name), None)
