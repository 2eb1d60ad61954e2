"""What steering by the cost optimum saves, at which latency: Foreroute beside static weights and cheapest-first.

Two kinds of traffic: an hour that was recorded (Azure 2023, code and conversation), and hours drawn from the shape of the
Mooncake conversation trace, in the world of `scenario.yaml`, which states weights, floors and where each figure is from.
Prices are those of genai-prices on the day of the run. In Foreroute's run both arms are served side by side, drawn by
hash, so they share every minute, every queue and every fault; static weights alone and cheapest-first have runs of their
own, with the same requests and the same luck. The recorded hour is skipped, and said so, where the data are absent.
`SAVINGS_RESULTS=FOLDER` keeps each seed, so that a run that was stopped goes on where it was; `SAVINGS_SEEDS=8` plays
fewer.
"""

import os
import sys
import time
from pathlib import Path

from bench.report import Row
from bench.savings import kept
from bench.savings import rows as table
from bench.savings.play import Played, play
from bench.savings.setting import Setting, load
from bench.savings.traffic import AZURE, TRACE

SEEDS, QUICK_SEEDS = 20, 2


def run(*, quick: bool) -> list[Row]:
    settings = load(time.time())
    if AZURE not in settings:
        print(f"savings: {TRACE} is absent, so the recorded hour is not played", file=sys.stderr)
    named = os.environ.get("SAVINGS_RESULTS")
    folder = Path(named) if named else None
    seeds = range(1, 1 + (QUICK_SEEDS if quick else int(os.environ.get("SAVINGS_SEEDS", SEEDS))))
    played = {
        name: [_played(folder, name, setting, seed) for seed in seeds] for name, setting in settings.items()
    }
    return [row for name, setting in settings.items() for row in table.rows(name, setting, played[name])]


def _played(folder: Path | None, traffic: str, setting: Setting, seed: int) -> Played:
    found = kept.find(folder, traffic, seed)
    if found is None:
        print(f"savings: {traffic}, seed {seed}", file=sys.stderr)
        found = play(setting, seed)
        kept.keep(folder, traffic, found)
    return found
