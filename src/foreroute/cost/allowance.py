"""What a channel gives away before it charges. Pure: what has been used is handed in, or counted from what was handed in.

The ledger itself says what has been used: every attempt on record counts, and every token of it. An attempt that goes
beyond an allowance of tokens pays for the rest of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Metered, SpendCell, UsedPrices
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, Window, period_of

_NOTHING: Final = Decimal(0)
_ALL: Final = Decimal(1)
_PICO: Final = Decimal("1E-12")
_SHARE: Final = Decimal("1E-9")
ALLOWANCE: Final = "allowance"
"""The price source of an attempt whose price nobody knows, and which cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """None: no allowance of that kind. Where several are set, an attempt is as free as the scarcest lets it be.

    Raises ConfigError for a time zone that does not exist.
    """

    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    requests_per_month: int | None = None
    tokens_per_month: int | None = None
    time_zone: str = "UTC"
    zone: tzinfo = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", zone_of(self.time_zone))

    def limits(self, period: Period) -> tuple[int | None, int | None]:
        """Requests and tokens."""
        if period is Period.DAY:
            return self.requests_per_day, self.tokens_per_day
        return self.requests_per_month, self.tokens_per_month


@dataclass(frozen=True, slots=True)
class Used:
    requests: int = 0
    tokens: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(self.requests + other.requests, self.tokens + other.tokens)


Key = tuple[ChannelId, Period, float]
"""Channel, kind of period, and the instant at which it begins."""
_PERIODS: Final = (Period.DAY, Period.MONTH)


def windows_of(allowances: Mapping[ChannelId, Allowance], at: float) -> tuple[Window, ...]:
    """The days and months, of all time zones, that rows of now and of the day before may belong to."""
    found = {
        window.start_at: window
        for one in allowances.values()
        for period in _PERIODS
        for moment in (at, at - 86_400.0)
        if any(limit is not None for limit in one.limits(period))
        for window in (period_of(period, moment, one.zone),)
    }
    return tuple(found[start] for start in sorted(found))


class FreeUse:
    """Counts what has been used of each allowance. For one thread at a time; begins with what the ledger holds."""

    def __init__(self, allowances: Mapping[ChannelId, Allowance]) -> None:
        self._allowances = dict(allowances)
        self._used: dict[Key, Used] = {}

    @property
    def allowances(self) -> Mapping[ChannelId, Allowance]:
        return self._allowances

    def begin(self, cells: Iterable[SpendCell], at: float) -> None:
        """Takes what the ledger holds of the days and months about `at` for what has been used of them.

        `cells`: those of each window of `windows_of`, asked for one by one: a day is inside its month.
        """
        self._used = {}
        rows = list(cells)
        for channel, one in self._allowances.items():
            for period in _PERIODS:
                for moment in (at, at - 86_400.0):
                    window = period_of(period, moment, one.zone)
                    mine = (cell.metered for cell in rows if _is(cell, channel, window))
                    self._used[channel, period, window.start_at] = _used(sum(mine, Metered()))

    def take(self, entries: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
        """The entries at what is left to pay, in order; each is counted."""
        return tuple(self._one(entry) if self._allowances else entry for entry in entries)

    def _one(self, entry: LedgerEntry) -> LedgerEntry:
        attempt = entry.attempt
        allowance = self._allowances.get(attempt.channel)
        if allowance is None:
            return entry
        usage = attempt.usage
        mine = Used(
            1,
            usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens + usage.output_tokens,
        )
        ratio = _ALL
        for period in _PERIODS:
            key = attempt.channel, period, period_of(period, attempt.started_at, allowance.zone).start_at
            before = self._used.get(key, Used())
            self._used[key] = before + mine
            ratio = min(ratio, _free(allowance.limits(period), before, mine))
        return freed(entry, ratio)


def freed(entry: LedgerEntry, ratio: Decimal) -> LedgerEntry:
    """The entry with this share of its cost taken off, 0…1, to the pico-dollar. Wholly free needs no price."""
    if ratio == 0 or (entry.cost_usd is None and ratio < 1):
        return entry
    cost = ((entry.cost_usd or _NOTHING) * (1 - ratio)).quantize(_PICO, ROUND_HALF_EVEN)
    return replace(
        entry,
        attempt=entry.attempt.priced(cost),
        cost_usd=cost,
        price_source=ALLOWANCE if entry.cost_usd is None else entry.price_source,
        prices=replace(entry.prices or UsedPrices(book=ALLOWANCE), free_ratio=ratio),
    )


def _free(limits: tuple[int | None, int | None], before: Used, mine: Used) -> Decimal:
    requests, tokens = limits
    if requests is not None and before.requests >= requests:
        return _NOTHING
    if tokens is None:
        return _ALL
    left = max(0, tokens - before.tokens)
    if mine.tokens <= left:
        return _ALL if left or mine.tokens == 0 else _NOTHING
    return (Decimal(left) / mine.tokens).quantize(_SHARE)


def _is(cell: SpendCell, channel: ChannelId, window: Window) -> bool:
    return (cell.group.channel, cell.start_at, cell.end_at) == (channel, window.start_at, window.end_at)


def _used(metered: Metered) -> Used:
    tokens = metered.input_tokens + metered.cached_input_tokens + metered.cache_write_tokens
    return Used(metered.attempts, tokens + metered.output_tokens)
