"""A year of one model on three clouds: with Foreroute, and on one of the clouds alone; the same outages, requests and luck.

Outages are drawn from the published days of public model services (`bench/year/outages.py`). All hours in which anything is
down are played in full, each with ten minutes before and thirty after; the others by four hours drawn at random, since
one quiet hour is like another. `YEAR_RESULTS=FOLDER` keeps each seed, so that a run that was stopped goes on where it was.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from bench.report import Row
from bench.year.play import LATE_S, OURS, Played, play
from foreroute.simulate.compare_statistics import estimate

_SEEDS, _SEEDS_QUICK, _AT_ONCE = 20, 2, 2
_WANTED: Final = 0.9995
_YEAR_MIN: Final = 365 * 1440
_PLAYED: Final = TypeAdapter(Played)
_HOW: Final = (
    "make bench NAME=year: simulated; the days of three public model services as published (ICPE 2025, arXiv 2501.12469), a "
    "day's lost minutes as one complete outage at a random time, refused, unreachable, silent or 503; 4 % of outages hit a "
    f"second cloud at the same time; a third of the traffic on each cloud, or all on one; a request without an answer within "
    f"{LATE_S:.0f} s counts as lost; Student's 95 % interval over seeds."
)


def run(*, quick: bool) -> list[Row]:
    seeds = range(1, 1 + (_SEEDS_QUICK if quick else _SEEDS))
    named = os.environ.get("YEAR_RESULTS")
    folder = Path(named) if named else None
    kept = {seed: found for seed in seeds if (found := _find(folder, seed)) is not None}
    with ProcessPoolExecutor(_AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool:
        for played in pool.map(play, [seed for seed in seeds if seed not in kept]):
            print(f"year: seed {played.seed} took {played.cpu_s:.0f} CPU s", file=sys.stderr)
            _keep(folder, played)
            kept[played.seed] = played
    return _rows([kept[seed] for seed in seeds])


def _rows(found: Sequence[Played]) -> list[Row]:
    alone = [name for name in found[0].availability if name != OURS]
    best = max(alone, key=lambda name: _mean(found, lambda one: one.availability[name]))
    ours = _row(
        "year.availability", "part of a year's requests that were answered, with Foreroute", found, OURS
    )
    return [
        replace(
            ours,
            target=f"≥ {_WANTED:.2%}",
            holds=ours.value >= _WANTED,
            baseline=f"{best} alone {_mean(found, lambda one: one.availability[best]):.3%}",
        ),
        *(_row(f"year.availability.{name}", f"the same on {name} alone", found, name) for name in alone),
        _lost_min(found, best),
        Row(
            id="year.in_outages",
            what="the same of the hours with an outage",
            value=_mean(found, lambda one: one.in_outages[OURS]),
            unit="ratio",
            baseline=f"{best} alone {_mean(found, lambda one: one.in_outages[best]):.2%}",
            how=_HOW,
        ),
        Row(
            id="year.outages",
            what="outages a year, all clouds",
            value=_mean(found, lambda one: one.outages),
            unit="outages",
            baseline=f"{_mean(found, lambda one: one.together):.1f} times two at once",
            how=_HOW,
        ),
        Row(id="year.seeds", what="years played", value=float(len(found)), unit="seeds", how=_HOW),
    ]


def _row(identifier: str, what: str, found: Sequence[Played], arm: str) -> Row:
    values = estimate([one.availability[arm] for one in found])
    bounds = (values.lower, values.upper)
    return Row(id=identifier, what=what, value=values.mean, unit="ratio", interval=bounds, how=_HOW)


def _lost_min(found: Sequence[Played], best: str) -> Row:
    lost = estimate([(1.0 - one.availability[OURS]) * _YEAR_MIN for one in found])
    other = _mean(found, lambda one: (1.0 - one.availability[best]) * _YEAR_MIN)
    return Row(
        id="year.lost_min",
        what="minutes a year without an answer, with Foreroute",
        value=lost.mean,
        unit="min",
        interval=(lost.lower, lost.upper),
        baseline=f"{best} alone {other:.0f} min",
        how=_HOW,
    )


def _mean(found: Sequence[Played], figure: Callable[[Played], float]) -> float:
    return sum(map(figure, found)) / len(found)


def _find(folder: Path | None, seed: int) -> Played | None:
    path = None if folder is None else folder / f"year-{seed}.json"
    return None if path is None or not path.exists() else _PLAYED.validate_json(path.read_bytes())


def _keep(folder: Path | None, played: Played) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"year-{played.seed}.json").write_bytes(_PLAYED.dump_json(played))
