"""What users got out of a run: counted request by request, summed up at the end."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from foreroute.core.ids import RegionId
from foreroute.simulate.request import Done

_RANKS: Final = (0.5, 0.95, 0.99)
_NAMES: Final = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Of the requests that began in a window. Seconds; None where there is nothing to say it of."""

    requests: int
    failures: int
    """Requests that failed for their users, refused ones included."""
    refused: int
    retried: int
    """Requests that took more than one attempt."""
    late: int
    """Requests that had an answer, but the first of it after the limit."""
    first_chunk_s: dict[str, float | None]
    """From the request to the first content, by rank; whole answers count with their end."""
    duration_s: dict[str, float | None]
    cost_usd: Decimal

    @property
    def violations(self) -> int:
        """Requests that missed the objective: failed or late."""
        return self.failures + self.late

    def as_dict(self) -> dict[str, Any]:
        share = self.violations / self.requests if self.requests else 0.0
        return {
            "requests": self.requests,
            "failures": self.failures,
            "refused": self.refused,
            "retried": self.retried,
            "late": self.late,
            "slo_violations": self.violations,
            "slo_violation_ratio": round(share, 6),
            "first_chunk_s": {name: _rounded(value) for name, value in self.first_chunk_s.items()},
            "duration_s": {name: _rounded(value) for name, value in self.duration_s.items()},
            "cost_usd": str(self.cost_usd.quantize(Decimal("0.000001"))),
        }


class Outcomes:
    """Takes every `Done` of a run; `summary` tells of any part of it. `limit_s`: the objective for each request."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = math.inf if limit_s is None else limit_s
        self._at = array("d")
        self._first = array("d")
        self._whole = array("d")
        self._attempts = array("l")
        self._costs: list[Decimal] = []
        self._places: list[RegionId] = []

    def add(self, done: Done) -> None:
        self._at.append(done.request.at)
        first_s = done.first_chunk_s if done.succeeded else None
        self._first.append(math.nan if first_s is None else first_s)
        self._whole.append(done.duration_s if done.succeeded else math.nan)
        self._attempts.append(done.attempts)
        self._costs.append(done.cost_usd)
        self._places.append(done.request.place)

    def places(self) -> list[RegionId]:
        return sorted(set(self._places))

    def summary(
        self, *, since_at: float = -math.inf, until_at: float = math.inf, place: RegionId | None = None
    ) -> Summary:
        chosen = [
            number
            for number, at in enumerate(self._at)
            if since_at <= at < until_at and (place is None or self._places[number] == place)
        ]
        first = [self._first[number] for number in chosen]
        answered = sorted(value for value in first if not math.isnan(value))
        whole = sorted(value for number in chosen if not math.isnan(value := self._whole[number]))
        return Summary(
            requests=len(chosen),
            failures=len(chosen) - len(answered),
            refused=sum(self._attempts[number] == 0 for number in chosen),
            retried=sum(self._attempts[number] > 1 for number in chosen),
            late=sum(value > self._limit_s for value in answered),
            first_chunk_s=_quantiles(answered),
            duration_s=_quantiles(whole),
            cost_usd=sum((self._costs[number] for number in chosen), Decimal(0)),
        )

    def course(self, *, start_at: float, end_at: float, step_s: float) -> list[dict[str, Any]]:
        """One row for each step: requests, failures, and the first chunk's p50 and p95."""
        count = max(0, math.ceil((end_at - start_at) / step_s))
        rows: list[list[float]] = [[] for _ in range(count)]
        totals = [0] * count
        for number, at in enumerate(self._at):
            if start_at <= at < end_at:
                place = int((at - start_at) / step_s)
                totals[place] += 1
                if not math.isnan(self._first[number]):
                    rows[place].append(self._first[number])
        return [_row(start_at + place * step_s, totals[place], sorted(rows[place])) for place in range(count)]


def _row(at: float, total: int, answered: Sequence[float]) -> dict[str, Any]:
    found = _quantiles(answered)
    return {
        "at": at,
        "requests": total,
        "failures": total - len(answered),
        "p50_s": _rounded(found["p50"]),
        "p95_s": _rounded(found["p95"]),
    }


def _quantiles(ordered: Sequence[float]) -> dict[str, float | None]:
    if not ordered:
        return dict.fromkeys(_NAMES)
    return {name: quantile(ordered, rank) for name, rank in zip(_NAMES, _RANKS, strict=True)}


def quantile(ordered: Sequence[float], rank: float) -> float:
    """Linear interpolation between order statistics (Hyndman & Fan 1996, type 7)."""
    position = rank * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
