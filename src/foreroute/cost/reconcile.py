"""A bill beside the ledger, day by day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from foreroute.cost.bill import BillLine

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class DayDifference:
    day: date
    billed_usd: Decimal
    metered_usd: Decimal
    unpriced_attempts: int = 0

    @property
    def difference_usd(self) -> Decimal:
        """What the bill has more than the ledger."""
        return self.billed_usd - self.metered_usd


@dataclass(frozen=True, slots=True)
class Metering:
    """What the ledger has of one day."""

    usd: Decimal
    unpriced_attempts: int


def differences(lines: Iterable[BillLine], metered: Mapping[date, Metering]) -> tuple[DayDifference, ...]:
    """Every day of either, in order."""
    billed: dict[date, Decimal] = {}
    for line in lines:
        billed[line.day] = billed.get(line.day, _NOTHING) + line.usd
    nothing = Metering(_NOTHING, 0)
    return tuple(
        DayDifference(
            day,
            billed.get(day, _NOTHING),
            (ours := metered.get(day, nothing)).usd,
            ours.unpriced_attempts,
        )
        for day in sorted(billed.keys() | metered.keys())
    )
