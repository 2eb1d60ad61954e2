"""Accounts in memory, for a gateway of one process. What others must do is what these do."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from decimal import Decimal

from foreroute.core.accounts import LATE_S, LEASE_S, Ask, Crossing, Refusal, Spent, Standing, Ticket, TicketId
from foreroute.core.keys import Scope, ScopeId
from foreroute.core.meters import (
    NOTHING,
    Account,
    Held,
    Meter,
    gauges,
    new_account,
    refusal,
    release,
    reserve,
    reserve_more,
    spend,
    standing_of,
    with_gauges,
)
from foreroute.core.windows import Window


@dataclass(slots=True)
class _Open:
    """A ticket's reservation: the counters it was made on, which the next window does not replace."""

    until: float
    held: tuple[Held, ...]
    tokens: int
    cost_usd: Decimal


class MemoryAccounts:
    """Lives on one event loop and is not safe to call from another thread. Nothing of it outlives the process."""

    def __init__(self, *, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._last_id = 0
        self._meters: dict[ScopeId, Meter] = {}
        self._accounts: dict[tuple[ScopeId, Window], Account] = {}
        self._open: OrderedDict[TicketId, _Open] = OrderedDict()
        """By the end of their leases."""
        self._late: OrderedDict[TicketId, _Open] = OrderedDict()

    def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        self._release_dead(at)
        held = tuple([self._held(scope, at) for scope in ask.scopes])
        if found := refusal(held, ask, at):
            return with_gauges(found, held)
        cost = NOTHING if ask.cost_usd is None else ask.cost_usd
        reserve(held, ask.tokens, cost)
        self._last_id += 1
        name = TicketId(self._last_id)
        self._open[name] = _Open(at + self._lease_s, held, ask.tokens, cost)
        return Ticket(name, ask.tokens, cost, *gauges(held))

    def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        self._release_dead(at)
        found = self._open.get(ticket.id)
        if found is None or not reserve_more(found.held, more_usd):
            return False
        found.cost_usd += more_usd
        found.until = at + self._lease_s
        self._open.move_to_end(ticket.id)
        return True

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        self._release_dead(at)
        found = self._open.pop(ticket.id, None)
        if found is not None:
            release(found.held, found.cost_usd)
        elif (found := self._late.pop(ticket.id, None)) is None:
            return ()
        return spend(found.held, spent, found.tokens, found.cost_usd, at)

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        account = self._account(scope, window, window_start, zone)
        if account.start_at == window_start:
            account.spent_usd = max(account.spent_usd, spent_usd)

    def standing(self, scope: Scope, at: float) -> Standing:
        self._release_dead(at)
        meter = replace(self._meters.get(scope.id) or Meter())
        meter.refill(scope.limits, at)
        return standing_of(Held(scope, meter, self._windows(scope, at)))

    def _held(self, scope: Scope, at: float) -> Held:
        meter = self._meters.get(scope.id)
        if meter is None:
            meter = self._meters[scope.id] = Meter()
        meter.refill(scope.limits, at)
        return Held(scope, meter, self._windows(scope, at))

    def _windows(self, scope: Scope, at: float) -> dict[Window, Account]:
        budgets = scope.limits.budgets
        return {one.window: self._account(scope.id, one.window, at, one.zone) for one in budgets}

    def _account(self, scope: ScopeId, window: Window, at: float, zone: str = "UTC") -> Account:
        """The window's that holds the instant, or a later one's if the clock has gone back."""
        account = self._accounts.get((scope, window))
        if account is None or at >= account.end_at:
            account = self._accounts[scope, window] = new_account(window, at, zone)
        return account

    def _release_dead(self, at: float) -> None:
        """Frees what was reserved by requests of which nobody has heard for the time of a lease."""
        while self._open:
            name = next(iter(self._open))
            found = self._open[name]
            if found.until > at:
                break
            del self._open[name]
            release(found.held, found.cost_usd)
            self._late[name] = found
        while self._late:
            name = next(iter(self._late))
            if self._late[name].until + LATE_S > at:
                break
            del self._late[name]
