"""From what the ledger says to how a budget stands: spent, expected, crossed when, and what its pace is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from foreroute.core.budgets import BudgetScope, ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.findings import BudgetPace, BudgetStatus
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import Metered, Spend, SpendCell
from foreroute.core.plan import Route
from foreroute.core.windows import Window
from foreroute.cost.budget import BudgetSettings, budget_status
from foreroute.cost.budget_list import Heading, Scoped
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.pace import PaceSeen, PaceState
from foreroute.cost.period_forecast import PeriodForecast

_PACED: Final = frozenset({BudgetScope.GLOBAL, BudgetScope.ROUTE, BudgetScope.CHANNEL, BudgetScope.PROVIDER})
"""Scopes whose spend follows the shares of channels. What one key spends does not: that is slowed down by its limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last hour or so of everybody, for how fast money goes now."""

    cells: Sequence[SpendCell] = ()
    seconds: float = 0.0
    """How much of it traffic was recorded in."""


def is_paced(budget: ScopedBudget) -> bool:
    return budget.pace and budget.window is not Window.TOTAL and budget.scope in _PACED


def status_of(
    found: Scoped, at: float, spent: Metered, recent: Recent, ahead: Heading | None
) -> BudgetStatus:
    """`ahead` is the newest forecast, with its crossing; None: only the run rate of late is known."""
    rule = found.rule
    assert rule is not None  # noqa: S101 - of the house's budgets only
    total = rule.window is Window.TOTAL
    late = sum((cell.metered for cell in recent.cells if rule.counts(cell.group)), Metered())
    settings = BudgetSettings(name=rule.name, limit_usd=rule.aim_usd, time_zone=rule.time_zone)
    base = budget_status(
        settings,
        at=at,
        spent=_spend(spent),
        recent=_spend(late),
        recent_s=0.0 if total else recent.seconds,
        bounds=(found.start_at, at if total else found.end_at),
    )
    base = replace(
        base,
        whose=rule.whose,
        window=rule.window,
        time_zone=rule.time_zone,
        hard_limit_usd=rule.hard_limit_usd,
        at_limit="" if rule.hard_limit_usd is None else rule.at_limit.value,
        alerts_at=rule.alerts_at,
        forecast_alert=rule.forecast_alert,
        steers=rule.scope is BudgetScope.GLOBAL and not is_paced(rule) and not total,
    )
    return base if ahead is None else _forecast(base, ahead)


def _forecast(base: BudgetStatus, ahead: Heading) -> BudgetStatus:
    """What was expected of the rest when it was forecast, less what has been spent since."""
    if ahead.forecast is None:
        return base
    total, crossed = ahead.forecast.total, ahead.crossing
    if base.spent_usd >= base.limit_usd:
        crossed = None  # it is known without any forecast
    return replace(
        base,
        projected_usd=max(base.spent_usd, total.expected_usd),
        projected_lower_usd=max(base.spent_usd, total.lower_usd),
        projected_upper_usd=max(base.spent_usd, total.upper_usd),
        crossing_at=None if crossed is None else crossed.expected_at,
        crossing_earliest_at=None if crossed is None else crossed.earliest_at,
        crossing_latest_at=None if crossed is None else crossed.latest_at,
    )


def pace_seen(
    status: BudgetStatus, at: float, since_at: float, ahead: PeriodForecast | None, free_ratio: float
) -> PaceSeen:
    start_at, end_at = status.period_start_at, status.period_end_at
    if ahead is None or not any(ahead.hourly_usd):
        expected, rest = max(0.0, at - since_at), max(0.0, end_at - at)
    else:
        expected, rest = expected_between(ahead, since_at, at), expected_between(ahead, at, end_at)
    return PaceSeen(
        at=at,
        start_at=start_at,
        end_at=end_at,
        limit_usd=float(status.limit_usd),
        spent_usd=float(status.spent_usd),
        expected_usd=expected,
        rest_usd=rest,
        free_ratio=free_ratio,
    )


def expected_between(found: PeriodForecast, start_at: float, end_at: float) -> float:
    """What the path of a forecast says of a time; before its beginning it is as in its first hour."""
    total, begin = 0.0, found.at
    for place, usd in enumerate(found.hourly_usd):
        end = min(found.window.end_at, found.path_at + HOUR_S * (place + 1))
        length = max(0.0, end - begin)
        if length > 0.0:
            earliest = start_at if place == 0 else max(start_at, begin)
            total += usd * max(0.0, min(end_at, end) - earliest) / length
        begin = max(begin, end)
    return total


def free_ratio(
    budget: ScopedBudget,
    recent: Iterable[SpendCell],
    routes: Mapping[RouteName, Route],
    usual_usd: Mapping[ChannelId, float],
    channels: Mapping[ChannelId, Channel],
) -> float:
    """What the requests of late would have cost by the configured weights, over what they did cost; 1: not known.

    `usual_usd` is the cost of a request by channel.
    """
    attempts: dict[str, int] = {}
    now_usd = 0.0
    for cell in recent:
        if budget.scope is BudgetScope.ROUTE and cell.group.route != budget.of:
            continue
        attempts[cell.group.route] = attempts.get(cell.group.route, 0) + cell.metered.attempts
        now_usd += float(cell.metered.cost_usd) if budget.counts(cell.group) else 0.0
    free_usd = 0.0
    for name, many in attempts.items():
        shares = _first_shares(routes.get(RouteName(name)), usual_usd)
        free_usd += many * sum(
            share * usual_usd[channel]
            for channel, share in shares.items()
            if _counts(budget, channel, channels)
        )
    return free_usd / now_usd if free_usd > 0 and now_usd > 0 else 1.0


def usual_usd(cells: Iterable[SpendCell]) -> dict[ChannelId, float]:
    """The mean cost of a priced attempt, by channel."""
    sums: dict[ChannelId, Metered] = {}
    for cell in cells:
        name = ChannelId(cell.group.channel)
        sums[name] = sums.get(name, Metered()) + cell.metered
    priced = {name: one.attempts - one.unpriced_attempts for name, one in sums.items()}
    return {name: float(sums[name].cost_usd) / many for name, many in priced.items() if many > 0}


def pace_of(
    budget: ScopedBudget, status: BudgetStatus, state: PaceState, channels: Mapping[ChannelId, Channel]
) -> BudgetPace:
    passed = (state.at - status.period_start_at) / (status.period_end_at - status.period_start_at)
    counted: tuple[ChannelId, ...] = ()
    if budget.scope in (BudgetScope.CHANNEL, BudgetScope.PROVIDER):
        counted = tuple(name for name in channels if _counts(budget, name, channels))
    return BudgetPace(
        budget=budget.name,
        price=round(state.price, 6),
        spent_usd=status.spent_usd,
        limit_usd=status.limit_usd,
        pace_usd=(status.limit_usd * Decimal(repr(min(1.0, max(0.0, passed))))).quantize(Decimal("0.000001")),
        route=RouteName(budget.of) if budget.scope is BudgetScope.ROUTE else None,
        channels=counted,
    )


def _first_shares(route: Route | None, usual_usd: Mapping[ChannelId, float]) -> dict[ChannelId, float]:
    """Of the first priority, among the channels whose cost is known."""
    targets = [one for one in route.targets if one.weight > 0] if route is not None else []
    first = min((one.priority for one in targets), default=0)
    known = {one.channel: one.weight for one in targets if one.priority == first and one.channel in usual_usd}
    total = sum(known.values())
    return {channel: weight / total for channel, weight in known.items()} if total > 0 else {}


def _counts(budget: ScopedBudget, channel: ChannelId, channels: Mapping[ChannelId, Channel]) -> bool:
    match budget.scope:
        case BudgetScope.CHANNEL:
            return channel == budget.of
        case BudgetScope.PROVIDER:
            return channel in channels and channels[channel].provider == budget.of
        case _:
            return True


def _spend(metered: Metered) -> Spend:
    return Spend(
        attempts=metered.attempts, cost_usd=metered.cost_usd, unpriced_attempts=metered.unpriced_attempts
    )
