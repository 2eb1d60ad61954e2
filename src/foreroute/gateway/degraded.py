"""Shared accounts, and what is done while they cannot be asked: nobody waits, and nothing is done silently.

Rates and parallel requests are then kept here, each gateway its part of them: the limit divided by the replicas that
were seen last. Hard budgets are kept by nobody, so what they bound is refused, or served, as the operator has
chosen. Whatever was spent meanwhile is told to the shared accounts when they are back.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Literal

from foreroute.core.accounts import (
    Ask,
    Crossing,
    Refusal,
    RemoteAccounts,
    SharedHealth,
    Spent,
    Standing,
    Ticket,
    TicketId,
)
from foreroute.core.errors import StoreUnavailable
from foreroute.core.keys import Limits, Scope, ScopeId
from foreroute.core.windows import Window
from foreroute.gateway.accounts import MemoryAccounts

WhenLost = Literal["closed", "open"]


class DegradedAccounts:
    """Lives on the gateway's event loop."""

    def __init__(self, shared: RemoteAccounts, when_lost: WhenLost) -> None:
        self.when_lost: WhenLost = when_lost
        """`closed`: what a hard budget bounds is refused. `open`: it is served, and counted afterwards."""
        self._shared, self._own = shared, MemoryAccounts()
        self._bound: set[TicketId] = set()
        """Open tickets of the shared accounts that a hard budget bounds."""
        self._own_asks: dict[TicketId, Ask] = {}
        self._degraded = 0

    async def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        try:
            answer = await self._shared.admit(ask, at)
        except StoreUnavailable:
            self._degraded += 1
            if self.when_lost == "closed" and is_bound(ask):
                raise
            return self._admit_here(ask, at)
        if isinstance(answer, Ticket) and is_bound(ask):
            self._bound.add(answer.id)
        return answer

    async def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        if ticket.id in self._own_asks:
            return self._own.extend(ticket, more_usd, at)
        try:
            return await self._shared.extend(ticket, more_usd, at)
        except StoreUnavailable:
            if self.when_lost == "closed" and ticket.id in self._bound:
                raise
            return True

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        self._bound.discard(ticket.id)
        ask = self._own_asks.pop(ticket.id, None)
        if ask is None:
            return self._shared.settle(ticket, spent, at)
        self._own.settle(ticket, spent, at)
        self._shared.book(ask, spent, at)
        return ()

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        self._shared.restore(scope, window, window_start, spent_usd, zone)

    def standing(self, scope: Scope, at: float) -> Standing:
        return self._shared.standing(scope, at)

    def health(self) -> SharedHealth:
        found = self._shared.health()
        kept = f"limits are divided by {found.replicas}"
        money = (
            "requests with a hard budget are refused"
            if self.when_lost == "closed"
            else "no hard budget holds"
        )
        without = "" if found.is_up else f"{money}, and {kept}"
        return replace(found, degraded=self._degraded, without=without)

    def _admit_here(self, ask: Ask, at: float) -> Ticket | Refusal:
        replicas = self._shared.health().replicas
        scopes = tuple([divided(scope, replicas) for scope in ask.scopes])
        answer = self._own.admit(replace(ask, scopes=scopes), at)
        if isinstance(answer, Ticket):
            self._own_asks[answer.id] = ask
        return answer


def is_bound(ask: Ask) -> bool:
    """Whether a hard budget has a say in it."""
    return any(budget.hard for scope in ask.scopes for budget in scope.limits.budgets)


def divided(scope: Scope, replicas: int) -> Scope:
    """One replica's part of a scope's limits, at least one of each; budgets are nobody's part."""
    limits = scope.limits

    def part(bound: int | None) -> int | None:
        return None if bound is None else max(1, bound // max(1, replicas))

    return Scope(
        scope.id,
        Limits(
            requests_per_minute=part(limits.requests_per_minute),
            tokens_per_minute=part(limits.tokens_per_minute),
            parallel_max=part(limits.parallel_max),
        ),
    )
