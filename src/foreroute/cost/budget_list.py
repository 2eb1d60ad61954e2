"""Every budget there is, of the whole house, of teams and of keys: what is spent, expected, and when it is crossed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from foreroute.core.budgets import BudgetScope, ScopedBudget
from foreroute.core.keys import KeyBook
from foreroute.core.ledger import SpendCell, SpendGroup
from foreroute.core.windows import Window, window_end, window_start, zone_named
from foreroute.cost import calendar
from foreroute.cost.crossing import Crossing, crossing
from foreroute.cost.period_forecast import Hours, PeriodForecast, RequestPrice, period_forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped:
    """A budget and whose it is: empty key and team are everybody's."""

    name: str
    limit_usd: Decimal
    window: Window
    start_at: float
    end_at: float
    """Infinite for a budget that never begins anew."""
    hard: bool = False
    key: str = ""
    team: str = ""
    rule: ScopedBudget | None = None
    """Of a budget of the house; None: it is a limit of the key or team itself."""

    @property
    def scope(self) -> str:
        if self.rule is not None:
            return self.rule.whose
        return f"key {self.key}" if self.key else f"team {self.team}" if self.team else "all"

    def counts(self, group: SpendGroup) -> bool:
        if self.rule is not None:
            return self.rule.counts(group)
        return (not self.key or group.key == self.key) and (not self.team or group.team == self.team)


@dataclass(frozen=True, slots=True)
class Heading:
    """`forecast` and `crossing` are None for a budget without an end."""

    budget: Scoped
    spent_usd: Decimal
    forecast: PeriodForecast | None
    crossing: Crossing | None


def house_budget(rule: ScopedBudget, at: float) -> Scoped:
    """As it stands in the period that holds the instant."""
    zone = zone_named(rule.time_zone)
    return Scoped(
        name=rule.name,
        limit_usd=rule.aim_usd,
        window=rule.window,
        start_at=window_start(rule.window, at, zone),
        end_at=window_end(rule.window, at, zone),
        hard=rule.hard_limit_usd is not None,
        rule=rule,
    )


def budgets_of(limits: Sequence[ScopedBudget], book: KeyBook, at: float) -> tuple[Scoped, ...]:
    """Those of the house first, then of teams and keys that are not deleted."""
    found = [house_budget(one, at) for one in limits]
    owners = [("team", team) for team in book.teams if team.deleted_at is None]
    scoped = [(kind, str(owner.id), owner.name, owner.limits) for kind, owner in owners]
    scoped += [("key", str(key.id), key.name, key.limits) for key in book.keys if key.deleted_at is None]
    found += [
        Scoped(
            name=shown,
            limit_usd=budget.limit_usd,
            window=budget.window,
            start_at=window_start(budget.window, at),
            end_at=window_end(budget.window, at),
            hard=budget.hard,
            key=name if kind == "key" else "",
            team=name if kind == "team" else "",
        )
        for kind, name, shown, bounds in scoped
        for budget in bounds.budgets
    ]
    return tuple(found)


class Owned:
    """The hours of everybody, and of each key and team, split when somebody first asks."""

    def __init__(self, hours: Hours) -> None:
        self._all = hours
        self._slim: Hours | None = None
        self._keys: dict[str, Hours] | None = None
        self._teams: dict[str, Hours] | None = None

    def of(self, budget: Scoped) -> Hours:
        nothing = Hours(self._all.end_at, ())
        rule = budget.rule
        if rule is not None and rule.scope is not BudgetScope.GLOBAL:
            return self._all.only(rule.counts).slim()
        if budget.key:
            self._keys = self._keys or self._all.split(lambda group: group.key)
            return self._keys.get(budget.key, nothing)
        if budget.team:
            self._teams = self._teams or self._all.split(lambda group: group.team)
            return self._teams.get(budget.team, nothing)
        self._slim = self._slim or self._all.slim()
        return self._slim


def heading(
    budget: Scoped, at: float, hours: Hours, spent: Sequence[SpendCell], price: RequestPrice
) -> Heading:
    """`hours` are the budget's own; `spent` the cells of its window so far, of everybody."""
    mine = [cell for cell in spent if budget.counts(cell.group)]
    total = sum((cell.metered.cost_usd for cell in mine), Decimal(0))
    if budget.window is Window.TOTAL:
        return Heading(budget, total, None, None)
    window = calendar.Window(budget.name, budget.start_at, budget.end_at)
    found = period_forecast(window, at, hours, mine, price)
    return Heading(budget, total, found, crossing(budget.limit_usd, found))
