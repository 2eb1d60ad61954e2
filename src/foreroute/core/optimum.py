"""The cheapest shares that keep every promise, as a value: what the cost stage works out and a decision may aim at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


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
