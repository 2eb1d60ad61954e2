"""Runs the benchmarks behind a scorecard, one after the other, and keeps what each has said: an interrupted run goes on
where it stopped, for as long as the code is the same.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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
    instruments: Sequence[Instrument], *, quick: bool, folder: Path, fresh: bool = False, say: Say
) -> dict[str, Measured]:
    """Each benchmark's figures, from `folder` if this version has been measured before, unless `fresh`."""
    left_s = sum(_expected_s(one, quick=quick) for one in instruments)
    found: dict[str, Measured] = {}
    for number, one in enumerate(instruments, start=1):
        say(f"[{number}/{len(instruments)}] {one.name}, about {left_s / 60:.0f} min left")
        kept = folder / f"{one.name}.json"
        earlier = None if fresh else _read(kept)
        measured = earlier or _run(one, quick=quick)
        if earlier is None and not measured.problem:
            _write(kept, measured)
        if measured.problem:
            say(f"    {one.name}: {measured.problem}")
        found[one.name] = measured
        left_s -= _expected_s(one, quick=quick)
    return found


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
