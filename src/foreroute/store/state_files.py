"""What stages have learnt, as files beside the store: one for each, replaced whole or not at all."""

import asyncio
import os
from pathlib import Path
from typing import Final

from foreroute.core.errors import StoreUnavailable

_SUFFIX: Final = ".npz"


class StateFiles:
    """A folder with one file for each name. A run that is killed while it writes leaves the file before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str) -> bytes | None:
        """What was written last under this name; None if nothing was. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._read, name)

    async def write(self, name: str, state: bytes) -> None:
        """Raises StoreUnavailable; then what was written before is still there."""
        await asyncio.to_thread(self._write, name, state)

    async def set_aside(self, name: str) -> None:
        """A state that cannot be used is kept under another name, for whoever wants to know why."""
        await asyncio.to_thread(self._set_aside, name)

    def _read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(self._path(name), error) from None

    def _write(self, name: str, state: bytes) -> None:
        path = self._path(name)
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise _unavailable(path, error) from None

    def _set_aside(self, name: str) -> None:
        path = self._path(name)
        if path.exists():
            path.replace(path.with_suffix(".unusable"))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


def _unavailable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"{path} cannot be used ({error.strerror or error}): what was learnt is kept there"
    )
