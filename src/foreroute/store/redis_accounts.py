"""Accounts in Redis or Valkey: gateways of many machines share their limits and budgets exactly.

Each call is one run of `lua/accounts.lua`, which is one transaction. Time is the server's own: gateways whose clocks
differ agree all the same, and windows are those that hold the server's instant. A reservation has a name that the
gateway gives it, so an answer that was lost is no loss: what is settled under a name counts once, and an admission
that comes after its own cancellation is void.

The server may forget: started anew without its data, emptied, or replaced by a replica that was behind. It shows by
its run or by its epoch; then each gateway offers again what it has last seen spent, and settles its open requests
without their leases.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from foreroute.core.accounts import (
    LEASE_S,
    Ask,
    Balance,
    Crossing,
    Refusal,
    SharedHealth,
    Spent,
    Standing,
    Ticket,
    TicketId,
)
from foreroute.core.errors import StoreUnavailable
from foreroute.core.keys import Scope, ScopeId
from foreroute.core.meters import NOTHING, gauges, refusal, reserve, standing_of, with_gauges
from foreroute.core.windows import Window
from foreroute.store.redis_calls import Call, Command, Reply, Wire
from foreroute.store.redis_counters import (
    Windowed,
    account_name,
    money_args,
    money_of,
    read_counters,
    rounded_up,
    scopes_args,
    windowed,
)
from foreroute.store.redis_link import RedisLink
from foreroute.store.redis_seen import Seen

_log: Final = logging.getLogger("foreroute.shared")
_FREE: Final = Spent(0, NOTHING)


@dataclass(frozen=True, slots=True)
class _Open:
    """A reservation of this gateway, and in which of the server's lives it was made."""

    scopes: tuple[Windowed, ...]
    tokens: int
    cost_usd: Decimal
    life: int


