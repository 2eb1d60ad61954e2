"""What LightGBM adds to the bank: the same origins with and without it in the mix, of a bounded part of the series."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import util
from typing import Final

import numpy as np

from bench.forecast.against import Cell, with_lightgbm
from bench.forecast.data import Group
from bench.forecast.refits import BANK
from bench.report import Row
from foreroute.core.series import Series
from foreroute.forecast.backtest import geometric

_SERIES: Final = 4
_ROWS, _ROWS_QUICK = 20_000, 5_000
_WITH: Final = "bank with lightgbm"


def is_possible() -> bool:
    return util.find_spec("lightgbm") is not None


def rows(groups: Sequence[Group], *, quick: bool) -> list[Row]:
    """Nothing without LightGBM, or without a group of two series and eight days."""
    if not is_possible():
        print("forecast: without lightgbm nothing is measured with it in the mix", file=sys.stderr)
        return []
    started = time.process_time()
    cells: list[Cell] = []
    for group in groups:
        if len(group.members) > 1:
            part = replace(group, members=_spread(group))
            cells += with_lightgbm(part, rows_max=_ROWS_QUICK if quick else _ROWS)
    cells = [cell for cell in cells if len(cell.ratios[BANK])]
    if not cells:
        return []
    names = dict.fromkeys(cell.group for cell in cells)
    mixed = {name: _relative(cells, name, _WITH) for name in names}
    alone = {name: _relative(cells, name, BANK) for name in names}
    by_group = {name: mixed[name] / alone[name] for name in names}
    value, worst = geometric(by_group.values()), max(by_group, key=lambda name: by_group[name])
    return [
        Row(
            id="forecast.ratio.bank_without_lightgbm",
            what="error of the bank with LightGBM in its mix over its error without",
            value=value,
            unit="ratio",
            target="≤ 1",
            holds=value <= 1.0,
            baseline=f"over the last value's {geometric(mixed.values()):.3f}, without {geometric(alone.values()):.3f}; worst group: "
            f"{worst}, {by_group[worst]:.3f}",
            how=f"lightgbm: {', '.join(names)}, up to {_SERIES} series of each evenly chosen, fitted at the end of a week and once more, "
            f"on at most {_ROWS_QUICK if quick else _ROWS} rows, asked every five minutes; every origin after the first week and six "
            f"hours; {time.process_time() - started:.0f} s of CPU.",
            cells={name: round(ratio, 4) for name, ratio in by_group.items()},
        )
    ]


def _spread(group: Group) -> tuple[Series, ...]:
    count = len(group.members)
    chosen = np.unique(np.linspace(0, count - 1, min(_SERIES, count)).round()).astype(int)
    return tuple(group.members[at] for at in chosen.tolist())


def _relative(cells: Sequence[Cell], group: str, name: str) -> float:
    return geometric(geometric(cell.ratios[name].tolist()) for cell in cells if cell.group == group)
