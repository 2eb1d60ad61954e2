"""How good the forecasts are on recorded series, and what a tick of them costs. Rolling origin, no look-ahead.

Series are read from `../shared/data/forecast`; where a file is absent its rows say so and a synthetic stand-in is
measured under another name, so that nobody takes one for the other.
"""

import csv
import gzip
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final

from bench.report import Row
from foreroute.core.findings import ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Forecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.backtest import BacktestSettings, backtest
from foreroute.forecast.book import ENSEMBLE
from foreroute.forecast.engine import ForecastEngine, ForecastSettings, run_fit
from foreroute.forecast.registry import LOCAL, forecasters
from foreroute.testing import samples

_DATA: Final = Path(__file__).parents[2] / "shared/data/forecast"
_MODELS: Final = ("naive", "smoothing", "trend", "ets")
_WINDOWS: Final = 180
"""What a model sees, as in the loop: three hours of minutes."""
_HORIZONS: Final = {900.0: "15min", 3600.0: "60min"}
_CHANNELS: Final = 100
_MINUTES_APART: Final = 30_000
"""From one slice of a long series to the next, so that different weeks are in."""


def run(*, quick: bool) -> list[Row]:
    parts = {
        "web_service": _web_service(slices=1 if quick else 4, length=720 if quick else 1440),
        "petshop": _petshop(series=4 if quick else 32),
    }
    if not any(parts.values()):
        parts = {"synthetic": [samples.noisy(720), samples.ramp(720, start=360), samples.gappy(720)]}
    models = forecasters(_MODELS)
    skills = {name: _skills(found, models) for name, found in parts.items() if found}
    everything = [skill for found in skills.values() for skill in found]
    rows: list[Row] = []
    for horizon_s, label in _HORIZONS.items():
        rows.append(_relative_error(f"forecast.relmae_last.{label}", everything, horizon_s))
        rows += [
            _relative_error(f"forecast.relmae_last.{label}.{name}", found, horizon_s)
            for name, found in skills.items()
        ]
    return [*rows, _coverage(everything), _refresh(models, ticks=3 if quick else 10)]


def _skills(series: Iterable[Series], models: Sequence[Forecaster]) -> list[ForecastSkill]:
    found: list[ForecastSkill] = []
    for one in series:
        settings = BacktestSettings(
            horizons_s=tuple(_HORIZONS),
            first_origin_s=30 * one.step_s,
            fit_every_s=30 * one.step_s,
            window_s=_WINDOWS * one.step_s,
        )
        found += backtest(one, models, settings).skills
    return found


def _relative_error(name: str, skills: Sequence[ForecastSkill], horizon_s: float) -> Row:
    minutes = round(horizon_s / 60)
    mine = _errors(skills, ENSEMBLE, horizon_s)
    smoothing = _errors(skills, "smoothing", horizon_s)
    outcomes = sum(s.outcomes for s in skills if s.model == ENSEMBLE and s.horizon_s == horizon_s)
    value = _geometric_mean(mine)
    return Row(
        id=name,
        what=f"error {minutes} min ahead over the last value's",
        value=value,
        unit="ratio",
        target="< 1",
        holds=value < 1.0,
        baseline=f"last value 1, smoothing {_geometric_mean(smoothing):.3f}",
        how=(
            f"{name}: mean absolute error of the ensemble over the last value's on the same {outcomes} outcomes, geometric "
            f"mean over {len(mine)} series; what is graded is the single window that ends {minutes} min after the origin."
        ),
    )


def _errors(skills: Sequence[ForecastSkill], model: str, horizon_s: float) -> list[float]:
    return [
        skill.mean_absolute_error / skill.naive_mean_absolute_error
        for skill in skills
        if skill.model == model and skill.horizon_s == horizon_s and skill.naive_mean_absolute_error > 0
    ]


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def _coverage(skills: Sequence[ForecastSkill]) -> Row:
    graded = [s for s in skills if s.model == ENSEMBLE and s.coverage is not None]
    outcomes = sum(skill.outcomes for skill in graded)
    inside = sum((skill.coverage or 0.0) * skill.outcomes for skill in graded)
    value = inside / outcomes if outcomes else math.nan
    return Row(
        id="forecast.coverage80",
        what="outcomes inside the 80 % interval",
        value=value,
        unit="ratio",
        target="0.75…0.85",
        holds=0.75 <= value <= 0.85,
        how=f"coverage: share of {outcomes} outcomes at both horizons that fell inside the ensemble's 80 % interval.",
    )


