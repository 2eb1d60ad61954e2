"""End of the day and of the week at a quarter, half and three quarters of them, beside run-rate and the last period."""

import csv
import gzip
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.report import Row
from foreroute.cost.outlook import Floats, OutlookSettings, rest_of

DATA = Path("../shared/data/forecast/llm_api_request_rates_10min.csv.gz")
INPUT_USD, OUTPUT_USD = 2.5e-6, 10e-6
WEEK_HOURS = 168
PERIODS = {"day": 24, "week": WEEK_HOURS}
ELAPSED = (25, 50, 75)
FIRST_DAY = 3
"""Days before this are for learning alone; a week is too long for that and begins with the first day."""
PROMISED = {("fleet", 75): 0.10, ("pool", 75): 0.12}
HOW = (
    "make bench NAME=cost; mean absolute error relative to the period's true total (single clients: median); "
    "clients of the scored half; no recording holds two weeks or a month, so a week has no last one, and there is no month"
)


@dataclass(frozen=True, slots=True)
class Scored:
    ours: float
    run_rate: float
    last: float | None
    week_ago: float | None
    """Of the same day a week earlier, where the recording reaches back so far."""
    inside: bool


def rows() -> list[Row]:
    if not DATA.exists():
        print(f"cost: {DATA} is absent, so no cost forecast is scored", file=sys.stderr)
        return []
    clients = scored_half(read())
    pools = {name.split("/")[0] for name in clients}
    groups = {
        "fleet": [_sum(clients, "")],
        "pool": [_sum(clients, pool) for pool in sorted(pools)],
        "client": [values for values in clients.values() if values[:, 1].sum() > 0],
    }
    return [
        row
        for period, hours in PERIODS.items()
        for elapsed in ELAPSED
        for figure, members in groups.items()
        for row in _rows(period, hours, elapsed, figure, members)
    ]


def read() -> dict[str, Floats]:
    """Requests and US dollars of each hour, by client."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            requests = float(row["rate"] or 0) * 600.0
            tokens = float(row["in_tok"] or 0) * INPUT_USD + float(row["out_tok"] or 0) * OUTPUT_USD
            found[row["series"]].append((requests, requests * tokens))
    return {name: np.array(values).reshape(-1, 6, 2).sum(axis=1) for name, values in found.items()}


def scored_half(clients: dict[str, Floats]) -> dict[str, Floats]:
    return {name: values for name, values in clients.items() if _digest(name) % 2 == 1}


def _digest(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def _sum(clients: dict[str, Floats], prefix: str) -> Floats:
    return np.asarray(np.sum([values for name, values in clients.items() if name.startswith(prefix)], axis=0))


def _rows(period: str, hours: int, elapsed: int, figure: str, members: list[Floats]) -> Iterator[Row]:
    scored = [one for values in members for one in scores(values, hours, elapsed)]
    # A client that falls silent is missed by any multiple of the little that it spent: the median says more.
    centre = np.median if figure == "client" else np.mean
    ours = float(centre([one.ours for one in scored]))
    run_rate = float(centre([one.run_rate for one in scored]))
    lasts = [one.last for one in scored if one.last is not None]
    last = f", last {period} {centre(lasts):.1%}" if lasts else ""
    weeks = [one.week_ago for one in scored if one.week_ago is not None]
    last += f", the same day last week {centre(weeks):.1%} ({len(weeks)} of them)" if weeks else ""
    promise = PROMISED.get((figure, elapsed))
    name = f"cost.forecast.{period}.{elapsed}.{figure}"
    yield Row(
        id=name,
        what=f"error of the {figure}'s end of {period} at {elapsed} % of it ({len(scored)} forecasts)",
        value=ours,
        unit="ratio",
        target=None if promise is None else f"≤ {promise:.2f}",
        holds=None if promise is None else ours <= promise,
        baseline=f"run-rate {run_rate:.1%}{last}",
        how=HOW,
    )
    if figure != "client":
        inside = float(np.mean([one.inside for one in scored]))
        yield Row(
            id=f"{name}.coverage",
            what="true totals inside the 80 % interval",
            value=inside,
            unit="ratio",
            target="0.80",
            how=HOW,
        )


def scores(values: Floats, hours: int, elapsed: int) -> Iterator[Scored]:
    """One a period that the recording holds whole; none of it is looked at before its time."""
    settings = OutlookSettings()
    first = FIRST_DAY * 24 if hours == 24 else 0
    for start in range(first, len(values) - hours + 1, 24):
        origin, end = start + hours * elapsed // 100, start + hours
        spent, true = float(values[start:origin, 1].sum()), float(values[start:end, 1].sum())
        if true <= 0:
            continue
        rest = rest_of(values[:origin, 0], float(end - origin), settings)
        usd = _usd_per_request(values[:origin], settings.mix_hours)
        before = _error(values, start - hours, hours, true)
        low, high = spent + rest.lower * usd, spent + rest.upper * usd
        yield Scored(
            ours=abs(spent + rest.mean * usd - true) / true,
            run_rate=abs(spent * 100 / elapsed - true) / true,
            last=before,
            week_ago=None if hours == WEEK_HOURS else _error(values, start - WEEK_HOURS, hours, true),
            inside=low <= true <= high,
        )


def _error(values: Floats, start: int, hours: int, true: float) -> float | None:
    """Of taking what was spent in an earlier stretch; None: the recording begins later."""
    return None if start < 0 else abs(float(values[start : start + hours, 1].sum()) - true) / true


def _usd_per_request(values: Floats, mix_hours: int) -> float:
    """The token mix of the last hours at their prices; of all time where they were silent."""
    for late in (values[-mix_hours:], values):
        if late[:, 0].sum() > 0:
            return float(late[:, 1].sum() / late[:, 0].sum())
    return 0.0
