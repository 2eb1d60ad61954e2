"""What steering by the cost optimum saves, at which latency: Foreroute beside static weights and cheapest-first.

One hour of recorded LLM traffic (Azure 2023, code and conversation), in the world of `scenario.yaml`, which states
prices, weights and floors in advance. In Foreroute's run both arms are served side by side, drawn by hash, so they
share every minute, every queue and every fault; static weights alone and cheapest-first have runs of their own, with
the same requests and the same luck. Skipped, and said so, where the data are absent. `SAVINGS_RESULTS=FOLDER` keeps
each seed, so that a run that was stopped goes on where it was; `SAVINGS_SEEDS=8` plays fewer.
"""

import os
import sys
from pathlib import Path

from bench.report import Row
from bench.savings import kept
from bench.savings import rows as table
from bench.savings.play import play
from bench.savings.setting import TRACE, load

SEEDS, QUICK_SEEDS = 20, 2


def run(*, quick: bool) -> list[Row]:
    if not TRACE.exists():
        print(f"savings: {TRACE} is absent, so no savings are measured", file=sys.stderr)
        return []
    setting, found = load(), []
    named = os.environ.get("SAVINGS_RESULTS")
    folder = Path(named) if named else None
    for seed in range(1, 1 + (QUICK_SEEDS if quick else int(os.environ.get("SAVINGS_SEEDS", SEEDS)))):
        played = kept.find(folder, seed)
        if played is None:
            print(f"savings: seed {seed}", file=sys.stderr)
            played = play(setting, seed)
            kept.keep(folder, played)
        found.append(played)
    return table.rows(setting, found)
