"""How good the forecasts are on recorded series, and what a minute of them costs. Rolling origin, no look-ahead.

Series of one step are played side by side through one bank (`replay.py`), which learns from outcomes only once they
are complete; every later origin is scored (`score.py`) beside the last value and other cheap forecasters (`peer.py`).
Where the recorded series are absent a synthetic stand-in is measured under another name.
"""

import sys
from typing import Final

from bench.forecast import cost, rows
from bench.forecast.data import Group, groups, synthetic
from bench.forecast.peer import baselines
from bench.forecast.replay import replay
from bench.forecast.score import Cell, cells
from bench.report import Row

_HORIZONS: Final = (("15min", 900.0), ("60min", 3600.0))


def run(*, quick: bool) -> list[Row]:
    recorded = groups(quick=quick)
    prefix = "forecast" if recorded else "forecast.synthetic"
    found = recorded or synthetic(quick=quick)
    names = [group.name for group in found]
    scored = measure(found)
    step_of = {group.name: group.step_s for group in found}
    return [
        *rows.accuracy(scored, names, prefix=prefix),
        *rows.ratios(scored, names),
        *rows.coverage(scored),
        *rows.percentages(scored, _HORIZONS, step_of),
        *cost.rows(quick=quick),
    ]


def measure(found: tuple[Group, ...]) -> list[Cell]:
    """Groups of the same step share a bank."""
    scored: list[Cell] = []
    for step_s in sorted({group.step_s for group in found}):
        alike = [group for group in found if group.step_s == step_s]
        print(f"forecast: {', '.join(group.name for group in alike)}", file=sys.stderr)
        played = replay([member for group in alike for member in group.members], step_s)
        scored += cells(alike, played, baselines(step_s)[1:])
    return scored
