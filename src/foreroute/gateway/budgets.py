"""The house's hard budgets at one moment: which of them a request needs the leave of, and what it is told without it.

Immutable but for nothing: a change makes a new book, and the till swaps it whole. Nothing here reads or waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from foreroute.core.accounts import Balance, Refusal
from foreroute.core.budgets import OWNED, SERVED, AtLimit, BudgetScope, ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.keys import Scope, ScopeId
from foreroute.gateway.door import Caller
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer

Costs = Mapping[ChannelId, Decimal | None]
"""What one request may cost on each channel; None: nobody knows."""
_SOON_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Charged:
    """A budget with the account that it is counted in."""

    budget: ScopedBudget
    scope: Scope


class BudgetBook:
    """Only budgets with a hard limit are in it: the others refuse nobody."""

    def __init__(self, budgets: Iterable[ScopedBudget] = ()) -> None:
        charged = [Charged(one, scope) for one in budgets if (scope := one.account()) is not None]
        self._house = tuple(one for one in charged if one.budget.scope is BudgetScope.GLOBAL)
        self._owned = [one for one in charged if one.budget.scope in OWNED]
        self._served = [one for one in charged if one.budget.scope in SERVED]
        self._named = {one.scope.id: one.budget for one in charged}
        self.all = tuple(charged)

    @property
    def counts_attempts(self) -> bool:
        """Whether any budget depends on which channel serves."""
        return bool(self._served)

    def of_request(self, caller: Caller) -> tuple[Charged, ...]:
        if not self._owned:
            return self._house
        return (*self._house, *(one for one in self._owned if _is_of(one.budget, caller)))

    def of_attempt(self, route: RouteName, channel: Channel) -> tuple[Charged, ...]:
        if not self._served:
            return ()
        names = {
            BudgetScope.ROUTE: route,
            BudgetScope.CHANNEL: channel.id,
            BudgetScope.PROVIDER: channel.provider,
        }
        return tuple(one for one in self._served if names[one.budget.scope] == one.budget.of)

    def of_route(self, route: RouteName) -> tuple[Charged, ...]:
        wanted = (one for one in self._served if one.budget.scope is BudgetScope.ROUTE)
        return tuple(one for one in wanted if one.budget.of == route)

    def named(self, scope: ScopeId) -> ScopedBudget | None:
        """None: the scope is a key's or a team's own."""
        return self._named.get(scope)


def spared(costs: Costs, budget: ScopedBudget, balance: Balance) -> frozenset[ChannelId]:
    """The channels that a budget of the kind `cheaper` leaves to a request, by what it may cost on each.

    Below the limit: all. From there on those in the cheaper half of the range from the cheapest to the dearest, as far as
    the hard limit has room for them; what costs nothing always.
    """
    assert budget.limit_usd is not None  # noqa: S101 - of this kind they have both
    assert budget.hard_limit_usd is not None  # noqa: S101
    taken = balance.spent_usd + balance.reserved_usd
    if taken < budget.limit_usd:
        return frozenset(costs)
    known = [cost for cost in costs.values() if cost is not None]
    if not known:
        return frozenset(costs)
    middle, room = (min(known) + max(known)) / 2, budget.hard_limit_usd - taken
    return frozenset(
        name
        for name, cost in costs.items()
        if cost is not None and (cost == 0 or (cost <= middle and cost <= room))
    )


def asked(charged: Iterable[Charged], cost_usd: Decimal | None) -> tuple[Scope, ...]:
    """Whose leave it takes. What costs nothing needs none of a budget that spares: it may be overspent already."""
    return tuple(one.scope for one in charged if cost_usd != 0 or one.budget.at_limit is not AtLimit.CHEAPER)


def turned_away(refusal: Refusal, budget: ScopedBudget) -> ErrorAnswer:
    """Without the amounts: how much the house may spend is nobody's business who calls it."""
    if refusal.code == "unpriced":
        return errors.unpriced(f"The budget {budget.name} holds, and the price of this model is not known.")
    message = f"The budget {budget.name} ({budget.whose}, {budget.window}) has no room for this request."
    wait = refusal.retry_after_s
    if budget.at_limit is AtLimit.PAYMENT:
        return errors.payment_required(message, wait if wait is not None and wait <= _SOON_S else None)
    return errors.over_budget(message, wait)


def _is_of(budget: ScopedBudget, caller: Caller) -> bool:
    known = caller.known
    match budget.scope:
        case BudgetScope.KEY:
            return caller.key_id == budget.of
        case BudgetScope.TEAM:
            return known is not None and known.key.team == budget.of
        case _:
            return known is not None and budget.of in known.key.tags
