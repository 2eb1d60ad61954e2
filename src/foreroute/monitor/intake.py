"""Where attempts come in: a queue for the tick, a journal against sudden death, and what other processes left."""

from collections.abc import Callable

from foreroute.core.attempt import Attempt
from foreroute.monitor.collector import Collector
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader


class Intake:
    """The gateway records, the tick drains and says when all of it is stored.

    Without a journal it is a queue. With one, what was recorded and not stored is found again by the next run.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._journal: Journal | None = None
        self._reader: JournalReader | None = None
        self._drained = -1
        self.on_foreign: Callable[[Attempt], None] = lambda _attempt: None
        """Hears of every attempt that another process has recorded."""

    def keep_on_disk(self, journal: Journal, reader: JournalReader) -> None:
        self._journal, self._reader = journal, reader

    @property
    def is_on_disk(self) -> bool:
        return self._journal is not None

    @property
    def unwritten(self) -> int:
        """Attempts that the disk refused; they are lost only if the process is killed before the next tick."""
        return 0 if self._journal is None else self._journal.unwritten

    def record(self, attempt: Attempt) -> None:
        # First the queue: a line that is drained and still on disk is found twice and counted once.
        self._collector.record(attempt)
        if self._journal is not None:
            self._journal.record(attempt)

    def drain(self) -> list[Attempt]:
        if self._journal is None or self._reader is None:
            return self._collector.drain()
        number = self._journal.roll()
        own = self._collector.drain()
        self._drained = number
        foreign = self._reader.poll()
        for attempt in foreign:
            self.on_foreign(attempt)
        return own + foreign

    def saved(self) -> None:
        """All that was drained is stored."""
        if self._journal is not None and self._reader is not None:
            self._journal.forget(self._drained)
            self._reader.saved()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
