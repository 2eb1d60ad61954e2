"""Accounts of this machine in the form of shared ones: they answer at once, so nobody else runs in between."""

from decimal import Decimal

from foreroute.core.accounts import AccountBooks, Ask, Crossing, Refusal, Spent, Standing, Ticket
from foreroute.core.keys import Scope, ScopeId
from foreroute.core.windows import Window


class AtHand:
    def __init__(self, books: AccountBooks) -> None:
        self.books = books

    async def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        return self.books.admit(ask, at)

    async def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        return self.books.extend(ticket, more_usd, at)

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        return self.books.settle(ticket, spent, at)

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        self.books.restore(scope, window, window_start, spent_usd, zone)

    def standing(self, scope: Scope, at: float) -> Standing:
        return self.books.standing(scope, at)
