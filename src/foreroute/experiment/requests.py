"""Attempts to requests: what the client saw of each, and when nothing more can come of it."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from foreroute.core.attempt import ArmMark, Asked, Attempt, Outcome
from foreroute.core.attempt_json import attempt_fields, attempt_of
from foreroute.core.experiment import SHADOW_NUMBER
from foreroute.core.ledger import LedgerEntry
from foreroute.experiment.measures import Measure

SETTLE_S: Final = 120.0
"""A request without success is over when it was not tried again for so long."""
Values = Mapping[Measure, float]
Expected = Callable[[Asked, bool], Values]
"""(what was asked, streamed) → what is usual for such a request on no channel in particular; what is not known is
left out. It must not depend on the arm.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of one arm. `before` has what was known of it before it was served."""

    request_id: str
    mark: ArmMark
    started_at: float
    values: Values
    before: Values
    is_copy: bool = False


@dataclass(slots=True)
class _Open:
    mark: ArmMark
    attempts: dict[int, Attempt] = field(default_factory=dict)

    def add(self, attempt: Attempt) -> None:
        self.attempts[attempt.number] = attempt

    @property
    def answered(self) -> bool:
        """By an attempt before which all are known."""
        numbers = set(self.attempts)
        return any(
            one.outcome is Outcome.SUCCESS and numbers.issuperset(range(1, one.number + 1))
            for one in self.attempts.values()
        )

    @property
    def ended_at(self) -> float:
        return max(one.ended_at for one in self.attempts.values())


class Requests:
    """Of one run. Takes attempts in any batches; each request comes out once."""

    def __init__(self, run: str, expected: Expected) -> None:
        self._run = run
        self._expected = expected
        self._open: dict[str, _Open] = {}
        self.late = 0
        """Attempts of requests that were counted as over: they change nothing any more."""

    def take(self, entries: Iterable[LedgerEntry], at: float) -> list[Seen]:
        """Those that are over by now."""
        found: list[Seen] = []
        for entry in entries:
            attempt = entry.attempt
            mark = next((one for one in attempt.arms if one.run == self._run), None)
            if mark is None:
                continue
            if attempt.number >= SHADOW_NUMBER:
                found.append(self._seen(attempt.request_id, mark, [attempt], is_copy=True))
                continue
            opened = self._open.get(attempt.request_id)
            if opened is None:
                if attempt.number > 1 and not attempt.hedge:
                    self.late += 1
                    continue
                opened = self._open[attempt.request_id] = _Open(mark)
            opened.add(attempt)
        return [*found, *self._settle(at)]

    def _settle(self, at: float) -> list[Seen]:
        over = [name for name, one in self._open.items() if one.answered or one.ended_at < at - SETTLE_S]
        found = []
        for name in over:
            one = self._open.pop(name)
            found.append(self._seen(name, one.mark, list(one.attempts.values())))
        return found

    def _seen(self, name: str, mark: ArmMark, attempts: list[Attempt], *, is_copy: bool = False) -> Seen:
        attempts.sort(key=lambda one: one.number)
        first = attempts[0]
        return Seen(
            name,
            mark,
            first.started_at,
            values_of(attempts),
            self._expected(first.asked, first.stream),
            is_copy,
        )

    def dump(self) -> dict[str, Any]:
        opened = [
            {
                "request_id": name,
                "mark": [one.mark.run, one.mark.arm, one.mark.unit],
                "attempts": [
                    [
                        n,
                        a.started_at,
                        a.channel,
                        None if a.cost_usd is None else str(a.cost_usd),
                        attempt_fields(a),
                    ]
                    for n, a in one.attempts.items()
                ],
            }
            for name, one in self._open.items()
        ]
        return {"late": self.late, "open": opened}

    def load(self, state: Mapping[str, Any]) -> None:
        self.late = state["late"]
        for row in state["open"]:
            opened = self._open[row["request_id"]] = _Open(ArmMark(*row["mark"]))
            for number, started_at, channel, cost, fields in row["attempts"]:
                opened.add(
                    attempt_of(
                        fields,
                        request_id=row["request_id"],
                        number=number,
                        started_at=started_at,
                        channel=channel,
                        cost_usd=None if cost is None else Decimal(cost),
                    )
                )


def values_of(attempts: list[Attempt]) -> dict[Measure, float]:
    """What the client of a request saw, and what it cost. Of a request whose client left, only the cost."""
    first = attempts[0]
    found: dict[Measure, float] = {}
    costs = [one.cost_usd for one in attempts]
    if all(cost is not None for cost in costs):
        found[Measure.COST] = float(sum(cost for cost in costs if cost is not None))
    answer = next((one for one in attempts if one.outcome is Outcome.SUCCESS), None)
    if answer is None:
        if attempts[-1].outcome is not Outcome.IGNORED:
            found[Measure.FAILURES] = 1.0
        return found
    found[Measure.FAILURES] = 0.0
    found[Measure.TOKENS] = float(answer.usage.output_tokens)
    took_s = max(answer.ended_at - first.started_at, 1e-6)
    found[Measure.LATENCY], found[Measure.LATENCY_MEAN] = math.log(took_s), took_s
    if answer.stream and answer.time_to_first_chunk_s is not None:
        waited_s = answer.started_at - first.started_at + answer.time_to_first_chunk_s
        found[Measure.FIRST_CHUNK] = math.log(max(waited_s, 1e-6))
    return found
