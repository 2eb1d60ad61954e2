"""Where attempts come in: a queue for the tick, a journal against sudden death, and what other processes left."""

import threading

from foreroute.core.attempt import Attempt
from foreroute.core.ports import AttemptSink
from foreroute.monitor.collector import Collector
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader


class Intake:
    """The gateway records, the tick drains and says when all of it is stored.

    Without a journal it is a queue; without a queue, the journal is for another process to read. With both, what was recorded and not stored is found again by the next run. With
    a reader, what other processes record comes in as well; `counters` hear of it then.
    """

    def __init__(self, collector: Collector | None, counters: AttemptSink | None = None) -> None:
        self._collector = collector
        self._counters = counters
        self._journal: Journal | None = None
        self._reader: JournalReader | None = None
        self._drained = -1
        self._reading = threading.Lock()

    def keep_on_disk(self, journal: Journal) -> None:
        self._journal = journal

    def read_from(self, reader: JournalReader) -> None:
        self._reader = reader

    @property
    def is_on_disk(self) -> bool:
        return self._journal is not None or self._reader is not None

    @property
    def unwritten(self) -> int:
        """Attempts that the disk refused; they are lost only if the process is killed before the next tick."""
        return 0 if self._journal is None else self._journal.unwritten

    def record(self, attempt: Attempt) -> None:
        # First the queue: a line that is drained and still on disk is found twice and counted once.
        if self._collector is not None:
            self._collector.record(attempt)
        if self._journal is not None:
            self._journal.record(attempt)

    def pump(self) -> None:
        """Takes in what others have recorded by now. From any thread."""
        if self._reader is None or self._collector is None:
            return
        with self._reading:
            for attempt in self._reader.poll():
                self._collector.record(attempt)
                if self._counters is not None:
                    self._counters.record(attempt)

    def drain(self) -> list[Attempt]:
        if self._journal is not None:
            self._drained = self._journal.roll()
        self.pump()
        with self._reading:
            if self._reader is not None:
                self._reader.mark()
            return [] if self._collector is None else self._collector.drain()

    def saved(self) -> None:
        """All that was drained is stored."""
        if self._journal is not None:
            self._journal.forget(self._drained)
        if self._reader is not None:
            with self._reading:
                self._reader.saved()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._reader is not None:
            self._reader.release()
