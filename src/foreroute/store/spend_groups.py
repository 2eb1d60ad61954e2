"""Groups of spend as a store writes them, and the windows that it can sum them over. No database in here."""

from collections.abc import Sequence
from typing import Final

import orjson

from foreroute.core.attempt import PickReason
from foreroute.core.keys import VirtualKey
from foreroute.core.ledger import LedgerEntry, Metered, SpendGroup
from foreroute.store.rows import to_picousd, to_usd

QUARTER_S: Final = 900.0
"""Every day of every time zone of today begins on a quarter of an hour."""


def group_of(name: str) -> SpendGroup:
    channel, provider, cloud, region, model, route, key, team, tags, kind = orjson.loads(name)
    return SpendGroup(channel, provider, cloud, region, model, route, key, team, tuple(sorted(tags)), kind)


def grouped(entry: LedgerEntry, owner: VirtualKey | None) -> SpendGroup:
    """The group of an entry; `owner` is its key, where the store knows it."""
    attempt, seller = entry.attempt, entry.seller
    return SpendGroup(
        attempt.channel,
        seller.provider,
        seller.cloud,
        seller.region,
        seller.model,
        attempt.route,
        attempt.key_id or "",
        "" if owner is None else owner.team or "",
        () if owner is None else tuple(sorted(owner.tags)),
        _kind(entry),
    )


def metered(entry: LedgerEntry) -> Metered:
    """In pico-dollars and bounded, as a real store keeps it."""
    usage = entry.attempt.usage
    return Metered(
        attempts=1,
        unpriced_attempts=int(entry.cost_usd is None),
        cost_usd=to_usd(0 if entry.cost_usd is None else to_picousd(entry.cost_usd)),
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def check_windows(windows: Sequence[tuple[float, float]]) -> None:
    """Raises ValueError for a window that the totals cannot be summed over exactly."""
    for at in (at for window in windows for at in window):
        if at % QUARTER_S:
            raise ValueError(f"windows begin and end on quarters of an hour, not at {at}")


def _kind(entry: LedgerEntry) -> str:
    attempt = entry.attempt
    if attempt.reason in (PickReason.PROBE, PickReason.SHADOW):
        return attempt.reason.value
    if attempt.hedge:
        return "hedge"
    return "retry" if attempt.number > 1 else ""
