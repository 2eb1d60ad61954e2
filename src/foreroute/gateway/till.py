"""Money before and after: what a request may cost is reserved, what it did cost is booked, whatever became of it."""

import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from foreroute.core.accounts import Accounts, Ask, Refusal, Spent, Ticket
from foreroute.core.attempt import Attempt, Usage
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreError
from foreroute.core.ports import AttemptPricer, PriceBook
from foreroute.gateway.keyring import Known
from foreroute.gateway.lengths import Lengths
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest

_log: Final = logging.getLogger("foreroute.gateway")
_NO_OUTPUT: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS})
_MORE_TOKENS: Final = 256
"""A stream that outgrows its reservation reserves so many tokens more at a time."""


class Till:
    """Lives on the gateway's event loop. Instants are seconds since the epoch."""

    def __init__(self, accounts: Accounts, prices: PriceBook, price_of: AttemptPricer) -> None:
        self.accounts = accounts
        self.prices = prices
        self.price_of = price_of
        self.lengths = Lengths()

    def adopt(self, prices: PriceBook, price_of: AttemptPricer) -> None:
        """The prices of a new configuration."""
        self.prices, self.price_of = prices, price_of

    def open(
        self, known: Known, request: ModelRequest, channels: Iterable[Channel], at: float
    ) -> "Tab | Refusal | ErrorAnswer":
        """Reserves for the dearest of the channels: input as estimated, output as asked for or as usual."""
        output = 0 if request.endpoint in _NO_OUTPUT else self._output_tokens(request)
        dearest = _dearest(list(channels), self.prices, Usage(request.input_tokens, output_tokens=output), at)
        ask = Ask(
            key=known.key.id,
            team=known.key.team,
            scopes=known.scopes,
            tokens=request.input_tokens + output,
            cost_usd=None if dearest is None else dearest[0],
        )
        try:
            ticket = self.accounts.admit(ask, at)
        except StoreError as error:
            _log.error("accounts_unavailable", extra={"error": str(error)})
            return errors.accounts_unavailable()
        if isinstance(ticket, Refusal):
            return ticket
        return Tab(self, ticket, output, None if dearest is None else dearest[1])

    def _output_tokens(self, request: ModelRequest) -> int:
        asked = request.output_tokens_max
        return request.choices * (self.lengths.usual(request.model) if asked is None else asked)


class Tab:
    """What one request has run up. `close` books it; a second time changes nothing."""

    def __init__(self, till: Till, ticket: Ticket, output_tokens: int, channel: Channel | None) -> None:
        self.ticket = ticket
        self.cost_usd: Decimal | None = Decimal(0)
        self._till = till
        self._tokens = 0
        self._closed = False
        self._output_reserved = output_tokens
        self._channel = channel

    def add(self, attempt: Attempt) -> None:
        """An attempt has ended. One whose cost nobody knows makes the whole sum unknown."""
        usage = attempt.usage
        self._tokens += usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
        self._tokens += usage.output_tokens
        cost = self._till.price_of(attempt)
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost
        if usage.output_tokens:
            self._till.lengths.observe(attempt.route, usage.output_tokens)

    def allows(self, output_tokens: int, at: float) -> bool:
        """Whether a stream may go on that has come so far; False when a hard budget has nothing left for it."""
        if output_tokens <= self._output_reserved or self._channel is None:
            return True
        more = Usage(output_tokens=_MORE_TOKENS)
        price = self._till.prices.cost_usd(self._channel, more, at)
        try:
            granted = price.cost_usd is None or self._till.accounts.extend(self.ticket, price.cost_usd, at)
        except StoreError:
            granted = False
        if granted:
            self._output_reserved += _MORE_TOKENS
        return granted

    def close(self, at: float) -> None:
        if self._closed:
            return
        self._closed = True
        spent = Spent(self._tokens, self.cost_usd)
        for crossing in self._till.accounts.settle(self.ticket, spent, at):
            _log.warning(
                "budget_crossed",
                extra={
                    "scope": crossing.scope,
                    "window": crossing.budget.window,
                    "limit_usd": str(crossing.budget.limit_usd),
                    "spent_usd": str(crossing.spent_usd),
                },
            )


def _dearest(
    channels: list[Channel], prices: PriceBook, usage: Usage, at: float
) -> tuple[Decimal, Channel] | None:
    """The most that the usage may cost, and where; None if one of the channels has no price."""
    costs = [(prices.cost_usd(channel, usage, at).cost_usd, channel) for channel in channels]
    known = [(cost, channel) for cost, channel in costs if cost is not None]
    return max(known, key=lambda one: one[0]) if known and len(known) == len(costs) else None
