"""How long what is kept."""

from dataclasses import dataclass
from typing import Final

from foreroute.core.ports import Store

_DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Seconds that each kind of thing is kept. Hourly spend totals are kept for ever: they are small."""

    rollups_s: float = 30 * _DAY_S
    ledger_s: float = 90 * _DAY_S
    """Single attempts, for questions about one request."""
    records_s: float = 90 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What began before these instants goes."""

    rollups_at: float
    ledger_at: float
    records_at: float


def cutoffs(retention: Retention, at: float) -> Cutoffs:
    """The cutoffs at an instant. Pure. Never before the epoch, so that keeping for ever is a large number."""
    return Cutoffs(
        rollups_at=max(0.0, at - retention.rollups_s),
        ledger_at=max(0.0, at - retention.ledger_s),
        records_at=max(0.0, at - retention.records_s),
    )


async def prune(store: Store, before: Cutoffs) -> int:
    """Forgets what is older than the cutoffs; returns how many rows. Raises StoreError."""
    return (
        await store.rollups.prune(before.rollups_at)
        + await store.ledger.prune(before.ledger_at)
        + await store.records.prune(before.records_at)
    )
