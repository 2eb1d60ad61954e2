"""Asking for leave before a request is served, and saying afterwards what it came to.

`admit` reserves what a request may cost, `settle` puts what it did cost in the reservation's place. So requests
under way count at once, and a hard budget is overspent by no more than what requests cost beyond what was reserved
for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NewType, Protocol

from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, Scope, ScopeId, TeamId
from foreroute.core.windows import Window

TicketId = NewType("TicketId", int)
LEASE_S: Final = 900.0
"""How long a reservation holds unless it is extended: longer than any request may take."""
LATE_S: Final = 86_400.0
"""How long a reservation whose lease ran out can still be settled."""
MINUTE_S: Final = 60.0
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that wants to be served. It needs the leave of every scope: they are asked together, all or none."""

    key: KeyId
    team: TeamId | None
    scopes: tuple[Scope, ...]
    """No scope twice."""
    tokens: int
    """Input and the most output that is expected, ≥ 0."""
    cost_usd: Decimal | None
    """What that costs, ≥ 0; None: the price is not known."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A bucket of `limit` units that fills again at `limit` a minute; `used` of them were gone at `at`."""

    limit: int
    used: float
    at: float

    def remaining(self, at: float) -> int:
        return max(0, int(self.limit - self._used(at) + _ROUNDING))

    def reset_s(self, at: float) -> float:
        """How long until it is full again."""
        return self._used(at) * MINUTE_S / self.limit

    def _used(self, at: float) -> float:
        return max(0.0, self.used - max(0.0, at - self.at) * self.limit / MINUTE_S)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to serve one request, to be settled exactly once. The gauges are those of the tightest scope."""

    id: TicketId
    tokens: int
    cost_usd: Decimal
    """What was reserved; zero if the price is not known."""
    requests_left: Gauge | None = None
    tokens_left: Gauge | None = None


RefusalCode = Literal["requests", "tokens", "parallel", "budget", "unpriced"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was reserved. `message` is one sentence for the caller."""

    code: RefusalCode
    scope: ScopeId
    limit: int | Decimal
    """The bound that stands in the way: a count, or US dollars."""
    retry_after_s: float | None
    """When asking again makes sense; None: not by waiting, or nobody knows."""
    message: str
    requests_left: Gauge | None = None
    tokens_left: Gauge | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a request came to, all its attempts together. Nothing at all: `Spent(0, Decimal(0))`."""

    tokens: int
    cost_usd: Decimal | None
    """None: it is not known, and what was reserved counts as spent."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A budget whose limit the spend of its window has just passed. Reported once a window."""

    scope: ScopeId
    budget: Budget
    spent_usd: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    spent_usd: Decimal
    reserved_usd: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """How a scope stands, for people to look at. Balances are of the windows that hold the instant asked for."""

    parallel: int
    requests_left: Gauge | None
    tokens_left: Gauge | None
    balances: Mapping[Window, Balance]


class Accounts(Protocol):
    """What has been asked for and spent, by scope. Lives on one thread and never waits for anything but its file.

    Money counts in the window in which its request was admitted, as the ledger counts it by the start of an attempt.
    A back end that is shared raises StoreError from `admit` and `extend` when its file cannot be used; `settle` never
    does: what it could not write is written with the next call.
    """

    def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        """Reserves for all scopes, or refuses and changes nothing.

        The first bound that stands in the way is named: unpriced and budgets of all scopes first, then parallel,
        requests and tokens.
        """
        ...

    def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        """Reserves more for a request that outgrows its reservation, and renews its lease. False: a hard budget does
        not allow it, or the ticket is no longer open; nothing is changed.
        """
        ...

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        """What was reserved is free, what was spent is spent. A second time changes nothing.

        A lease that ran out is settled all the same for a day: its reservation was free already, its spend counts.
        """
        ...


class AccountBooks(Accounts, Protocol):
    """Accounts with what their keeper needs beside."""

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        """The ledger's word, at start and when a budget is new: the window has spent at least this."""
        ...

    def standing(self, scope: Scope, at: float) -> Standing: ...


class Restorable(Protocol):
    """What takes the ledger's word, now or soon."""

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None: ...


class SharedAccounts(Protocol):
    """Accounts that may be on another machine: asking takes time, and somebody else may answer in their place.

    `settle`, `restore` and `standing` never wait. Otherwise as `AccountBooks`: `admit` and `extend` raise StoreError
    when nobody can answer.
    """

    async def admit(self, ask: Ask, at: float) -> Ticket | Refusal: ...

    async def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool: ...

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        """Crossings that are known by now, of this request or of earlier ones."""
        ...

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None: ...

    def standing(self, scope: Scope, at: float) -> Standing:
        """As last seen from here: money that others have moved meanwhile is not in it."""
        ...


@dataclass(frozen=True, slots=True)
class SharedHealth:
    """Whether what replicas share can be reached from here, and what is done without it."""

    is_up: bool
    since_at: float
    """Of this state."""
    problem: str = ""
    """Why it is not up; one sentence."""
    replicas: int = 1
    """Gateways that were seen there last, this one among them."""
    due: int = 0
    """Settlements that are not there yet."""
    falls: int = 0
    """How often it was lost since the start."""
    degraded: int = 0
    """Requests that were answered without it since the start."""
    without: str = ""
    """What is done meanwhile; empty while it is up."""


class RemoteAccounts(SharedAccounts, Protocol):
    """Shared accounts with what their stand-in needs beside."""

    def book(self, ask: Ask, spent: Spent, at: float) -> None:
        """Spent without leave, as while nobody could be asked: counted as soon as that is possible. Never waits."""
        ...

    def health(self) -> SharedHealth: ...
