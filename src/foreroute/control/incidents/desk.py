"""Where incidents live while the service runs: told by each tick, annotated by people, remembered across restarts."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.control.decision_log import AUDIT, audit_record
from foreroute.control.incidents.book import IncidentBook
from foreroute.control.incidents.codec import kept, read
from foreroute.control.incidents.hits import HitCounter
from foreroute.control.incidents.noted import TUNING, noted
from foreroute.control.incidents.seen import Seen
from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreError
from foreroute.core.ids import ChannelId, IncidentId
from foreroute.core.incident import Act, IncidentReport, Note
from foreroute.core.incident_ports import IncidentQuery, IncidentStore
from foreroute.core.patterns import ChannelFact, FailurePattern
from foreroute.core.ports import Clock, KeptLedger, Record, RecordStore

_log: Final = logging.getLogger("foreroute.control")
_RESUMED_MAX: Final = 1000
_PIECE_S: Final = 600.0
_NOTED_MAX: Final = 200
NOTES_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHouse:
    """Where the desk reads and writes."""

    store: IncidentStore
    records: RecordStore
    ledger: KeptLedger
    clock: Clock
    patterns: Callable[[], Sequence[FailurePattern]] = tuple
    facts: Callable[[float], Sequence[ChannelFact]] = lambda _at: ()
    watched_s: float = 3600.0
    """So much of the ledger is read again after a restart."""


class IncidentDesk:
    """One change at a time. What a store does not take is offered again at the next one."""

    def __init__(self, book: IncidentBook, house: IncidentHouse) -> None:
        self._book, self._house = book, house
        self._hits = HitCounter()
        self._unwritten: dict[str, IncidentReport] = {}
        self._turn = asyncio.Lock()
        self._noted_at = 0.0

    async def start(self, at: float) -> None:
        """Takes up what earlier runs have left. Without the store it begins from nothing."""
        self._noted_at = at
        self._hits.begin(self._house.patterns())
        try:
            since_at = at - self._book.settings.lookback_s
            past = await self._house.store.read(IncidentQuery(since_at=since_at, limit=_RESUMED_MAX))
            still = await self._house.store.read(IncidentQuery(open_only=True, limit=_RESUMED_MAX))
            self._book.resume(read([*still, *past]))
            await self._watch_again(at)
        except StoreError as error:
            _log.warning("incidents_not_restored", extra={"error": str(error)})

    def observe(self, attempts: Sequence[Attempt]) -> None:
        """Each attempt once, as it is collected."""
        self._book.watch.observe(attempts)

    async def update(self, seen: Seen) -> None:
        """One tick. Raises StoreError when it could not be written down; it is known all the same."""
        async with self._turn:
            noted = await self._noted(seen.at)
            hits = self._hits.count(seen.at, self._house.patterns())
            full = replace(seen, noted=noted, hits=hits, facts=self._house.facts(seen.at))
            self._book.watch.forget(seen.at)
            await self._write(self._book.advance(full))

    def about(self) -> dict[ChannelId, IncidentId]:
        """The open incident of each channel that is in one; the one that was seen, not the one foreseen."""
        reports = sorted(self._book.reports.values(), key=lambda one: (one.outcome is None, -one.opened_at))
        return {name: one.id for one in reports if one.is_open for name in one.channels}

    # What people ask and do ------------------------------------------------------------------------------------

    async def newest(self, limit: int, *, open_only: bool = False) -> list[IncidentReport]:
        """The newest first. Raises StoreError."""
        found = read(await self._house.store.read(IncidentQuery(limit=limit, open_only=open_only)))
        fresh = {one.id: one for one in found} | self._unwritten
        shown = [one for one in fresh.values() if one.is_open or not open_only]
        return sorted(shown, key=lambda one: (-one.opened_at, one.id))[:limit]

    async def one(self, name: str) -> IncidentReport:
        """Raises KeyError, StoreError."""
        known = self._book.reports.get(IncidentId(name))
        if known is not None:
            return known
        found = read(await self._house.store.read(IncidentQuery(id=name, limit=1)))
        if not found:
            raise KeyError(name)
        return found[0]

    async def note(self, name: str, text: str, by: str) -> IncidentReport:
        """Raises KeyError, StoreError; ValueError when there are too many."""
        async with self._turn:
            await self._take_up(name)
            at = self._house.clock.now()
            if len(self._book.reports[IncidentId(name)].notes) >= NOTES_MAX:
                raise ValueError(f"an incident has at most {NOTES_MAX} notes")
            report = self._book.note(IncidentId(name), Note(at, by, text))
            await self._write([report])
            await self._audit("incident_note", f"{name} by {by or 'somebody'}")
            return report

    async def close(self, name: str, by: str) -> IncidentReport:
        """Over, because somebody says so. Closing what is closed changes nothing. Raises KeyError, StoreError."""
        async with self._turn:
            await self._take_up(name)
            before = self._book.reports[IncidentId(name)]
            report = self._book.close(IncidentId(name), self._house.clock.now(), by or "an operator")
            if report != before:
                await self._write([report])
                await self._audit("incident_close", f"{name} by {by or 'somebody'}")
            return report

    # How --------------------------------------------------------------------------------------------------------

    async def _take_up(self, name: str) -> None:
        if IncidentId(name) not in self._book.reports:
            self._book.resume([await self.one(name)])

    async def _write(self, changed: Sequence[IncidentReport]) -> None:
        self._unwritten |= {one.id: one for one in changed}
        if self._unwritten:
            await self._house.store.put([kept(one) for one in self._unwritten.values()])
            self._unwritten.clear()

    async def _watch_again(self, at: float) -> None:
        start_at = at - self._house.watched_s
        while start_at < at:
            end_at = min(start_at + _PIECE_S, at)
            entries = await self._house.ledger.entries(start_at=start_at, end_at=end_at)
            self._book.watch.observe(entry.attempt for entry in entries)
            start_at = end_at

    async def _noted(self, at: float) -> list[Act]:
        """What was written down since the last tick; a store that does not answer costs these acts, not the tick."""
        read, found = self._house.records.read, list[Record]()
        try:
            for kind in (AUDIT, TUNING):
                found += await read(kind, since_at=self._noted_at, limit=_NOTED_MAX)
        except StoreError:
            return []
        self._noted_at = at
        return noted(found)

    async def _audit(self, action: str, detail: str) -> None:
        record = audit_record(at=self._house.clock.now(), action=action, detail=detail)
        await self._house.records.append([record])
