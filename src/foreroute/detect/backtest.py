"""What the streaming detector would have said of recorded series: all of them side by side, one window after another."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from foreroute.core.ids import ChannelId
from foreroute.core.series import Series
from foreroute.detect.bank import VALUES_MIN, Window
from foreroute.detect.columns import Bools
from foreroute.detect.evaluate import Outcome, evaluate
from foreroute.detect.rows import Rows

_DAY_S: Final = 86_400.0


def alarms_of(series: Sequence[Series], *, false_alarms_per_day: float) -> dict[ChannelId, Bools]:
    """One flag for each value. The series have one step, each is its own channel, and they need not begin together."""
    if not series:
        return {}
    step_s, start_at = series[0].step_s, min(one.start_at for one in series)
    first = [round((one.start_at - start_at) / step_s) for one in series]
    length = max(begin + len(one.values) for begin, one in zip(first, series, strict=True))
    values = np.full((length, len(series)), np.nan)
    for column, (begin, one) in enumerate(zip(first, series, strict=True)):
        values[begin : begin + len(one.values), column] = one.values
    rows = Rows()
    rows.take_in([(one.channel, one.metric) for one in series])
    unknown, open_ = np.full(len(series), np.nan), np.zeros(len(series), dtype=bool)
    flags = np.zeros(values.shape, dtype=bool)
    for number in range(length):
        at = start_at + number * step_s
        window = Window(at=at, step_s=step_s, values=values[number], counts=unknown, muted=open_)
        flags[number] = rows.bank.step(window, rate=false_alarms_per_day * step_s / _DAY_S).alarms
    return {
        one.channel: flags[begin : begin + len(one.values), column]
        for column, (begin, one) in enumerate(zip(first, series, strict=True))
    }


def backtest(
    series: Sequence[Series], labels: Mapping[ChannelId, Bools], *, false_alarms_per_day: float
) -> dict[ChannelId, Outcome]:
    """How good the alarms are against labels, by series. The windows in which nothing is judged yet do not count."""
    alarms = alarms_of(series, false_alarms_per_day=false_alarms_per_day)
    return {
        one.channel: evaluate(
            labels[one.channel],
            alarms[one.channel],
            step_s=one.step_s,
            counted=np.cumsum(np.isfinite(one.values)) > VALUES_MIN,
        )
        for one in series
    }
