"""The attempts that other processes have left on disk: gateways beside this one, and runs that were killed."""

import fcntl
import logging
import os
from pathlib import Path
from typing import Final

import orjson

from foreroute.core.attempt import Attempt
from foreroute.core.attempt_json import attempt_of
from foreroute.monitor.journal import SUFFIX

_log: Final = logging.getLogger("foreroute.monitor")
_CLAIM: Final = ".lock"
"""Beside the folder, so that nothing is in it when everything is stored."""


class JournalReader:
    """Reads each line once. `own` is the source whose segments are this process's own business."""

    def __init__(self, folder: Path, *, own: str) -> None:
        self._folder = folder
        self._own = own
        self._read: dict[Path, int] = {}
        """How far each segment was read."""
        self._marked: dict[Path, int] = {}
        """How far it was at `mark`."""
        self._claimed: int | None = None

    def claim(self) -> bool:
        """Keeps other readers away from the folder until `release` or the end of the process; False if one is there.

        Two readers would both store, and delete, what a third process has written. Raises OSError where nothing can
        be written beside the folder.
        """
        if self._claimed is not None:
            return True
        path = self._folder.with_name(self._folder.name + _CLAIM)
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._claimed = file
        return True

    def release(self) -> None:
        if self._claimed is not None:
            os.close(self._claimed)
            self._claimed = None

    def poll(self) -> list[Attempt]:
        """All that was written since the last call, segment by segment. A torn line is left out and logged."""
        attempts: list[Attempt] = []
        for path in self._segments():
            start = self._read.get(path, 0)
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    data = file.read()
            except OSError:
                continue  # gone, or not readable now: the next call tries again
            whole = data.rfind(b"\n") + 1
            if not whole:
                continue
            attempts += self._attempts(data[:whole], path)
            self._read[path] = start + whole
        return attempts

    def mark(self) -> None:
        """What `poll` has returned so far is about to be stored."""
        self._marked = dict(self._read)

    def saved(self) -> None:
        """All that was returned before `mark` is stored: segments that nobody writes any more are deleted."""
        for path in self._segments():
            read = self._marked.get(path, 0)
            if _is_abandoned(path) and _size(path) <= read + _torn_bytes(path, read):
                path.unlink(missing_ok=True)
                self._read.pop(path, None)

    def _segments(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [
            path
            for path in sorted(self._folder.iterdir())
            if path.name.endswith(SUFFIX) and not path.name.startswith(f"{self._own}-")
        ]

    def _attempts(self, data: bytes, path: Path) -> list[Attempt]:
        found, torn = [], 0
        for line in data.splitlines():
            if not line:
                continue
            try:
                fields = orjson.loads(line)
                found.append(
                    attempt_of(
                        fields,
                        request_id=fields["request_id"],
                        number=fields["number"],
                        started_at=fields["started_at"],
                        channel=fields["channel"],
                        cost_usd=None,
                    )
                )
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                torn += 1
        if torn:
            _log.warning("journal_lines_torn", extra={"path": str(path), "lines": torn})
        return found


def _is_abandoned(path: Path) -> bool:
    """Whether the process that wrote it is gone or has gone on to another segment."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(file)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _torn_bytes(path: Path, read: int) -> int:
    """The length of a last line without an end: a killed process left it so, and it will not grow."""
    try:
        data = path.read_bytes()[read:]
    except OSError:
        return 0
    return 0 if b"\n" in data else len(data)
