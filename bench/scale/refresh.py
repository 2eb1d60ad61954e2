"""The forecasts of one minute for many channels: processor time, and what the state takes."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.report import Row
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank, Minute

METRICS: Final = (Metric.LATENCY_P50, Metric.LATENCY_P95, Metric.FAILURE_RATIO, Metric.ATTEMPTS)
_WARM: Final = 80
"""Minutes until forecasts of both horizons are graded."""
_TARGETS_MS: Final = {1000: 50.0, 10_000: 1000.0}
_HOW: Final = (
    "refresh: channels × 4 metrics × 2 horizons, graded and learnt from: process CPU of one `ForecastBank.update`, the median of "
    "the minutes after 80; state: the bank's arrays."
)


def rows(sizes: Sequence[int], *, quick: bool) -> list[Row]:
    return [row for size in sizes for row in _of(size, 10 if quick else 30)]


def _of(channels: int, minutes: int) -> list[Row]:
    bank = ForecastBank()
    for number in range(channels):
        for metric in METRICS:
            bank.row(ChannelId(f"c{number}"), metric)
    rng = np.random.default_rng(3)
    usual = np.tile([0.35, 0.9, 0.0, 40.0], channels)
    took = []
    for minute in range(_WARM + minutes):
        values = usual * rng.lognormal(0.0, 0.15, len(usual))
        started = time.process_time()
        bank.update(Minute(end_at=60.0 * (minute + 1), values=values, counts=np.full(len(values), 40.0)))
        took.append((time.process_time() - started) * 1000.0)
    cpu_ms, wanted_ms = float(np.median(took[_WARM:])), _TARGETS_MS.get(channels)
    return [
        Row(
            id=f"scale.refresh_cpu_ms.{channels}",
            what=f"CPU of a minute's forecasts, {channels:,} channels",
            value=cpu_ms,
            unit="ms",
            target=None if wanted_ms is None else f"< {wanted_ms:g}",
            holds=None if wanted_ms is None else cpu_ms < wanted_ms,
            baseline=f"{cpu_ms / channels * 1000:.0f} µs a channel",
            how=_HOW,
        ),
        Row(
            id=f"scale.state_mb.{channels}",
            what=f"memory of the forecasts' state, {channels:,} channels",
            value=bank.nbytes / 1e6,
            unit="MB",
            baseline=f"{bank.nbytes / channels / 1000:.1f} kB a channel",
            how=_HOW,
        ),
    ]
