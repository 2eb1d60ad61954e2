"""Runs the benchmarks behind a scorecard and keeps what each has said: an interrupted run goes on where it stopped, for as
long as the code is the same. Two run at a time where there are two cores; those whose figures are times run alone.
"""

import heapq
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.scorecard.criteria import Instrument
from bench.version import ROOT

_PATIENCE: Final = 10.0
"""So many times as long as expected, and two minutes more."""

Say = Callable[[str], None]
Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """`figures` by id; `problem` says why there are none."""

    figures: Mapping[str, Figure]
    took_s: float
    problem: str = ""


def measure(
    instruments: Sequence[Instrument],
    *,
    quick: bool,
    folder: Path,
    fresh: bool = False,
    say: Say,
    cores: int | None = None,
    run: Callable[[Instrument], Measured] | None = None,
) -> dict[str, Measured]:
    """Each benchmark's figures, from `folder` if this version has been measured before, unless `fresh`.

    `cores`: of this machine, if it is None. `run`: who measures instead of `python -m bench`.
    """
    measured: Callable[[Instrument], Measured] = run or (lambda one: _run(one, quick=quick))
    kept = {} if fresh else {one.name: _read(folder / f"{one.name}.json") for one in instruments}
    found = {name: one for name, one in kept.items() if one is not None}
    due = [one for one in instruments if one.name not in found]
    if found:
        say(f"measured before: {', '.join(found)}")

    def done(one: Instrument) -> tuple[str, Measured]:
        say(f"{one.name}: about {_expected_s(one, quick=quick):.0f} s")
        result = measured(one)
        if not result.problem:
            _write(folder / f"{one.name}.json", result)
        say(f"{one.name}: {result.problem or f'done after {result.took_s:.0f} s'}")
        return one.name, result

    for lanes, part in _timetable(due, cores=cores or os.cpu_count() or 1, quick=quick):
        say(f"{len(part)} to go, {lanes} at a time, about {_left_s(part, lanes, quick=quick) / 60:.0f} min")
        with ThreadPoolExecutor(lanes) as pool:
            found |= dict(pool.map(done, part))
    return {one.name: found[one.name] for one in instruments}


def _timetable(due: Sequence[Instrument], *, cores: int, quick: bool) -> list[tuple[int, list[Instrument]]]:
    """Who is measured beside whom: (how many at a time, in which order). The longest first, so that lanes end together."""
    longest = sorted(due, key=lambda one: -_expected_s(one, quick=quick))
    together = [one for one in longest if not one.alone]
    parts = [(min(2, cores), together), (1, [one for one in longest if one.alone])]
    return [(lanes, part) for lanes, part in parts if part]


def _left_s(part: Sequence[Instrument], lanes: int, *, quick: bool) -> float:
    """When the last one will be done, if each lane takes the next as soon as it is free."""
    free_at = [0.0] * lanes
    for one in part:
        heapq.heapreplace(free_at, free_at[0] + _expected_s(one, quick=quick))
    return max(free_at)


def _expected_s(instrument: Instrument, *, quick: bool) -> float:
    return instrument.quick_s if quick or instrument.in_short else instrument.full_s


def _run(instrument: Instrument, *, quick: bool) -> Measured:
    short = ("--quick",) if quick or instrument.in_short else ()
    command = (sys.executable, "-m", "bench", instrument.name, "--json", *short)
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            # One thread of arithmetic each: the other core may be somebody else's.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
            capture_output=True,
            text=True,
            timeout=120.0 + _PATIENCE * _expected_s(instrument, quick=quick),
        )
    except subprocess.TimeoutExpired as error:
        return Measured({}, time.monotonic() - began, f"no end after {error.timeout:.0f} s")
    return read_output(done.stdout, done.stderr, time.monotonic() - began)


def read_output(stdout: str, stderr: str, took_s: float) -> Measured:
    """A benchmark exits with 1 when a target is missed, too: what counts is whether it has printed its rows."""
    try:
        rows = json.loads(stdout.strip().splitlines()[-1])["rows"]
        return Measured({row["id"]: row for row in rows}, took_s)
    except (IndexError, KeyError, TypeError, ValueError):
        last = stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        return Measured({}, took_s, f"it failed: {last[0][:300]}")


def _read(path: Path) -> Measured | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Measured(kept["figures"], kept["took_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, measured: Measured) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(
        json.dumps({"figures": dict(measured.figures), "took_s": measured.took_s}), encoding="utf-8"
    )
    fresh.replace(path)
