"""What is to be shared out, and what must be kept: the optimum's question as values. Pure.

Latency is a promise about the mixture: at most `late_max` of a class's requests may be slower than its limit. That is
linear in the shares and exact, which the 95th percentile of a mixture itself is not: p95 ≤ L means just that at most
5 % are slower than L.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MINUTES_AN_HOUR: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a class of requests would get from one channel."""

    channel: str
    usd: float
    """A request of this class, expected, at this channel's prices."""
    latency_s: float
    """Mean."""
    late_ratio: float = 0.0
    """The share of requests that would be slower than the class's limit, 0…1."""
    missed_ratio: float | None = None
    """The share that would miss the operator's own objective, where the limit is stricter than that; None: the same."""
    success: float = 1.0
    quality: float = 1.0
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClass:
    """Requests that are alike, and what they are promised. Raises ValueError on a bound that is none."""

    name: str
    requests_per_minute: float
    tokens_per_request: float = 0.0
    choices: tuple[Choice, ...]
    late_max: float = 0.05
    """5 %: the limit is one of the 95th percentile."""
    limit_s: float | None = None
    """The limit, for people; `late_ratio` of the choices is what is reckoned with."""
    success_min: float = 0.0
    quality_min: float = 0.0
    """No request goes to a channel below it."""
    regions: frozenset[str] = frozenset()
    """Where its requests may go; empty: anywhere."""

    def __post_init__(self) -> None:
        numbers = [self.requests_per_minute, self.tokens_per_request]
        numbers += [one.usd for one in self.choices] + [one.latency_s for one in self.choices]
        if not all(math.isfinite(one) and one >= 0 for one in numbers):
            raise ValueError(f"rates, tokens, prices and latencies of {self.name} are zero or more")
        if not all(0 <= one <= 1 for one in (self.late_max, self.success_min, self.quality_min)):
            raise ValueError(f"late_max, success_min and quality_min of {self.name} are between 0 and 1")

    def may_use(self, choice: Choice) -> bool:
        """Residency and quality are no matter of mixture: they hold for every request."""
        return choice.quality >= self.quality_min and (not self.regions or choice.region in self.regions)


@dataclass(frozen=True, slots=True)
class Capacity:
    """A channel's quota a minute, for all classes together; None: unknown, and taken as no bound."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    classes: Sequence[RequestClass]
    capacities: Mapping[str, Capacity] = field(default_factory=dict)
    usd_per_hour_max: float | None = None
    fastest: bool = False
    """Minimise the mean latency, within the budget, instead of the cost."""
