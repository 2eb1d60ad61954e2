"""Money before and after: what a request may cost is reserved, what it did cost is booked, whatever became of it."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from foreroute.core.accounts import Ask, Balance, Crossing, Refusal, SharedAccounts
from foreroute.core.attempt import Usage
from foreroute.core.budgets import AtLimit, ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreError
from foreroute.core.ids import ChannelId, KeyId, RouteName
from foreroute.core.ports import AttemptPricer, PriceBook
from foreroute.gateway.budgets import BudgetBook, Charged, Costs, asked, spared
from foreroute.gateway.door import Caller
from foreroute.gateway.lengths import Lengths
from foreroute.gateway.plan_cell import ServedRoute
from foreroute.gateway.tab import Tab
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest

_log: Final = logging.getLogger("foreroute.gateway")
_NO_OUTPUT: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS})
_LOOK_S: Final = 0.25
"""So often whoever waits for room looks again: other processes free it too."""


class Till:
    """Lives on the gateway's event loop. Instants are seconds since the epoch."""

    def __init__(self, accounts: SharedAccounts, prices: PriceBook, price_of: AttemptPricer) -> None:
        self.accounts = accounts
        self.prices = prices
        self.price_of = price_of
        self.lengths = Lengths()
        self.book = BudgetBook()
        """Exchanged whole."""
        self.waiting = 0
        """Requests that wait for room in a budget."""
        self._vacancies: list[asyncio.Future[None]] = []

    def adopt(self, prices: PriceBook, price_of: AttemptPricer) -> None:
        """The prices of a new configuration."""
        self.prices, self.price_of = prices, price_of

    def concerns(self, caller: Caller) -> bool:
        """Whether anything is counted for this caller."""
        own = caller.known is not None and caller.known.scopes
        return bool(own or self.book.counts_attempts or self.book.of_request(caller))

    async def open(
        self, caller: Caller, request: ModelRequest, channels: Iterable[Channel], at: float
    ) -> "Tab | Refusal | ErrorAnswer":
        """Reserves for the dearest of the channels: input as estimated, output as asked for or as usual."""
        output = 0 if request.endpoint in _NO_OUTPUT else self._output_tokens(request)
        usage = Usage(request.input_tokens, output_tokens=output)
        by_id = {channel.id: channel for channel in channels}
        costs = {name: self.prices.cost_usd(one, usage, at).cost_usd for name, one in by_id.items()}
        charged = self.book.of_request(caller)
        own = () if caller.known is None else caller.known.scopes
        try:
            allowed = self.spared(charged, costs, at)
            dearest = _dearest(costs, allowed)
            ask = Ask(
                key=KeyId("") if caller.key_id is None else caller.key_id,
                team=None if caller.known is None else caller.known.key.team,
                scopes=(*own, *asked(charged, None if dearest is None else costs[dearest])),
                tokens=request.input_tokens + output,
                cost_usd=None if dearest is None else costs[dearest],
            )
            ticket = await self.accounts.admit(ask, at) if ask.scopes else None
        except StoreError as error:
            _log.error("accounts_unavailable", extra={"error": str(error)})
            return errors.accounts_unavailable()
        if isinstance(ticket, Refusal):
            return ticket
        only = allowed if len(allowed) < len(costs) else None
        return Tab(self, ask, ticket, output, None if dearest is None else by_id[dearest], costs, only)

    def spared(self, charged: Sequence[Charged], costs: Costs, at: float) -> frozenset[ChannelId]:
        """The channels that the budgets of the kind `cheaper` leave; the cheapest where they leave none, so that the
        accounts have the last word. Raises StoreError.
        """
        allowed = frozenset(costs)
        for one in charged:
            if one.budget.at_limit is AtLimit.CHEAPER:
                allowed &= spared(costs, one.budget, self.balance(one, at))
        known = {name: cost for name, cost in costs.items() if cost is not None}
        return allowed or frozenset(sorted(known, key=lambda name: known[name])[:1])

    def kept(self, routes: Sequence[ServedRoute], tab: Tab, at: float) -> Sequence[ServedRoute]:
        """The routes with the channels that budgets leave to this request. Raises StoreError."""
        if tab.only is None and not self.book.counts_attempts:
            return routes
        return [self._kept(served, tab, at) for served in routes]

    def _kept(self, served: ServedRoute, tab: Tab, at: float) -> ServedRoute:
        targets = served.route.targets
        costs = {one.channel: tab.costs[one.channel] for one in targets if one.channel in tab.costs}
        allowed = self.spared(self.book.of_route(served.route.name), costs, at)
        left = allowed if tab.only is None else allowed & tab.only or tab.only
        kept = tuple(one for one in targets if one.channel in left)
        return (
            served
            if len(kept) == len(targets)
            else replace(served, route=replace(served.route, targets=kept))
        )

    def balance(self, charged: Charged, at: float) -> Balance:
        """Raises StoreError."""
        standing = self.accounts.standing(charged.scope, at)
        return standing.balances[charged.budget.window]

    async def room(self, wait_s: float) -> None:
        """Waits until some request has ended, or for a moment."""
        vacancy: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._vacancies.append(vacancy)
        self.waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_S, max(0.0, wait_s))):
                    await vacancy
        finally:
            self.waiting -= 1

    def ended(self, crossings: Iterable[Crossing]) -> None:
        """A request has ended: whoever waits may look again."""
        vacancies, self._vacancies = self._vacancies, []
        for vacancy in vacancies:
            if not vacancy.done():
                vacancy.set_result(None)
        for crossing in crossings:
            _log.warning(
                "budget_crossed",
                extra={
                    "scope": crossing.scope,
                    "window": crossing.budget.window,
                    "limit_usd": str(crossing.budget.limit_usd),
                    "spent_usd": str(crossing.spent_usd),
                },
            )

    def attempt_scopes(self, route: RouteName, channel: Channel) -> tuple[Charged, ...]:
        return self.book.of_attempt(route, channel)

    def _output_tokens(self, request: ModelRequest) -> int:
        asked = request.output_tokens_max
        return request.choices * (self.lengths.usual(request.model) if asked is None else asked)


def waits_s(refusal: Refusal, budget: ScopedBudget | None) -> float:
    """How long a refused request may wait for room; 0 where waiting is not wanted, or of no use in time."""
    if budget is None or budget.at_limit is not AtLimit.QUEUE or refusal.code != "budget":
        return 0.0
    wait = refusal.retry_after_s
    return budget.queue_s if wait is not None and wait <= budget.queue_s else 0.0


def _dearest(costs: Costs, allowed: Collection[ChannelId]) -> ChannelId | None:
    """Where the request may cost the most; None if one of the channels has no price."""
    known = {name: cost for name, cost in costs.items() if cost is not None and name in allowed}
    if not known or len(known) < len(allowed):
        return None
    return max(known, key=lambda name: known[name])
