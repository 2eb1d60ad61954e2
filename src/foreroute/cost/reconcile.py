"""A bill beside the ledger, day by day and model by model. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from foreroute.cost.bill_fields import BillLine

_NOTHING = Decimal(0)
NO_MODEL: Final = "(no model)"
"""Lines of a bill in which no model of the ledger was recognised."""
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]+")
_VERSION: Final = re.compile(r"(?:-\d{8}|-\d{4}-\d{2}-\d{2}|-v\d+(?::\d+)?|:\d+|-latest|-preview)$")


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


@dataclass(frozen=True, slots=True)
class ModelDifference:
    model: str
    billed_usd: Decimal
    metered_usd: Decimal
    unpriced_attempts: int = 0

    @property
    def difference_usd(self) -> Decimal:
        return self.billed_usd - self.metered_usd


def by_model(
    lines: Iterable[BillLine], metered: Mapping[str, Metering], named: Mapping[str, str] | None = None
) -> tuple[ModelDifference, ...]:
    """Every model of the ledger, the dearest first, and last what of the bill is nobody's.

    A line belongs to the model whose name is in its item or service, the longest first; `named` says what else to look
    for, such as `{"Claude4Sonnet": "claude-sonnet-4"}`.
    """
    looks = _looks(metered, named or {})
    billed: dict[str, Decimal] = {}
    for line in lines:
        text = _plain(f"{line.item} {line.service}")
        model = next((name for look, name in looks if look in text), NO_MODEL)
        billed[model] = billed.get(model, _NOTHING) + line.usd
    nothing = Metering(_NOTHING, 0)
    found = [
        ModelDifference(
            name,
            billed.get(name, _NOTHING),
            (ours := metered.get(name, nothing)).usd,
            ours.unpriced_attempts,
        )
        for name in sorted(billed.keys() | metered.keys())
    ]
    return tuple(sorted(found, key=lambda one: (one.model == NO_MODEL, -one.billed_usd, one.model)))


def _looks(models: Iterable[str], named: Mapping[str, str]) -> list[tuple[str, str]]:
    """What to look for and whose it is: the operator's own words first, then longer names before shorter ones."""
    own = [(_plain(look), model) for look, model in named.items()]
    stems = {look: name for name in models for look in _names(name) if look}
    return own + sorted(stems.items(), key=lambda one: -len(one[0]))


def _names(model: str) -> tuple[str, ...]:
    """A model's name, and without its vendor and its version: `anthropic.claude-sonnet-4-20250514-v1:0`."""
    bare = re.split(r"[./](?=[a-z])", model.lower())[-1]
    while (shorter := _VERSION.sub("", bare)) != bare:
        bare = shorter
    return _plain(model), _plain(bare)


def _plain(text: str) -> str:
    return _NOT_A_NAME.sub("", text.lower())
