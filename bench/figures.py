"""Every figure that a benchmark has printed and that the documents may state, on record: `docs/figures.json`.

One entry per benchmark: its rows, the version and the day of the run. A benchmark's rows are replaced as a whole.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.version import ROOT, version

Figure = Mapping[str, Any]

RECORD: Final = ROOT / "docs" / "figures.json"

_KEPT: Final = ("what", "value", "unit", "target", "baseline", "interval", "cells")
_MANY_CELLS: Final = 40
"""More cells than this are a benchmark's raw material, not figures that a document states."""


class Figures:
    """The record as a value. `runs` is what stands in the file: {benchmark: {version, day, quick, rows: {id: figure}}}."""

    def __init__(self, runs: Mapping[str, Mapping[str, Any]]) -> None:
        self.runs = dict(sorted(runs.items()))

    def figure(self, identifier: str) -> Figure | None:
        """The row of this id, whichever benchmark printed it."""
        for run in self.runs.values():
            if (found := run["rows"].get(identifier)) is not None:
                return dict(found)
        return None

    def replaced(
        self, name: str, rows: Iterable[Figure], *, version: str, day: str, quick: bool
    ) -> "Figures":
        """The same with a new run of one benchmark. `day`: YYYY-MM-DD."""
        kept = {row["id"]: _kept(row) for row in rows}
        run = {"version": version, "day": day, "quick": quick, "rows": kept}
        return Figures({**self.runs, name: run})


def read(path: Path) -> Figures:
    """The record; empty when there is none yet. Raises ValueError when the file is not one."""
    if not path.exists():
        return Figures({})
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no record of figures: {error}") from error
    return Figures(runs)


def write(path: Path, figures: Figures) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(figures.runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)


def record(name: str, rows: Iterable[Figure], *, quick: bool, path: Path = RECORD) -> None:
    """Keep a run that has just ended."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    write(path, read(path).replaced(name, rows, version=version(), day=day, quick=quick))


def _kept(row: Figure) -> dict[str, Any]:
    found = {name: row[name] for name in _KEPT if row.get(name) is not None}
    if len(found.get("cells") or ()) > _MANY_CELLS:
        del found["cells"]
    return found
