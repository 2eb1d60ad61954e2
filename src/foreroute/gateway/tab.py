"""What one request has run up, and what was reserved for it: as a whole, and for each of its attempts."""

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

from foreroute.core.accounts import Ask, Crossing, Refusal, SharedAccounts, Spent, Ticket
from foreroute.core.attempt import Attempt, Usage
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreError
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ports import AttemptPricer, PriceBook
from foreroute.gateway.budgets import Charged, Costs, asked
from foreroute.gateway.lengths import Lengths

_log: Final = logging.getLogger("foreroute.gateway")
_MORE_TOKENS: Final = 256
"""A stream that outgrows its reservation reserves so many tokens more at a time."""


class Counter(Protocol):
    """What a tab needs of the till."""

    @property
    def accounts(self) -> SharedAccounts: ...
    @property
    def prices(self) -> PriceBook: ...
    @property
    def price_of(self) -> AttemptPricer: ...
    @property
    def lengths(self) -> Lengths: ...

    def attempt_scopes(self, route: RouteName, channel: Channel) -> Sequence[Charged]: ...

    def ended(self, crossings: Sequence[Crossing]) -> None: ...


class Tab:
    """`close` books it; a second time changes nothing."""

    def __init__(
        self,
        till: Counter,
        ask: Ask,
        ticket: Ticket | None,
        output_tokens: int,
        channel: Channel | None,
        costs: Costs,
        only: frozenset[ChannelId] | None = None,
    ) -> None:
        """`ticket` None: nothing is counted for the request as a whole. `only`: no other channel may serve it."""
        self.ticket = ticket
        self.only = only
        self.cost_usd: Decimal | None = Decimal(0)
        self.refused: Refusal | None = None
        """The last refusal of an attempt."""
        self.costs = costs
        self._till, self._ask = till, ask
        self._tokens = 0
        self._closed = False
        self._output_reserved = output_tokens
        self._channel = channel
        self._attempts: dict[ChannelId, Ticket] = {}

    async def enter(self, route: RouteName, channel: Channel, at: float, *, beside: bool = False) -> bool:
        """Reserves for one attempt on the budgets of its route, channel and provider. False: one has no room, or, for
        an attempt `beside` another one, what the whole request is counted by has none.
        """
        cost = self.costs.get(channel.id)
        charged = asked(self._till.attempt_scopes(route, channel), cost)
        accounts = self._till.accounts
        try:
            if (
                beside
                and self.ticket is not None
                and cost
                and not await accounts.extend(self.ticket, cost, at)
            ):
                return False
            if not charged:
                return True
            answer = await accounts.admit(Ask(self._ask.key, self._ask.team, charged, 0, cost), at)
        except StoreError as error:
            _log.error("accounts_unavailable", extra={"error": str(error)})
            return False
        if isinstance(answer, Refusal):
            self.refused = answer
            return False
        self._attempts[channel.id] = answer
        return True

    def add(self, attempt: Attempt, at: float) -> None:
        """An attempt has ended. One whose cost nobody knows makes the whole sum unknown."""
        usage = attempt.usage
        tokens = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
        tokens += usage.output_tokens
        self._tokens += tokens
        cost = self._till.price_of(attempt)
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost
        if usage.output_tokens:
            self._till.lengths.observe(attempt.route, usage.output_tokens)
        if (ticket := self._attempts.pop(attempt.channel, None)) is not None:
            self._till.ended(self._till.accounts.settle(ticket, Spent(tokens, cost), at))

    async def allows(self, output_tokens: int, at: float) -> bool:
        """Whether a stream may go on that has come so far; False when a hard budget has nothing left for it."""
        if output_tokens <= self._output_reserved or self._channel is None:
            return True
        price = self._till.prices.cost_usd(self._channel, Usage(output_tokens=_MORE_TOKENS), at)
        tickets = (
            [*self._attempts.values()] if self.ticket is None else [self.ticket, *self._attempts.values()]
        )
        more = price.cost_usd
        if more is not None:
            try:
                for one in tickets:
                    if not await self._till.accounts.extend(one, more, at):
                        return False
            except StoreError:
                return False
        self._output_reserved += _MORE_TOKENS
        return True

    def close(self, at: float) -> None:
        if self._closed:
            return
        self._closed = True
        if self.ticket is None:
            return
        crossings = self._till.accounts.settle(self.ticket, Spent(self._tokens, self.cost_usd), at)
        self._till.ended(crossings)
