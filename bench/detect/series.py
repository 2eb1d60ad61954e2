"""Series to judge: recorded and labelled by experts, recorded with faults put in, or made up where there is no data."""

import csv
import gzip
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.series import Metric

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DATA: Final = Path(__file__).parents[3] / "shared/data"
TUNED: Final = {
    "web_service_1min": frozenset(
        ["1", "10", "114", "115", "120", "121", "123", "124", "126", "127", "133", "137"]
    ),
    "web_kpi_1min": frozenset(
        {
            "43115f2a-baeb-3b01-96f7-4ea1418834",
            "431a8542",
            "55f8b8b8",
            "6a757df4",
            "9c639a46",
            "ba5f3328",
        }
    ),
}
"""Series (or how their names begin) that thresholds and weights were chosen on. They are never in a score."""
WARM_DAYS: Final = 1.0
"""At the beginning of a series nothing is scored."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Judgeable:
    """One series with the truth about it."""

    name: str
    start_at: float
    step_s: float
    values: Floats
    labels: Bools
    counted: Bools
    """Windows that are scored."""
    metric: Metric = Metric.LATENCY_MEAN
    counts: Floats | None = None
    """Requests behind each value."""


def labelled(name: str, *, tuned: bool, days: float, step_s: float = 60.0) -> list[Judgeable]:
    """The series of one labelled set that were tuned on, or the others. None where the file is not there."""
    found = [one for one in read(f"anomaly/{name}", step_s) if _is_tuned(name, one.name) == tuned]
    long_enough = [one for one in found if one.values.size > WARM_DAYS * _DAY_S / step_s]
    return [replace(first_days(one, days), name=f"{name}/{one.name}") for one in long_enough]


def _is_tuned(name: str, series: str) -> bool:
    if name not in TUNED:
        return False
    if name == "web_service_1min":
        return series in TUNED[name]
    return any(series.startswith(begin[:8]) for begin in TUNED[name])


def read(name: str, step_s: float, only: Callable[[str], bool] = lambda _: True) -> list[Judgeable]:
    """Every series of a file with that step, by name; none if the file is not there, which is said."""
    return [one for one in _whole(name, step_s) if only(one.name)]


@cache
def _whole(name: str, step_s: float) -> tuple[Judgeable, ...]:
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        sys.stderr.write(f"skipped {name}: {path} is not there\n")
        return ()
    points: dict[str, list[tuple[float, float, bool]]] = {}
    instants: dict[str, float] = {}
    with gzip.open(path, "rt") as file:
        for line in csv.DictReader(file):
            text = line["ts"]
            if text not in instants:
                instants[text] = datetime.fromisoformat(text).timestamp()
            value = float(line["value"]) if line["value"] else np.nan
            points.setdefault(line["series"], []).append((instants[text], value, line.get("label") == "1"))
    gridded = [_on_grid(series, found, step_s) for series, found in sorted(points.items())]
    return tuple(one for one in gridded if one is not None)


def _on_grid(name: str, points: Sequence[tuple[float, float, bool]], step_s: float) -> Judgeable | None:
    at, value, label = (np.array(column, dtype=np.float64) for column in zip(*sorted(points), strict=True))
    if len(at) < 2 or float(np.median(np.diff(at))) != step_s:
        return None
    place = np.round((at - at[0]) / step_s).astype(int)
    values, labels = np.full(place[-1] + 1, np.nan), np.zeros(place[-1] + 1, dtype=bool)
    values[place], labels[place] = value, label > 0
    counted = np.arange(len(values)) >= WARM_DAYS * _DAY_S / step_s
    return Judgeable(name, float(at[0]), step_s, values, labels, counted)


def first_days(one: Judgeable, days: float, *, after: float = 0.0) -> Judgeable:
    start = int(after * _DAY_S / one.step_s)
    end = start + int(days * _DAY_S / one.step_s)
    counted = np.arange(len(one.values[start:end])) >= WARM_DAYS * _DAY_S / one.step_s
    return replace(
        one,
        start_at=one.start_at + start * one.step_s,
        values=one.values[start:end],
        labels=one.labels[start:end],
        counted=counted,
        counts=None if one.counts is None else one.counts[start:end],
    )


def made_up(*, seed: int, days: float, size: float = 0.4, series: int = 4) -> list[Judgeable]:
    """Calm series around a size: a daily course, noise that leans on the minute before, now and then one lonely spike."""
    return [_made_up(np.random.default_rng([seed, n]), f"made-up/{n}", days, size) for n in range(series)]


def _made_up(rng: np.random.Generator, name: str, days: float, size: float) -> Judgeable:
    length = int(days * _DAY_S / 60.0)
    minute = np.arange(length)
    level = size * (1.0 + 0.4 * np.sin(2.0 * np.pi * (minute / 1440.0 + rng.random())))
    noise = np.convolve(rng.standard_normal(length + 2), [0.3, 0.5, 1.0], mode="valid")
    spikes = np.where(rng.random(length) < 1.0 / 1440.0, rng.uniform(1.2, 1.8, length), 1.0)
    values = level * spikes * np.exp(rng.uniform(0.03, 0.15) * noise)
    midnight = 1.77e9 // _DAY_S * _DAY_S
    counted = minute >= WARM_DAYS * 1440
    return Judgeable(name, midnight, 60.0, values, np.zeros(length, dtype=bool), counted)
