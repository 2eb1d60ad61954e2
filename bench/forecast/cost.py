"""What the bank costs: CPU of a minute for a thousand channels, time of an answer, memory."""

import time
from typing import Final

import numpy as np

from bench.report import Row
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.archive import from_bytes, to_bytes
from foreroute.forecast.bank.bank import ForecastBank, Minute

_CHANNELS: Final = 1000
_METRICS: Final = (Metric.LATENCY_P50, Metric.LATENCY_P95, Metric.FAILURE_RATIO, Metric.ATTEMPTS)
_WEEK_S: Final = 7 * 86_400.0
_ROUNDS: Final = 3
_WARM: Final = 80
"""Minutes until forecasts of both horizons are graded."""


def rows(*, quick: bool) -> list[Row]:
    bank = ForecastBank()
    for number in range(_CHANNELS):
        for metric in _METRICS:
            bank.row(ChannelId(f"c{number}"), metric)
    rng = np.random.default_rng(3)
    took = []
    for minute in range(_WARM + (10 if quick else 60)):
        values = np.tile([0.35, 0.9, 0.0, 40.0], _CHANNELS) * rng.lognormal(0.0, 0.15, 4 * _CHANNELS)
        started = time.process_time()
        bank.update(Minute(end_at=60.0 * (minute + 1), values=values, counts=np.full(len(values), 40.0)))
        took.append((time.process_time() - started) * 1000.0)
        if minute == 0:
            _age(bank)
    stored = to_bytes(bank)
    answers = [_answers(from_bytes(stored, bank.settings)) for _ in range(_ROUNDS)]
    refresh, answer = float(np.median(took[_WARM:])), min(wall for wall, _ in answers)
    megabytes = bank.nbytes / 1e6
    how = (
        f"cost: {_CHANNELS} channels × {len(_METRICS)} metrics × 2 horizons × mean and point, each with 80 and 95 % intervals, "
        f"graded and learnt from: process CPU of one `ForecastBank.update`, the median of {len(took) - _WARM} minutes after "
        f"{_WARM}, with a week in the day's shape; an answer is `ForecastBank.forecast` of one series, {_CHANNELS} of them, wall clock, "
        f"the first ones after the state was read back from bytes, the least of {_ROUNDS} such rounds: what else the machine does only adds."
    )
    return [
        Row(id="forecast.refresh_cpu_ms", what="CPU of a minute of 1,000 channels × 4 metrics", value=refresh,
            unit="ms", target="< 50", holds=refresh < 50.0, how=how),
        Row(id="forecast.answer_p99_ms", what="one series' forecast with its path and windows", value=answer,
            unit="ms", target="< 5", holds=answer < 5.0, how=how,
            baseline=f"CPU {min(cpu for _, cpu in answers):.2f} ms"),
        Row(id="forecast.state_mb", what="memory of the state", value=megabytes,
            unit="MB", target="< 60", holds=megabytes < 60.0, how=how),
    ]  # fmt: skip


def _answers(bank: ForecastBank) -> tuple[float, float]:
    """The 99th percentile of one answer in ms: wall clock and CPU."""
    walls, cpus = [], []
    for row in range(0, len(_METRICS) * _CHANNELS, len(_METRICS)):
        began, cpu = time.perf_counter(), time.thread_time()
        bank.forecast(row)
        walls.append(time.perf_counter() - began)
        cpus.append(time.thread_time() - cpu)
    return float(np.percentile(walls, 99)) * 1000.0, float(np.percentile(cpus, 99)) * 1000.0


def _age(bank: ForecastBank) -> None:
    """As if a week had passed since the first minute: the shape of seven days is looked up from then on."""
    bank.memory.begun_at -= _WEEK_S
    bank.memory.state["profile"][...] = 0.0
