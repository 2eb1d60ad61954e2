"""What `foreroute collect` runs: attempts from the journal to the store, and nothing else of the control loop.

For gateways that write to the journal of a store nobody serves from now, and for what a service that was killed has left.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from foreroute.app.plane import claim_journal, journal_folder
from foreroute.app.prices import LedgerPricer, allowances_of, price_book
from foreroute.app.stages import retention_of, segments_of
from foreroute.core.attempt import Attempt
from foreroute.core.errors import StoreError
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import Clock, Store
from foreroute.core.rollup import Rollup
from foreroute.monitor.fold import Folder
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings.convert import channels_of
from foreroute.settings.model import Settings
from foreroute.store.retention import keep_house

_log: Final = logging.getLogger("foreroute.collect")
_OPEN_S: Final = 900.0
"""Windows stay open for late attempts for as long."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one round has stored."""

    attempts: int = 0
    rollups: int = 0


class JournalCollector:
    """Takes what is in the journal; what a store does not take is offered again in the next round."""

    def __init__(self, settings: Settings, store: Store, *, source: str) -> None:
        """`source` names this run in its rollups."""
        self._settings, self._store = settings, store
        self._reader = JournalReader(journal_folder(settings), own=source)
        channels = {channel.id: channel for channel in channels_of(settings)}
        self._price = LedgerPricer(channels, price_book(settings), allowances_of(settings))
        self._has_begun = False
        self._fold = Folder(window_s=settings.loop.tick, source=source, segments=segments_of(settings))
        self._found: list[Attempt] = []
        self._entries: list[LedgerEntry] = []
        self._rollups: dict[tuple[str, str, float], Rollup] = {}

    def claim(self) -> None:
        """Raises StoreUnavailable if a service or another collector stores these attempts already."""
        claim_journal(self._reader, self._settings)

    def close(self) -> None:
        self._reader.release()

    async def round(self, at: float) -> Collected:
        """Stores what has come, then keeps house. Raises StoreError; nothing is lost by that."""
        self._found += await asyncio.to_thread(self._reader.poll)
        self._reader.mark()
        # Who wrote it may have been killed between storing it and letting go of it.
        attempts = await self._store.ledger.missing(self._found)
        self._found = []
        if not self._has_begun:
            await self._price.begin(self._store, at)
            self._has_begun = True
        entries = self._price(attempts)
        self._entries += entries
        self._fold.add([entry.attempt for entry in entries])
        self._rollups |= {(one.channel, one.segment, one.window_start): one for one in self._fold.changed()}
        stored = Collected(len(self._entries), len(self._rollups))
        if self._entries:
            await self._store.append(tuple(self._entries), tuple(self._rollups.values()))
            self._entries, self._rollups = [], {}
        self._reader.saved()
        self._fold.forget(at - _OPEN_S)
        await keep_house(self._store, retention_of(self._settings), at)
        return stored


async def collect_until(
    collector: JournalCollector, clock: Clock, *, every_s: float, said: Callable[[Collected], None]
) -> None:
    """A round at every boundary of `every_s` until cancelled, then a last one."""
    try:
        while True:
            await _try_round(collector, clock, said)
            await clock.sleep_until((clock.now() // every_s + 1) * every_s)
    finally:
        await _try_round(collector, clock, said)


async def _try_round(collector: JournalCollector, clock: Clock, said: Callable[[Collected], None]) -> None:
    try:
        said(await collector.round(clock.now()))
    except StoreError as error:
        _log.warning("not_stored", extra={"error": str(error)})