class RedisAccounts:
    """For one event loop. `admit` and `extend` raise StoreUnavailable when the server cannot answer in time."""

    def __init__(
        self,
        member: str,
        now: Callable[[], float],
        new_id: Callable[[], int],
        *,
        lease_s: float = LEASE_S,
        own_time: bool = False,
    ) -> None:
        """`member` names this gateway among its replicas. `own_time`: the caller's instants are taken for the
        server's, as in a test that stops time.
        """
        self.link: RedisLink | None = None
        """Set by whoever opens it."""
        self.replicas = 1
        self._member, self._now, self._new_id = member, now, new_id
        self._lease_s, self._own_time = lease_s, own_time
        self._skew_s = 0.0
        """The server's clock less this one's."""
        self._epoch, self._run_id, self._life = "", "", 0
        self._open: dict[TicketId, _Open] = {}
        self._seen = Seen()
        self._crossed: deque[Crossing] = deque(maxlen=1000)

    # Asking -----------------------------------------------------------------------------------------------------

    async def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        cost = NOTHING if ask.cost_usd is None else rounded_up(ask.cost_usd)
        ask = replace(ask, cost_usd=None if ask.cost_usd is None else cost)
        name = TicketId(self._new_id())
        head = [str(name), repr(self._lease_s), str(ask.tokens), *money_args(cost, up=True)]
        head.append("0" if ask.cost_usd is None else "1")
        call = Call(list)  # replaced below, before it is sent
        try:
            reply, ones = await self._counted(call, "admit", head, ask.scopes, at)
        except BaseException:
            if call.is_sent:  # it may have been done: whoever asked has given up, so nothing was spent
                self._post_settle(name, _FREE, at, _Open((), 0, NOTHING, self._life))
            raise
        held = read_counters(reply, ones, self._skew())
        self._seen.note(held)
        if reply[0] != "yes":
            found = refusal(held, ask, at)
            if found is None:
                raise StoreUnavailable("it refuses what its own counters allow")
            return with_gauges(found, held)
        reserve(held, ask.tokens, cost)
        self._seen.note(held)
        self._open[name] = _Open(ones, ask.tokens, cost, self._life)
        return Ticket(name, ask.tokens, cost, *gauges(held))

    async def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        found = self._open.get(ticket.id)
        if found is None:
            return False
        args = [str(ticket.id), repr(self._lease_s), *money_args(more_usd, up=True)]
        hard = [
            (names[budget.window], budget.limit_usd)
            for one in found.scopes
            for names in (one.names(),)
            for budget in one.scope.limits.budgets
            if budget.hard
        ]
        args.append(str(len(hard)))
        for account, limit in hard:
            args += [account, *money_args(limit)]
        reply = await self._ask(Call(lambda: self._command("extend", at, args)))
        if reply[0] == "yes" and ticket.id in self._open:
            self._open[ticket.id] = replace(found, cost_usd=found.cost_usd + more_usd)
        return reply[0] == "yes"

    async def look(self, scope: Scope, at: float) -> Standing:
        """As it stands there now, by one round trip. Raises StoreUnavailable."""
        reply, ones = await self._counted(Call(list), "look", [], (scope,), at)
        held = read_counters(reply, ones, self._skew())
        self._seen.note(held)
        return standing_of(held[0])

    async def _counted(
        self, call: Call, operation: str, head: list[str], scopes: Sequence[Scope], at: float
    ) -> tuple[Reply, tuple[Windowed, ...]]:
        """Asks for counters of the windows of the server's instant: again where one has ended on the way."""
        for _ in range(2):
            ones = tuple([windowed(scope, at + self._skew()) for scope in scopes])
            args = [*head, *scopes_args(ones)]
            call.command = _bound(self._command, operation, at, args)
            reply = await self._ask(call)
            if reply[0] in ("yes", "no"):
                return reply, ones
            if reply[0] != "window":
                break
            self._skew_s = float(reply[1]) - self._now()
        raise StoreUnavailable(f"it answers {reply[0]!r}")

    # Telling ----------------------------------------------------------------------------------------------------

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        found = self._open.pop(ticket.id, None)
        if found is not None:
            self._post_settle(ticket.id, spent, at, found)
        return self.crossings()

    def book(self, ask: Ask, spent: Spent, at: float) -> None:
        """Spent without leave, as while the server could not be asked: counted as soon as it can."""
        cost = NOTHING if ask.cost_usd is None else ask.cost_usd
        ones = tuple([windowed(scope, at + self._skew()) for scope in ask.scopes])
        self._post_settle(TicketId(self._new_id()), spent, at, _Open(ones, 0, cost, -1))

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        del zone  # a window is named by its start
        name = account_name(scope, window, window_start)
        self._seen.at_least(name, spent_usd)
        self._post_restore(name, spent_usd, window_start)

    def crossings(self) -> tuple[Crossing, ...]:
        found = tuple(self._crossed)
        self._crossed.clear()
        return found

    def standing(self, scope: Scope, at: float) -> Standing:
        one = windowed(scope, at + self._skew())
        balances = {window: self._seen.of(name) for window, name in one.names().items()}
        return Standing(0, None, None, balances)

    def health(self) -> SharedHealth:
        link = self.link
        if link is None:
            return SharedHealth(is_up=False, since_at=0.0, problem="it is not open")
        state = link.state
        return SharedHealth(
            is_up=state.is_up,
            since_at=state.since_at,
            problem=state.problem,
            replicas=self.replicas,
            due=link.due,
            falls=state.falls,
        )

    # The server's life ------------------------------------------------------------------------------------------

    async def greet(self, wire: Wire, is_new: bool, run_id: str) -> None:
        """Says that this gateway is there, and finds out whether the server still knows what it knew."""
        began = self._now()
        command = ["hello", "", "", self._member, f"{self._new_id():x}"]
        (reply,) = await wire.send([command])
        if isinstance(reply, Exception):
            raise StoreUnavailable(str(reply) or type(reply).__name__)
        _, server_at, epoch, replicas = reply
        self._skew_s = float(server_at) - (began + self._now()) / 2.0
        self.replicas = max(1, int(replicas))
        forgot = (epoch, run_id) != (self._epoch, self._run_id)
        self._epoch = epoch
        if is_new:
            self._run_id = run_id
        if forgot:
            self._tell_again()

    def _tell_again(self) -> None:
        self._life += 1
        for name, spent in self._seen.spent():
            self._post_restore(name, spent, 0.0, first=True)

    def goodbye(self) -> Call:
        return Call(lambda: ["bye", "", "", self._member])

    def _skew(self) -> float:
        return 0.0 if self._own_time else self._skew_s

    async def _ask(self, call: Call) -> Reply:
        if self.link is None:
            raise StoreUnavailable("it is not open")
        reply = await self.link.ask(call)
        if reply[0] == "lost":
            self.link.fall("it has lost its data, which are offered to it again")
            raise StoreUnavailable("it has lost its data")
        if reply[0] == "void":
            raise StoreUnavailable("it was asked too late")
        return reply

    def _command(self, operation: str, at: float, args: list[str]) -> Command:
        return [operation, self._epoch, repr(at) if self._own_time else "", *args]

    def _post(self, call: Call, *, first: bool = False) -> None:
        if self.link is not None:
            self.link.post(call, first=first)

    def _post_settle(self, name: TicketId, spent: Spent, at: float, found: _Open) -> None:
        cost = found.cost_usd if spent.cost_usd is None else spent.cost_usd
        args = [str(name), str(spent.tokens), *money_args(cost), "0" if spent.cost_usd is None else "1"]
        tail = [str(found.tokens), *money_args(found.cost_usd, up=True), str(len(found.scopes))]
        limits = {}
        for one in found.scopes:
            limits[one.scope.id] = one
            bounds = (one.scope.limits.requests_per_minute, one.scope.limits.tokens_per_minute)
            names = one.names().values()
            tail += [one.scope.id, *("-1" if bound is None else str(bound) for bound in bounds)]
            tail += [str(len(names)), *names]

        def command() -> Command:
            lost = "1" if found.life != self._life and found.scopes else "0"
            return self._command("settle", at, [*args, lost, *tail])

        def answered(reply: Reply) -> None:
            if reply[0] == "lost":
                self._post(Call(command, answered=answered))
                if self.link is not None:
                    self.link.fall("it has lost its data, which are offered to it again")
            elif reply[0] == "yes":
                self._settled(reply, limits)

        self._post(Call(command, answered=answered))

    def _settled(self, reply: Reply, limits: dict[ScopeId, Windowed]) -> None:
        """Notes what was spent, and which budgets that was too much for."""
        cost, now_spent = money_of(reply[2], reply[3]), {}
        for place in range(4, len(reply), 3):
            now_spent[reply[place]] = money_of(reply[place + 1], reply[place + 2])
        for name, spent in now_spent.items():
            self._seen.put(name, Balance(spent, max(NOTHING, self._seen.of(name).reserved_usd - cost)))
        for one in limits.values():
            names = one.names()
            for budget in one.scope.limits.budgets:
                now = now_spent.get(names[budget.window])
                if now is not None and now - cost <= budget.limit_usd < now:
                    self._crossed.append(Crossing(one.scope.id, budget, now))

    def _post_restore(self, name: str, spent: Decimal, at: float, *, first: bool = False) -> None:
        def command() -> Command:
            return self._command("restore", at, [name, *money_args(spent)])

        def answered(reply: Reply) -> None:
            if reply[0] == "lost" and self.link is not None:
                self.link.fall("it has lost its data, which are offered to it again")

        self._post(Call(command, answered=answered), first=first)


def _bound(
    command: Callable[[str, float, list[str]], Command], operation: str, at: float, args: list[str]
) -> Callable[[], Command]:
    return lambda: command(operation, at, args)
