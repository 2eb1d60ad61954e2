"""How good the forecasts are on recorded series, and what a minute of them costs. Rolling origin, no look-ahead.

Series of one step are played side by side through one bank, which learns from outcomes only once they are complete;
every later origin is scored beside the last value and other cheap forecasters (`foreroute.forecast.backtest`, which is
also what `foreroute backtest` does). A few origins are scored beside models that are fitted anew at each (`refits.py`),
where statsforecast is installed, and the bank once more with LightGBM in its mix (`boosted.py`). Single requests:
`requests.py`. Where the recorded series are absent a synthetic stand-in is measured under another
name.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench.forecast import boosted, cost, refits, requests, rows
from bench.forecast.cell import Cell
from bench.forecast.data import Group, genai_requests, groups, synthetic
from bench.report import Row
from foreroute.forecast.backtest_peers import baselines
from foreroute.forecast.backtest_replay import Replay, replay
from foreroute.forecast.backtest_score import scores

_HORIZONS: Final = (("15min", 900.0), ("60min", 3600.0))

Also = Callable[[Group, Replay, int], None]
"""What else is done with a group that was played: its first member is the series of that number."""


def run(*, quick: bool) -> list[Row]:
    recorded = groups(quick=quick)
    prefix = "forecast" if recorded else "forecast.synthetic"
    found = recorded or synthetic(quick=quick)
    names = [group.name for group in found]
    asked: list[refits.Asked] = []

    def ask(group: Group, played: Replay, begin: int) -> None:
        asked.append(refits.ask_refitted(group, played, begin, quick=quick))

    if not refits.is_possible():
        print("forecast: without statsforecast nothing is fitted beside the bank", file=sys.stderr)
    scored = measure(found, ask if refits.is_possible() else None)
    step_of = {group.name: group.step_s for group in found}
    return [
        *rows.accuracy(scored, names, prefix=prefix),
        *rows.ratios(scored, names),
        *rows.coverage(scored),
        *rows.percentages(scored, _HORIZONS, step_of),
        *cost.rows(quick=quick),
        *refits.rows(asked, scored),
        *requests.rows(genai_requests() if recorded else [], booster=boosted.is_possible()),
        *boosted.rows(found, quick=quick),
    ]


def measure(found: Sequence[Group], also: Also | None = None) -> list[Cell]:
    """Groups of the same step share a bank. Series whose last value is always right are left out."""
    scored: list[Cell] = []
    for step_s in sorted({group.step_s for group in found}):
        alike = [group for group in found if group.step_s == step_s]
        print(f"forecast: {', '.join(group.name for group in alike)}", file=sys.stderr)
        played = replay([member for group in alike for member in group.members])
        peers, begin = baselines(step_s)[1:], 0
        for group in alike:
            for number in range(begin, begin + len(group.members)):
                found_here = scores(played, number, peers, group.rules)
                scored += [Cell(group.name, score) for score in found_here if score.naive_error > 0]
            if also is not None:
                also(group, played, begin)
            begin += len(group.members)
    return scored
