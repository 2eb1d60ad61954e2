"""Foreroute's detector over whole recordings: the bank that the engine holds, one step a window for all series."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.detect.series import Bools, Judgeable
from foreroute.core.ids import ChannelId
from foreroute.detect.bank import Window
from foreroute.detect.engine import DetectSettings
from foreroute.detect.rows import Rows

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Ran:
    alarms: dict[str, Bools]
    """By name of the series."""
    seconds: float
    points: int


def run_ours(series: Sequence[Judgeable]) -> Ran:
    """All series of one step together, each at its own minute of the day."""
    alarms: dict[str, Bools] = {}
    seconds = 0.0
    for step_s in sorted({one.step_s for one in series}):
        group = [one for one in series if one.step_s == step_s]
        started = time.process_time()
        alarms |= _run(group, step_s)
        seconds += time.process_time() - started
    return Ran(alarms, seconds, sum(len(one.values) for one in series))


def _run(group: Sequence[Judgeable], step_s: float) -> dict[str, Bools]:
    first = [round(one.start_at % _DAY_S / step_s) for one in group]
    length = max(begin + len(one.values) for begin, one in zip(first, group, strict=True))
    values, counts = np.full((length, len(group)), np.nan), np.full((length, len(group)), np.nan)
    for column, (begin, one) in enumerate(zip(first, group, strict=True)):
        values[begin : begin + len(one.values), column] = one.values
        if one.counts is not None:
            counts[begin : begin + len(one.values), column] = one.counts
    rows = Rows()
    rows.take_in([(ChannelId(one.name), one.metric) for one in group])
    rate = DetectSettings(step_s=step_s).rate
    alarms = np.zeros((length, len(group)), dtype=bool)
    open_ = np.zeros(len(group), dtype=bool)
    for number in range(length):
        window = Window(
            at=number * step_s, step_s=step_s, values=values[number], counts=counts[number], muted=open_
        )
        alarms[number] = rows.bank.step(window, rate=rate).alarms
    return {
        one.name: alarms[begin : begin + len(one.values), column]
        for column, (begin, one) in enumerate(zip(first, group, strict=True))
    }
