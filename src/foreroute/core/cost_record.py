"""What was said about the cost of periods, what came of it, and which reports have been sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedForecast:
    """A forecast of what a period will have cost, as it was said. Identified by all but the amounts."""

    period: str
    """`day`, `week` or `month`."""
    start_at: float
    end_at: float
    mark: int
    """How much of the period was over, in percent: one of the marks at which forecasts are kept."""
    division: str
    """`total`, `channel` or `route`."""
    name: str
    at: float
    spent_usd: Decimal
    expected_usd: Decimal
    lower_usd: Decimal
    upper_usd: Decimal
    """With the lower one the interval that is to hold 80 %."""
    came_usd: Decimal | None = None
    """What the ledger says at the period's end; None: it has not ended yet."""
    unpriced_attempts: int = 0
    """Of the period: what they cost is in no sum, so that less came than was spent."""


class SendState(StrEnum):
    BEGUN = "begun"
    """On its way, or cut off on it: whether it has arrived is not known."""
    SENT = "sent"
    FAILED = "failed"
    """It was not taken, and is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSent:
    """A scheduled report to one receiver. Identified by the first four."""

    report: str
    period: str
    window: str
    target: int
    """The receiver's place in the report's list."""
    state: SendState
    tries: int
    at: float
    error: str = ""


class CostRecord(Protocol):
    """Forecasts and reports. Every call is one transaction."""

    async def state(self, forecasts: Sequence[StatedForecast]) -> int:
        """Keeps what is new, and says how many that was: what was said at a mark first stands."""
        ...

    async def forecasts(self, *, since_at: float) -> list[StatedForecast]:
        """Those of periods that ended later, by period, start, mark, division and name."""
        ...

    async def ungraded(self, ended_by: float) -> list[StatedForecast]:
        """Those of periods that are over, and whose outcome is not on record."""
        ...

    async def grade(self, graded: Sequence[StatedForecast], at: float) -> None:
        """Writes down what came. A grade is given once."""
        ...

    async def claim(self, one: ReportSent, *, failed_before: float) -> bool:
        """Writes down that it is begun, unless it is on record as begun or sent, or as failed since `failed_before`.
        True: whoever asked is to send it, and nobody else is.
        """
        ...

    async def settle(self, one: ReportSent) -> None:
        """Writes down what became of one that was begun."""
        ...

    async def reports(self, *, since_at: float) -> list[ReportSent]:
        """What is on record since then, oldest first."""
        ...


@runtime_checkable
class RecordedCosts(Protocol):
    """A store that keeps them."""

    @property
    def cost_record(self) -> CostRecord: ...
