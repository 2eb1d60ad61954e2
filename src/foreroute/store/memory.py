"""The reference back end: plain dictionaries. What a real store must do is what these do."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import Record
from foreroute.core.rollup import Rollup
from foreroute.store.rows import to_picousd, to_usd

Merge = Callable[[Sequence[Rollup]], Rollup]


class MemoryRollups:
    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._rollups: dict[tuple[float, ChannelId], dict[str, Rollup]] = {}

    async def append(self, rollups: Sequence[Rollup]) -> None:
        for rollup in rollups:
            self._rollups.setdefault((rollup.window_start, rollup.channel), {})[rollup.source] = rollup

    async def read(
        self, *, start_at: float, end_at: float, channels: Sequence[ChannelId] | None = None
    ) -> list[Rollup]:
        keys = sorted(
            key
            for key in self._rollups
            if start_at <= key[0] < end_at and (channels is None or key[1] in channels)
        )
        return [merged(self._rollups[key].values(), self._merge) for key in keys]

    async def prune(self, before_at: float) -> int:
        old = [key for key in self._rollups if key[0] < before_at]
        return sum(len(self._rollups.pop(key)) for key in old)


class MemoryLedger:
    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], LedgerEntry] = {}

    async def append(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            self._entries.setdefault((entry.attempt.request_id, entry.attempt.number), entry)

    async def spend(self, *, start_at: float, end_at: float) -> Mapping[ChannelId, Spend]:
        groups: dict[ChannelId, list[LedgerEntry]] = {}
        for entry in self._entries.values():
            if start_at <= entry.attempt.started_at < end_at:
                groups.setdefault(entry.attempt.channel, []).append(entry)
        return {channel: _spend(entries) for channel, entries in groups.items()}

    async def request(self, request_id: str) -> list[LedgerEntry]:
        found = [entry for (name, _), entry in self._entries.items() if name == request_id]
        return sorted(found, key=lambda entry: entry.attempt.number)


class MemoryRecords:
    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            self._records[record.kind, record.id] = record

    async def read(self, kind: str, *, since_at: float = 0.0, limit: int = 1000) -> list[Record]:
        found = [record for record in self._records.values() if record.kind == kind and record.at >= since_at]
        found.sort(key=lambda record: (record.at, record.id))
        return found[-limit:] if limit > 0 else []

    async def prune(self, before_at: float) -> int:
        old = [key for key, record in self._records.items() if record.at < before_at]
        for key in old:
            del self._records[key]
        return len(old)


class MemoryStore:
    """All three stores together, with the life cycle of a real one."""

    def __init__(self, merge: Merge) -> None:
        self.rollups = MemoryRollups(merge)
        self.ledger = MemoryLedger()
        self.records = MemoryRecords()

    async def close(self) -> None:
        """Nothing to close."""


def merged(rollups: Iterable[Rollup], merge: Merge) -> Rollup:
    """One rollup of a window's sources, in the order of their names."""
    known = sorted(rollups, key=lambda rollup: rollup.source)
    return known[0] if len(known) == 1 else merge(known)


def _spend(entries: Sequence[LedgerEntry]) -> Spend:
    usages = [entry.attempt.usage for entry in entries]
    return Spend(
        attempts=len(entries),
        cost_usd=to_usd(sum(to_picousd(entry.cost_usd) for entry in entries if entry.cost_usd is not None)),
        unpriced_attempts=sum(entry.cost_usd is None for entry in entries),
        input_tokens=sum(u.input_tokens + u.cached_input_tokens + u.cache_write_tokens for u in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
    )
