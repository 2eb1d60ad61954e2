"""What one run of one policy comes to: figures of which less is better, and the regret to the oracle. Pure."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

from foreroute.core.ids import RequestId
from foreroute.simulate.policies.oracle import Best, Loss, waited_s
from foreroute.simulate.request import Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the scored requests of one run. Seconds, shares and US dollars; less is better everywhere."""

    p50_s: float
    p95_s: float
    p99_s: float
    """Of the wait for the first content, failed attempts included; a request that failed counts as the loss's
    `failure_s`."""
    violations: float
    """Share of the requests that waited longer than the objective, or failed."""
    failures: float
    """Share of the requests that failed for their user."""
    cost_usd: float
    """Of a thousand requests, with everything that was billed for failed attempts."""
    attempts: float
    """Of a request."""
    loss_s: float
    """Mean of a request: waiting, and what violations and failures count."""


NAMES: Final[tuple[str, ...]] = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class Wait:
    """One request as its user saw it. `waited_s` is infinite where it failed."""

    waited_s: float
    attempts: int
    cost_usd: float


def of_run(done: Iterable[Done], scored: Collection[RequestId], loss: Loss) -> Figures:
    """`scored`: which requests count. Raises ValueError when one of them has no end."""
    found = {
        one.request.id: Wait(waited_s(one), one.attempts, float(one.cost_usd))
        for one in done
        if one.request.id in scored
    }
    if len(found) != len(scored):
        raise ValueError(f"{len(scored) - len(found)} of {len(scored)} requests have no end")
    return figures(list(found.values()), loss)


def of_oracle(best: Iterable[Best], loss: Loss) -> Figures:
    return figures([Wait(one.waited_s, 1, float(one.cost_usd)) for one in best], loss)


def figures(waits: Sequence[Wait], loss: Loss) -> Figures:
    """Of at least one request."""
    count = len(waits)
    ordered = sorted(min(one.waited_s, loss.failure_s) for one in waits)
    failed = Counter(math.isinf(one.waited_s) for one in waits)[True]
    return Figures(
        p50_s=quantile(ordered, 0.50),
        p95_s=quantile(ordered, 0.95),
        p99_s=quantile(ordered, 0.99),
        violations=sum(one.waited_s > loss.limit_s for one in waits) / count,
        failures=failed / count,
        cost_usd=1000.0 * math.fsum(one.cost_usd for one in waits) / count,
        attempts=sum(one.attempts for one in waits) / count,
        loss_s=math.fsum(loss.of(one.waited_s, succeeded=math.isfinite(one.waited_s)) for one in waits)
        / count,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def to_row(found: Figures) -> dict[str, float]:
    return asdict(found)


def from_row(row: Mapping[str, float]) -> Figures:
    """Raises TypeError where figures are missing or others are there."""
    return Figures(**{name: float(value) for name, value in row.items()})
