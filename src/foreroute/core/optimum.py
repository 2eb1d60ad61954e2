"""The cheapest shares that keep every promise, as a value: what the cost stage works out and a decision may aim at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from foreroute.core.ids import ChannelId, RouteName


class Promise(StrEnum):
    """What a solution must keep."""

    LATENCY = "latency"
    AVAILABILITY = "availability"
    QUALITY = "quality"
    RESIDENCY = "residency"
    REQUESTS = "requests"
    """A channel's requests per minute."""
    TOKENS = "tokens"
    """A channel's tokens per minute."""
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Concession:
    """A bound that must give for there to be a solution at all. With all of them together there is one."""

    promise: Promise
    of: str
    """The class or channel whose bound it is; empty for the budget."""
    bound: float
    needed: float
    """Where the bound would have to be, in its own unit."""


@dataclass(frozen=True, slots=True)
class ShadowPrice:
    """What one unit more of a bound that is exhausted would save an hour, in US dollars (or in seconds of mean latency,
    when that is what was minimised).
    """

    promise: Promise
    of: str
    bound: float
    per_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """Shares by class of request, each adding up to 1; empty where there is no solution.

    The classes are routes where this is to steer: then `shares` are target weights, and guardrails bound each step
    towards them.
    """

    feasible: bool
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    usd_per_hour: float = 0.0
    mean_latency_s: float = 0.0
    """Over all requests."""
    concessions: tuple[Concession, ...] = ()
    shadow_prices: tuple[ShadowPrice, ...] = ()


NO_OPTIMUM: Final = Optimum(feasible=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The cheapest shares of one route, and what a decision needs to know to judge any others beside them.

    All are by channel, and of the channels that the operator has given a weight in the first priority.
    """

    shares: Mapping[ChannelId, float]
    """Adding up to 1; a channel that is not named gets nothing."""
    usd_per_hour: Mapping[ChannelId, float]
    """What all requests of the route would cost there."""
    late_ratio: Mapping[ChannelId, float]
    """The share of them that is expected to be later than `limit_s`, 0…1."""
    limit_s: float | None = None
    late_max: float = 0.05
    missed_ratio: Mapping[ChannelId, float] = field(default_factory=dict)
    """The share of them that is expected to miss the operator's objective. The limit is that or, where that is less, a
    little above what the configured weights would give."""
    room: Mapping[ChannelId, float] = field(default_factory=dict)
    """The share that a channel's quota and places let it serve; a channel that is not named has no bound."""
    barred: frozenset[ChannelId] = frozenset()
    """Channels that no request of the route may go to: quality or residency."""
    held_by: str = ""
    """What keeps it from being cheaper, in words; empty: nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """An optimum as a decision may aim at it. Not `feasible`: `why` says what would have to give, and no route has
    shares.
    """

    solved_at: float
    """The instant whose knowledge it is made of."""
    feasible: bool
    routes: Mapping[RouteName, Aim] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pursuit:
    """The shares that a route's decisions aim at, kept from tick to tick: an optimum that is hardly better is not chased."""

    shares: Mapping[ChannelId, float]
    since_at: float
    detail: str
    """What it is worth and what holds it, in one sentence with the numbers."""
    in_force: bool = False
    """Its shares are served, not only proposed."""
