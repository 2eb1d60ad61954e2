"""Recorded series by group, read from `../shared/data/forecast`; synthetic ones where that is absent.

A group is of one kind and one step. Files that are not there are named on stderr and left out.
"""

import csv
import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from bench.forecast.work import Request, slowdowns
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.backtest_score import Rules
from foreroute.forecast.values import Floats

DATA: Final = Path(__file__).parents[3] / "shared/data/forecast"
_MINUTE_S, _DAY_STEPS, _REQUESTS = 60.0, 1440, 20


@dataclass(frozen=True, slots=True)
class Group:
    """Series of one kind and one step, as if all began at instant 0, and what of them is scored."""

    name: str
    step_s: float
    members: tuple[Series, ...]
    rules: Rules = Rules()  # noqa: RUF009 - a frozen value


Rows = Iterable[Mapping[str, str]]
Points = dict[str, dict[float, float]]


def groups(*, quick: bool = False, folder: Path = DATA) -> tuple[Group, ...]:
    """Every group whose file is there, in a fixed order. `quick`: shorter slices and fewer series of each."""
    makers: tuple[Callable[[Path, bool], Iterator[Group]], ...] = (
        _web_service, _petshop, _microsoft, _cloud, _rates, _genai, _network,
    )  # fmt: skip
    return tuple(group for make in makers for group in make(folder, quick) if group.members)


def synthetic(*, quick: bool = False) -> tuple[Group, ...]:
    """Latencies with a daily shape, noise and steps, when nothing recorded is there; from a fixed seed."""
    rng = np.random.default_rng(7)
    length = 2 * _DAY_STEPS if quick else 6 * _DAY_STEPS
    at = np.arange(length)
    members = []
    for number in range(8):
        day = 0.25 * np.sin(2 * np.pi * (at / _DAY_STEPS + number / 8))
        steps = np.cumsum(rng.normal(0.0, 0.3, length) * (rng.random(length) < 1 / 700))
        wander = np.cumsum(rng.normal(0.0, 0.004, length))
        values = 0.4 * np.exp(day + steps + wander + rng.normal(0.0, 0.12, length))
        members.append(_recorded(f"synthetic{number}", Metric.LATENCY_P95, _MINUTE_S, values))
    return (Group("synthetic", _MINUTE_S, tuple(members)),)


def _web_service(folder: Path, quick: bool) -> Iterator[Group]:
    """Two weeks from different seasons of each service (five days when quick), as series of their own."""
    length = (5 if quick else 14) * _DAY_STEPS
    starts = (20,) if quick else (5, 40, 75, 110)
    members = []
    for name, points in sorted(_points(folder, "web_service_latency_1min", "value").items()):
        whole, _ = _grid(points, _MINUTE_S)
        for start in starts:
            first = start * _DAY_STEPS
            values = whole[first : first + length] / 1000.0
            members.append(_recorded(f"{name}/{start}", Metric.LATENCY_MEAN, _MINUTE_S, values))
    yield Group("aiops_lat", _MINUTE_S, tuple(members))


def _petshop(folder: Path, quick: bool) -> Iterator[Group]:
    """Services that were measured most of the time, with the requests behind each value."""
    points = _points(folder, "petshop_5min", "value")
    for label, metric in (("p50", Metric.LATENCY_P50), ("p95", Metric.LATENCY_P95)):
        members = []
        for name, found in sorted(points.items()):
            if name.endswith(f"/latency/{label}") and len(found) >= 400:
                values, start_at = _grid(found, 300.0)
                requests = points.get(name.replace(f"latency/{label}", "requests/Sum"), {})
                ends = [start_at + 300.0 * number for number in range(len(values))]
                counts = np.array([requests.get(at, np.nan) for at in ends])
                members.append(_recorded(name, metric, 300.0, values, counts))
        yield Group(f"petshop_{label}", 300.0, tuple(members[:8] if quick else members))


def _microsoft(folder: Path, quick: bool) -> Iterator[Group]:
    points = _points(folder, "api_dependency_latency_1h_and_ingress_1min", "value")
    length = (4 if quick else 11) * _DAY_STEPS
    for label, prefix, step_s, metric in (
        ("ms_volume", "ingress", _MINUTE_S, Metric.ATTEMPTS),
        ("ms_hourly", "outbound", 3600.0, Metric.LATENCY_MEAN),
    ):
        members = []
        for name, found in sorted(points.items()):
            if name.startswith(prefix):
                values, _ = _grid(found, step_s)
                members.append(_recorded(name, metric, step_s, values[:length]))
        yield Group(label, step_s, tuple(members))


def _cloud(folder: Path, quick: bool) -> Iterator[Group]:  # noqa: ARG001 - two series are few enough
    members = []
    for name, found in sorted(_points(folder, "cloud_latency_and_volume_5min", "value").items()):
        values, _ = _grid(found, 300.0)
        metric = Metric.ATTEMPTS if "count" in name else Metric.LATENCY_MEAN
        members.append(_recorded(name, metric, 300.0, values))
    yield Group("nab", 300.0, tuple(members))