def _refresh(models: Sequence[Forecaster], *, ticks: int) -> Row:
    series = [
        replace(samples.noisy(_WINDOWS + ticks + 40, seed=number), channel=ChannelId(f"c{number}"))
        for number in range(_CHANNELS)
    ]
    mine = _tick_ms(series, models, ticks)
    alone = _tick_ms(series, (), ticks)
    return Row(
        id="forecast.refresh_cpu_ms",
        what=f"CPU of a tick of {_CHANNELS} channels",
        value=mine,
        unit="ms",
        baseline=f"last value alone {alone:.0f} ms",
        how=(
            f"refresh: process CPU of one `ForecastEngine.update` of {_CHANNELS} series of {_WINDOWS} minutes with fitted "
            f"{', '.join(_MODELS)}, grading included; the median of {ticks} ticks after 40 that warmed it up."
        ),
    )


def _tick_ms(series: Sequence[Series], models: Sequence[Forecaster], ticks: int) -> float:
    engine = ForecastEngine(ForecastSettings(), models, local=LOCAL)
    took: list[float] = []
    for end in range(_WINDOWS, _WINDOWS + 40 + ticks):
        seen = [_slice(one, end - _WINDOWS, end) for one in series]
        started = time.process_time()
        engine.update(seen)
        took.append((time.process_time() - started) * 1000.0)
        if end == _WINDOWS:
            for job in engine.due_fits(seen[0].end_at):
                engine.adopt(run_fit(job))
    return median(took[-ticks:])


# The data -----------------------------------------------------------------------------------------------------------


def _web_service(*, slices: int, length: int) -> list[Series]:
    """Slices of the four series, each from other weeks."""
    found = []
    for number, whole in enumerate(_read("web_service_latency_1min", 60.0, unit_s=0.001)):
        for part in range(slices):
            start = 1440 + (len(_NAMES) * part + number) * _MINUTES_APART // slices
            piece = _slice(whole, start, min(start + length, len(whole.values)))
            found.append(replace(piece, channel=ChannelId(f"{whole.channel}/{part}")))
    return found


_NAMES: Final = ("05f10d3a", "42d6616d", "847e8ecc", "adb2fde9")


def _petshop(*, series: int) -> list[Series]:
    """Latency p95 of services that were measured most of the time."""
    whole = [one for one in _read("petshop_5min", 300.0, only="/latency/p95") if _measured(one) >= 400]
    return whole[:series]


def _measured(series: Series) -> int:
    return sum(not math.isnan(value) for value in series.values)


def _read(name: str, step_s: float, *, only: str = "", unit_s: float = 1.0) -> list[Series]:
    """Every series of the file whose name ends so, by name; none if the file is not there, which is said."""
    path = _DATA / f"{name}.csv.gz"
    if not path.exists():
        sys.stderr.write(f"skipped {name}: {path} is not there\n")
        return []
    points: dict[str, dict[float, float]] = {}
    with gzip.open(path, "rt") as file:
        for line in csv.DictReader(file):
            if line["series"].endswith(only):
                at = datetime.fromisoformat(line["ts"]).timestamp()
                points.setdefault(line["series"], {})[at] = float(line["value"]) * unit_s
    return [_on_grid(name, found, step_s) for name, found in sorted(points.items())]


def _on_grid(name: str, points: dict[float, float], step_s: float) -> Series:
    start_at, end_at = min(points), max(points)
    count = round((end_at - start_at) / step_s) + 1
    return Series(
        channel=ChannelId(name),
        metric=Metric.LATENCY_P95,
        start_at=start_at,
        step_s=step_s,
        values=tuple(points.get(start_at + number * step_s, math.nan) for number in range(count)),
    )


def _slice(series: Series, start: int, end: int) -> Series:
    return replace(series, start_at=series.start_at + start * series.step_s, values=series.values[start:end])
