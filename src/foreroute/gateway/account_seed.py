"""What the ledger knows, put into accounts that do not know it yet: at start, and when a budget is new."""

from collections.abc import Mapping
from decimal import Decimal

from foreroute.core.accounts import Restorable
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook, Limits, ScopeId, key_scope, team_scope
from foreroute.core.windows import Window, window_start, zone_named
from foreroute.gateway.budgets import BudgetBook

Spends = Mapping[Window, Mapping[KeyId, Decimal]]
"""US dollars by key, of the windows that hold one instant. A window that no budget has may be missing."""

BudgetSpends = Mapping[str, Decimal]
"""US dollars by budget, of the window that holds one instant."""


def windows_of(book: KeyBook) -> frozenset[Window]:
    """The windows whose spend is worth asking for."""
    every = [key.limits for key in book.keys] + [team.limits for team in book.teams]
    return frozenset(budget.window for limits in every for budget in limits.budgets)


def seed(accounts: Restorable, book: KeyBook, spends: Spends, at: float) -> None:
    """May be done again at any time: what accounts have spent only rises. A team's spend is that of all its keys,
    deleted ones too. Call it where the accounts live.
    """
    for key in book.keys:
        if key.deleted_at is None:
            _seed(accounts, key_scope(key).id, key.limits, (key.id,), spends, at)
    for team in book.teams:
        members = tuple(key.id for key in book.keys if key.team == team.id)
        _seed(accounts, team_scope(team).id, team.limits, members, spends, at)


def seed_budgets(accounts: Restorable, book: BudgetBook, spends: BudgetSpends, at: float) -> None:
    """The same for the house's budgets. What the gateway does not count itself, as probes, comes in by this too."""
    for one in book.all:
        budget, spent = one.budget, spends.get(one.budget.name, Decimal(0))
        if spent:
            start_at = window_start(budget.window, at, zone_named(budget.time_zone))
            accounts.restore(one.scope.id, budget.window, start_at, spent, budget.time_zone)


def _seed(
    accounts: Restorable, scope: ScopeId, limits: Limits, keys: tuple[KeyId, ...], spends: Spends, at: float
) -> None:
    for window in {budget.window for budget in limits.budgets}:
        by_key = spends.get(window, {})
        spent = sum((by_key.get(key, Decimal(0)) for key in keys), Decimal(0))
        if spent:
            accounts.restore(scope, window, window_start(window, at), spent)
