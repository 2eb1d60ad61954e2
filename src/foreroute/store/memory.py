"""The reference back end: plain dictionaries. What a real store must do is what these do."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from foreroute.core.attempt import Attempt
from foreroute.core.budgets import Origin, ScopedBudget
from foreroute.core.ids import REQUEST_ID_JOINT, ChannelId, KeyId
from foreroute.core.keys import KeyBook, Team, TeamId, VirtualKey
from foreroute.core.ledger import Correction, LedgerEntry, Metered, Spend, SpendCell, SpendGroup
from foreroute.core.ports import Record, RecordStore
from foreroute.core.rollup import Rollup
from foreroute.store.memory_experiments import MemoryExperiments
from foreroute.store.memory_incidents import MemoryIncidents
from foreroute.store.memory_playbooks import MemoryRunJournal
from foreroute.store.memory_rollups import MemoryRollups
from foreroute.store.rows import to_picousd, to_usd
from foreroute.store.spans import HOUR_S, Merge
from foreroute.store.spend_groups import QUARTER_S, check_windows, grouped, metered


class MemoryLedger:
    """The money of a store in memory, told apart in every way that the ports ask for."""

    def __init__(
        self, keys: "MemoryKeys | None" = None, told: Callable[[LedgerEntry], None] = lambda _: None
    ) -> None:
        """`told` hears of every new entry."""
        self._owners = keys or MemoryKeys()
        self._told = told
        self._entries: dict[tuple[str, int], LedgerEntry] = {}
        self._hours: dict[float, list[tuple[LedgerEntry, Spend]]] = {}
        """Rows by the hour in which they started."""
        self._totals: dict[float, dict[ChannelId, Spend]] = {}
        """Totals of each hour: they outlive its rows, and a month's spend is not a walk through all of them."""
        self._keys: dict[float, dict[KeyId, Decimal]] = {}
        """Totals of each hour by key."""
        self._quarters: dict[float, dict[SpendGroup, Metered]] = {}
        """Totals of each quarter of an hour by group."""
        self._groups: dict[tuple[str, int], SpendGroup] = {}
        """The group of each entry, as it was when it was written."""

    async def append(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            key = (entry.attempt.request_id, entry.attempt.number)
            if key not in self._entries:
                owner = self._owners.known(entry.attempt.key_id)
                self._groups[key] = grouped(entry, owner)
                self._enter(entry)
                self._told(entry)

    def _enter(self, entry: LedgerEntry) -> None:
        attempt, spend = entry.attempt, _spend(entry)
        key = (attempt.request_id, attempt.number)
        self._entries[key] = entry
        hour_at = attempt.started_at // HOUR_S * HOUR_S
        self._hours.setdefault(hour_at, []).append((entry, spend))
        self._count(entry, spend, metered(entry))

    def _count(self, entry: LedgerEntry, spend: Spend, also: Metered) -> None:
        attempt = entry.attempt
        hour_at, quarter_at = (attempt.started_at // step * step for step in (HOUR_S, QUARTER_S))
        totals = self._totals.setdefault(hour_at, {})
        totals[attempt.channel] = _sum([totals.get(attempt.channel, Spend()), spend])
        quarters = self._quarters.setdefault(quarter_at, {})
        group = self._groups[attempt.request_id, attempt.number]
        quarters[group] = quarters.get(group, Metered()) + also
        if (owner := attempt.key_id) is not None:
            owners = self._keys.setdefault(hour_at, {})
            owners[owner] = owners.get(owner, Decimal(0)) + spend.cost_usd

    async def cells(self, windows: Sequence[tuple[float, float]]) -> list[SpendCell]:
        check_windows(windows)
        found = []
        for start_at, end_at in windows:
            sums: dict[SpendGroup, Metered] = {}
            for quarter_at, groups in self._quarters.items():
                if start_at <= quarter_at < end_at:
                    for group, one in groups.items():
                        sums[group] = sums.get(group, Metered()) + one
            cells = [SpendCell(start_at, end_at, group, one) for group, one in sums.items()]
            found += sorted(cells, key=lambda cell: str(cell.group))
        return found

    async def rows(self, *, start_at: float, end_at: float, limit: int) -> list[LedgerEntry]:
        found = [entry for entry in self._entries.values() if start_at <= entry.attempt.started_at < end_at]
        found.sort(key=lambda e: (e.attempt.started_at, e.attempt.request_id, e.attempt.number))
        return found[:limit]

    async def correct(self, corrections: Sequence[Correction]) -> int:
        return sum(self._correct(one) for one in corrections)

    def _correct(self, one: Correction) -> bool:
        old = self._entries.get((one.request_id, one.number))
        if old is None:
            return False
        new = replace(
            old,
            attempt=old.attempt.priced(one.cost_usd),
            cost_usd=one.cost_usd,
            price_source=one.price_source,
            prices=one.prices,
        )
        before, after = _spend(old), _spend(new)
        if (before.cost_usd, before.unpriced_attempts) == (after.cost_usd, after.unpriced_attempts):
            return False
        self._entries[one.request_id, one.number] = new
        hour = self._hours[old.attempt.started_at // HOUR_S * HOUR_S]
        hour[hour.index((old, before))] = (new, after)
        cost, unpriced = (
            after.cost_usd - before.cost_usd,
            after.unpriced_attempts - before.unpriced_attempts,
        )
        self._count(
            new,
            Spend(cost_usd=cost, unpriced_attempts=unpriced),
            Metered(cost_usd=cost, unpriced_attempts=unpriced),
        )
        return True

    async def spend(self, *, start_at: float, end_at: float) -> Mapping[ChannelId, Spend]:
        spends: dict[ChannelId, list[Spend]] = {}
        for hour_at, totals in self._totals.items():
            if start_at <= hour_at and hour_at + HOUR_S <= end_at:
                for channel, total in totals.items():
                    spends.setdefault(channel, []).append(total)
            elif start_at < hour_at + HOUR_S and hour_at < end_at:
                for entry, spend in self._hours.get(hour_at, ()):
                    if start_at <= entry.attempt.started_at < end_at:
                        spends.setdefault(entry.attempt.channel, []).append(spend)
        return {channel: _sum(found) for channel, found in spends.items()}

    async def spend_by_key(self, *, start_at: float, end_at: float) -> Mapping[KeyId, Decimal]:
        spends: dict[KeyId, Decimal] = {}
        for hour_at, totals in self._keys.items():
            if start_at <= hour_at and hour_at + HOUR_S <= end_at:
                for key, total in totals.items():
                    spends[key] = spends.get(key, Decimal(0)) + total
            elif start_at < hour_at + HOUR_S and hour_at < end_at:
                for entry, spend in self._hours.get(hour_at, ()):
                    owner = entry.attempt.key_id
                    if owner is not None and start_at <= entry.attempt.started_at < end_at:
                        spends[owner] = spends.get(owner, Decimal(0)) + spend.cost_usd
        return spends

    async def missing(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        return [one for one in attempts if (one.request_id, one.number) not in self._entries]

    async def request(self, request_id: str) -> list[LedgerEntry]:
        start = request_id + REQUEST_ID_JOINT
        found = [e for key, e in self._entries.items() if key[0] == request_id or key[0].startswith(start)]
        return newest_request(sorted(found, key=lambda entry: entry.attempt.number))

    async def entries(self, *, start_at: float, end_at: float) -> list[LedgerEntry]:
        found = [e for e in self._entries.values() if start_at <= e.attempt.started_at < end_at]
        return sorted(found, key=lambda entry: entry.attempt.started_at)

    async def prune(self, before_at: float) -> int:
        end_at = before_at // HOUR_S * HOUR_S
        old = [entry for hour in self._hours if hour < end_at for entry, _ in self._hours[hour]]
        for entry in old:
            del self._entries[entry.attempt.request_id, entry.attempt.number]
            del self._groups[entry.attempt.request_id, entry.attempt.number]
        self._hours = {hour: rows for hour, rows in self._hours.items() if hour >= end_at}
        return len(old)


class MemoryRecords:
    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            self._records[record.kind, record.id] = record

    async def read(
        self, kind: str, *, since_at: float = 0.0, until_at: float = math.inf, limit: int = 1000
    ) -> list[Record]:
        mine = [record for record in self._records.values() if record.kind == kind]
        found = [record for record in mine if since_at <= record.at < until_at]
        found.sort(key=lambda record: (record.at, record.id))
        return found[-limit:] if limit > 0 else []

    async def prune(self, before_at: float) -> int:
        old = [key for key, record in self._records.items() if record.at < before_at]
        for key in old:
            del self._records[key]
        return len(old)


class MemoryKeys:
    def __init__(self) -> None:
        self._keys: dict[KeyId, VirtualKey] = {}
        self._teams: dict[TeamId, Team] = {}

    async def read(self) -> KeyBook:
        return KeyBook(
            keys=tuple(self._keys[name] for name in sorted(self._keys)),
            teams=tuple(self._teams[name] for name in sorted(self._teams)),
        )

    def known(self, name: KeyId | None) -> VirtualKey | None:
        return None if name is None else self._keys.get(name)

    async def put(self, key: VirtualKey) -> None:
        self._keys[key.id] = key

    async def put_team(self, team: Team) -> None:
        self._teams[team.id] = team


class MemoryBudgets:
    def __init__(self) -> None:
        self._budgets: dict[str, ScopedBudget] = {}

    async def read(self) -> tuple[ScopedBudget, ...]:
        return tuple(self._budgets[name] for name in sorted(self._budgets))

    async def put(self, budget: ScopedBudget) -> None:
        self._budgets[budget.name] = replace(budget, origin=Origin.RUN_TIME)

    async def remove(self, name: str) -> bool:
        return self._budgets.pop(name, None) is not None


class MemoryStore:
    """All stores together, with the life cycle of a real one."""

    def __init__(self, merge: Merge) -> None:
        self.rollups = MemoryRollups(merge)
        self.experiments = MemoryExperiments()
        self.incidents = MemoryIncidents()
        self.keys = MemoryKeys()
        self.ledger = MemoryLedger(self.keys, self.experiments.marked.add)
        self.records: RecordStore = MemoryRecords()
        self.key_spend = self.ledger
        self.costs = self.ledger
        self.budgets = MemoryBudgets()
        self.playbook_runs = MemoryRunJournal()

    async def append(self, entries: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:
        await self.ledger.append(entries)
        await self.rollups.append(rollups)

    async def close(self) -> None:
        """Nothing to close."""


def newest_request(entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Those of the request that came last, of several that one client gave the same id."""
    if not entries:
        return []
    newest = max(entries, key=lambda entry: entry.attempt.started_at).attempt.request_id
    return [entry for entry in entries if entry.attempt.request_id == newest]


def _spend(entry: LedgerEntry) -> Spend:
    """In pico-dollars and bounded, as a real store keeps it."""
    usage = entry.attempt.usage
    return Spend(
        attempts=1,
        cost_usd=Decimal(0) if entry.cost_usd is None else to_usd(to_picousd(entry.cost_usd)),
        unpriced_attempts=int(entry.cost_usd is None),
        input_tokens=usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )


def _sum(spends: Sequence[Spend]) -> Spend:
    return Spend(
        attempts=sum(one.attempts for one in spends),
        cost_usd=sum((one.cost_usd for one in spends), Decimal(0)),
        unpriced_attempts=sum(one.unpriced_attempts for one in spends),
        input_tokens=sum(one.input_tokens for one in spends),
        output_tokens=sum(one.output_tokens for one in spends),
    )
