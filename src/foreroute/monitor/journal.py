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
        self._full: list[tuple[Path, int]] = []
        self._path, self._file = self._open()

    def record(self, attempt: Attempt) -> None:
        line = line_of(attempt)
        with self._lock:
            if len(self._full) >= _FULL_MAX:
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
            old = [full for full in self._full if _number_of(full[0]) <= number]
            self._full = [full for full in self._full if _number_of(full[0]) > number]
        for path, file in old:
            path.unlink(missing_ok=True)
            os.close(file)

    def close(self) -> None:
        """Leaves what is not stored to whoever reads the folder next; an empty segment goes."""
        with self._lock:
            for _, file in self._full:
                os.close(file)
            self._full = []
            if not self._bytes:
                self._path.unlink(missing_ok=True)
            os.close(self._file)

    def _refused(self, error: OSError) -> None:
        self.unwritten += 1
        if not self._complained:
            self._complained = True
            _log.error("journal_not_written", extra={"path": str(self._path), "error": str(error)})

    def _next(self) -> None:
        self._full.append((self._path, self._file))
        self._number += 1
        self._bytes, self._torn, self._complained = 0, False, False
        self._path, self._file = self._open()

    def _open(self) -> tuple[Path, int]:
        path = self._folder / f"{self.source}-{self._number:06d}{SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
