"""How long what is kept, and in which form."""

from dataclasses import dataclass
from typing import Final

from foreroute.core.incident_ports import IncidentedStore
from foreroute.core.playbook_ports import PlaybookStore
from foreroute.core.ports import Store
from foreroute.core.rollup import Tiers

_DAY_S: Final = 86400.0
SETTLE_S: Final = 1800.0
"""Minutes change for as long: late attempts come, a store that was away is offered them again. Then they are packed."""
_STEPS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Ages in seconds, each at or above the one before it. Hourly spend totals are kept for ever: they are small."""

    minutes_s: float = 14 * _DAY_S
    hours_s: float = 90 * _DAY_S
    """Minutes become hours before that."""
    days_s: float = 730 * _DAY_S
    """Hours become days before that."""
    records_s: float = 90 * _DAY_S
    incidents_s: float = 730 * _DAY_S
    """Closed ones: they are few, and people come back to them."""


def tiers_at(retention: Retention, at: float) -> Tiers:
    """What is due at an instant. Pure. Never before the epoch, so that keeping for ever is a large number."""
    return Tiers(
        pack_at=max(0.0, at - SETTLE_S),
        hours_at=max(0.0, at - retention.minutes_s),
        days_at=max(0.0, at - retention.hours_s),
        gone_at=max(0.0, at - retention.days_s),
    )


async def keep_house(store: Store, retention: Retention, at: float, *, steps: int = _STEPS) -> int:
    """Does a bounded part of what is due; returns how many rollups, records and incidents it took up. Raises StoreError.

    To be called again and again: what is left waits for the next call, and a call that was cut short left nothing
    half done.
    """
    old_at = max(0.0, at - retention.records_s)
    done = await store.records.prune(old_at)
    if isinstance(store, PlaybookStore):
        done += await store.playbook_runs.prune(old_at)
    if isinstance(store, IncidentedStore):
        done += await store.incidents.prune(max(0.0, at - retention.incidents_s))
    for _ in range(steps):
        if not (some := await store.rollups.thin(tiers_at(retention, at))):
            break
        done += some
    return done
