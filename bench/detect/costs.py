"""What detection costs: of one value, and of a tick with a thousand channels."""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np

from bench.detect.others import Measured
from bench.detect.ours import Ran
from bench.report import Row
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.streaming import Streaming

_CHANNELS: Final = 1000
_HISTORY: Final = 180
_METRICS: Final = (Metric.LATENCY_P95, Metric.FIRST_CHUNK_P95)
_POINT_US: Final = 100.0
_TICK_MS: Final = 100.0


def per_point(mine: Ran, others: Sequence[Mapping[str, Measured]]) -> list[Row]:
    """Ours, and each other's over everything that it scored."""
    value = mine.seconds / mine.points * 1e6
    how = f"us_per_point: process CPU of {mine.points} values, ours with all scored series of a step side by side."
    rows = [
        Row(
            id="detect.us_per_point",
            what="CPU of one value of one series",
            value=value,
            unit="µs",
            target=f"< {_POINT_US:g}",
            holds=value < _POINT_US,
            how=how,
        )
    ]
    for name in others[0]:
        runs = [one[name] for one in others]
        each = sum(one.seconds for one in runs) / sum(one.points for one in runs) * 1e6
        rows.append(
            Row(
                id=f"detect.{name}.us_per_point",
                what=f"{name}: CPU of one value",
                value=each,
                unit="µs",
                how=how,
            )
        )
    return rows


def tick(*, ticks: int) -> Row:
    """1,000 channels with two metrics each, whole histories of three hours handed in as the loop does."""
    rng = np.random.default_rng(5)
    values = 0.4 * np.exp(0.15 * rng.standard_normal((len(_METRICS) * _CHANNELS, _HISTORY + ticks)))
    engine = DetectEngine(DetectSettings(), [Streaming()])
    took = []
    for number in range(ticks + 1):
        series = [_series(row, values[row, number : number + _HISTORY], number) for row in range(len(values))]
        started = time.process_time()
        engine.update(series)
        took.append((time.process_time() - started) * 1000.0)
    value = median(took[1:])
    return Row(
        id="detect.tick_ms_1000",
        what="CPU of a tick, 1,000 channels",
        value=value,
        unit="ms",
        target=f"< {_TICK_MS:g}",
        holds=value < _TICK_MS,
        how=(
            f"tick: process CPU of `DetectEngine.update` of 1,000 channels × 2 metrics with 180 minutes of history each, median of "
            f"{ticks} ticks; the first, which plays the history through, took {took[0]:.0f} ms and is not in it."
        ),
    )


def _series(row: int, values: np.ndarray, number: int) -> Series:
    return Series(
        channel=ChannelId(f"c{row // len(_METRICS)}"),
        metric=_METRICS[row % len(_METRICS)],
        start_at=number * 60.0,
        step_s=60.0,
        values=tuple(values.tolist()),
    )
