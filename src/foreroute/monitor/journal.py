"""Attempts on disk the moment they are recorded: what a killed gateway had served is not forgotten.

Each process appends to segments of its own, one line an attempt, and holds a lock on the one it writes; the lock
goes with the process, however it ends. A line is handed to the operating system before `record` returns, so it
outlives the process; it does not outlive a power cut in the same second (nothing is forced to the disk).
"""

import fcntl
import logging
import os
import threading
from pathlib import Path
from typing import Final

import orjson

from foreroute.core.attempt import Attempt
from foreroute.core.attempt_json import attempt_fields

_log: Final = logging.getLogger("foreroute.monitor")
SUFFIX: Final = ".attempts"
_SEGMENT_BYTES_MAX: Final = 4 * 1024 * 1024
_FULL_MAX: Final = 256
"""When nobody stores anything any more, the disk shall not fill up: a gigabyte is enough."""


class Journal:
    """An attempt sink. `roll` and `forget` are for the thread that stores what was recorded.

    Should the disk refuse a line, it is counted in `unwritten` and logged once a segment; the gateway goes on.
    """

    def __init__(self, folder: Path, source: str, *, bytes_max: int = _SEGMENT_BYTES_MAX) -> None:
        """Raises OSError if the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self.source = source
        self.unwritten = 0
        self._folder = folder
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._number = 0
        self._bytes = 0
        self._torn = self._complained = False
        self._full: list[Path] = []
        self._path, self._file = self._open(0)

    def record(self, attempt: Attempt) -> None:
        line = line_of(attempt)
        with self._lock:
            if len(self._full) >= _FULL_MAX and not self._is_worth_going_on():
                return self._refused(OSError("too many segments that nobody has stored"))
            try:
                written = os.write(self._file, b"\n" + line if self._torn else line)
            except OSError as error:
                return self._refused(error)
            self._torn = written < len(line)
            self._bytes += written
            if self._torn:
                self._refused(OSError("the line was cut short"))
            elif self._bytes > self._bytes_max:
                self._next()
        return None

    def roll(self) -> int:
        """Begins a new segment if the present one holds anything; returns the number of the last full one."""
        with self._lock:
            if self._bytes:
                self._next()
            return self._number - 1

    def forget(self, number: int) -> None:
        """Deletes the segments up to this one: what they hold is stored."""
        with self._lock:
            old = [path for path in self._full if _number_of(path) <= number]
            self._full = [path for path in self._full if _number_of(path) > number]
        for path in old:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leaves what is not stored to whoever reads the folder next; an empty segment goes."""
        with self._lock:
            self._full = []
            if not self._bytes:
                self._path.unlink(missing_ok=True)
            os.close(self._file)

    def _is_worth_going_on(self) -> bool:
        """Whether a reader has stored and deleted some of the full segments meanwhile."""
        self._full = [path for path in self._full if path.exists()]
        return len(self._full) < _FULL_MAX

    def _refused(self, error: OSError) -> None:
        self.unwritten += 1
        if not self._complained:
            self._complained = True
            _log.error("journal_not_written", extra={"path": str(self._path), "error": str(error)})

    def _next(self) -> None:
        """On to a new segment; the lock on the full one goes. Where none can be made, the present one goes on."""
        try:
            fresh = self._open(self._number + 1)
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.error("journal_segment_not_made", extra={"path": str(self._path), "error": str(error)})
            return
        os.close(self._file)
        self._full.append(self._path)
        self._number += 1
        self._bytes, self._torn, self._complained = 0, False, False
        self._path, self._file = fresh

    def _open(self, number: int) -> tuple[Path, int]:
        """Locked before it has the name of a segment: no reader ever sees one that nobody seems to write."""
        path = self._folder / f"{self.source}-{number:06d}{SUFFIX}"
        unnamed = path.with_suffix(".new")
        file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
        except OSError:
            os.close(file)
            raise
        return path, file


def line_of(attempt: Attempt) -> bytes:
    fields = attempt_fields(attempt)
    fields["request_id"] = attempt.request_id
    fields["number"] = attempt.number
    fields["started_at"] = attempt.started_at
    fields["channel"] = attempt.channel
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _number_of(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX).rpartition("-")[2])
