"""Figures of runs on disk, so that a comparison that was stopped goes on where it was."""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from foreroute.core.errors import ForerouteError
from foreroute.simulate.compare_figures import Figures, from_row, to_row

_BESIDE: Final = frozenset({"alerts", "cli", "dashboard", "demo", "testing"})
"""Rooms that no simulated run enters."""
_AFTERWARDS: Final = frozenset({"compare_kept.py", "compare_statistics.py", "compare_table.py"})
"""What looks at figures when the runs are over."""


class KeptFigures:
    """One small file a run. What another version of the program or of a scenario has left is not found.

    `program`: what tells one version of the program from another; `folder` None keeps nothing.
    """

    def __init__(self, folder: Path | None, program: str) -> None:
        """Raises ForerouteError where no folder can be."""
        self._folder, self._program = folder, program
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ForerouteError(
                    f"{folder} cannot be a folder for results: {error.strerror or error}"
                ) from None

    def find(self, scenario: str, key: str, policy: str, seed: int) -> Figures | None:
        path = self._path(scenario, key, policy, seed)
        if path is None or not path.exists():
            return None
        try:
            return from_row(json.loads(path.read_text(encoding="utf-8"))["figures"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a damaged file is a run that has not been played

    def keep(self, scenario: str, key: str, policy: str, seed: int, figures: Figures) -> None:
        """Raises ForerouteError when it cannot be written."""
        path = self._path(scenario, key, policy, seed)
        if path is None:
            return
        row = {"scenario": scenario, "policy": policy, "seed": seed, "figures": to_row(figures)}
        fresh = path.with_suffix(f".{os.getpid()}.new")
        try:
            fresh.write_text(json.dumps(row), encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            raise ForerouteError(f"{path} cannot be written: {error.strerror or error}") from None

    def _path(self, scenario: str, key: str, policy: str, seed: int) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256("\0".join([self._program, scenario, key, policy, str(seed)]).encode())
        return self._folder / f"{policy}-{seed}-{digest.hexdigest()[:16]}.json"


def program_of(package: Path) -> str:
    """A digest of the source that a run depends upon: results of other code are no results of this one."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.parts[0] not in _BESIDE and inside.name not in _AFTERWARDS:
            digest.update(str(inside).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