def _rates(folder: Path, quick: bool) -> Iterator[Group]:
    """Clients that ask nearly all the time, in requests per ten minutes."""
    members = []
    for name, found in sorted(_points(folder, "llm_api_request_rates_10min", "rate").items()):
        values, _ = _grid(found, 600.0)
        if np.nanmean(values > 0) > 0.95:
            members.append(_recorded(name, Metric.ATTEMPTS, 600.0, values * 600.0))
    yield Group("servegen", 600.0, tuple(members[:8] if quick else members))


def _network(folder: Path, quick: bool) -> Iterator[Group]:
    """Round-trip times per slice; a slice stands for a minute here (they are 15.7 s long)."""
    for label, metric in (("p50", Metric.LATENCY_P50), ("p95", Metric.LATENCY_P95)):
        members = []
        for name, found in sorted(_points(folder, "network_rtt_1min", label).items()):
            values = np.full(1 + round(max(found)), np.nan)
            values[[round(at) for at in found]] = list(found.values())
            members.append(_recorded(name, metric, _MINUTE_S, values / 1000.0))
        yield Group(f"rtt_{label}", _MINUTE_S, tuple(members[:8] if quick else members))


def _genai(folder: Path, quick: bool) -> Iterator[Group]:
    """Requests of one service as minutes: latency as it was, and over what the work made one expect.

    A request is counted in the minute in which it is finished: only then is its latency known.
    """
    requests = genai_requests(folder)
    if not requests:
        return
    if quick:
        begin = requests[0].finished_at + 4 * 86_400.0
        requests = [one for one in requests if begin <= one.finished_at < begin + 5 * 86_400.0]
    rules = Rules(requests_min=_REQUESTS)
    raw = [(one.finished_at, one.latency_s) for one in requests]
    yield Group("gentd", _MINUTE_S, (_minutes("gentd/latency", raw),), rules)
    ratios = zip((one.finished_at for one in requests), slowdowns(requests), strict=True)
    yield Group("gentd_slowdown", _MINUTE_S, (_minutes("gentd/slowdown", list(ratios)),), rules)


def genai_requests(folder: Path = DATA) -> list[Request]:
    """In the order in which they were finished; none where the file is absent."""
    return sorted(_requests(_rows(folder, "genai_requests")), key=lambda one: one.finished_at)


def _requests(rows: Rows) -> Iterator[Request]:
    for row in rows:
        if row["predict_status"] == "SUCCEED" and float(row["exec_time_seconds"] or 0) > 0:
            latency_s = float(row["exec_time_seconds"])
            yield Request(
                finished_at=datetime.fromisoformat(row["ts"]).timestamp() + latency_s,
                latency_s=latency_s,
                kind=row["predict_type"],
                model=row["checkpoint_model_version_id"],
                images=float(row["num_images_per_prompt"] or 1),
                steps=float(row["num_inference_steps"] or 30),
                prompt=float(row["prompt_length"] or 0),
                adapters=float(row["num_lora"] or 0),
            )


def _minutes(name: str, found: list[tuple[float, float]]) -> Series:
    start_at = found[0][0] // _MINUTE_S * _MINUTE_S
    length = int((found[-1][0] - start_at) // _MINUTE_S) + 1
    sums, counts = np.zeros(length), np.zeros(length)
    for at, value in found:
        minute = int((at - start_at) // _MINUTE_S)
        sums[minute] += value
        counts[minute] += 1
    values = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)
    return _recorded(name, Metric.LATENCY_MEAN, _MINUTE_S, values, counts)


def _recorded(
    name: str, metric: Metric, step_s: float, values: Floats, counts: Floats | None = None
) -> Series:
    return Series(
        channel=ChannelId(name),
        metric=metric,
        start_at=0.0,
        step_s=step_s,
        values=tuple(values.tolist()),
        counts=() if counts is None else tuple(counts.tolist()),
    )


def _grid(points: Mapping[float, float], step_s: float) -> tuple[Floats, float]:
    start_at = min(points)
    values = np.full(round((max(points) - start_at) / step_s) + 1, np.nan)
    for at, value in points.items():
        values[round((at - start_at) / step_s)] = value
    return values, start_at


def _points(folder: Path, name: str, column: str) -> Points:
    """Series → instant (or slice number) → value."""
    points: Points = {}
    for row in _rows(folder, name):
        if row[column]:
            at = float(row["ts"]) if row["ts"].isdigit() else datetime.fromisoformat(row["ts"]).timestamp()
            points.setdefault(row["series"], {})[at] = float(row[column])
    return points


def _rows(folder: Path, name: str) -> Rows:
    path = folder / f"{name}.csv.gz"
    if not path.exists():
        sys.stderr.write(f"skipped {name}: {path} is not there\n")
        return
    with gzip.open(path, "rt") as file:
        yield from csv.DictReader(file)
