"""Banks that have seen something, by formula and seed."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings

START_AT = 1_770_000_000.0
Floats = NDArray[np.float64]
Play = Callable[..., ForecastBank]


@pytest.fixture
def play() -> Play:
    """Plays (steps, series) of values through a bank of one metric."""

    def played(
        values: Floats,
        *,
        bank: ForecastBank | None = None,
        settings: BankSettings | None = None,
        counts: Floats | None = None,
        metric: Metric = Metric.LATENCY_P95,
        start: int = 0,
    ) -> ForecastBank:
        bank = bank or ForecastBank(settings or BankSettings())
        for number in range(values.shape[1]):
            bank.row(ChannelId(f"c{number}"), metric)
        for step, row in enumerate(values):
            at = START_AT + (start + step + 1) * bank.settings.step_s
            bank.update(Minute(at, row, None if counts is None else counts[step]))
        return bank

    return played


@pytest.fixture
def noisy() -> Callable[..., Floats]:
    """(steps, series) around a level by step, with lognormal noise."""

    def made(
        steps: int,
        series: int = 1,
        *,
        level: Callable[[int], float] = lambda _: 0.35,
        noise: float = 0.15,
        seed: int = 1,
    ) -> Floats:
        rng = np.random.default_rng(seed)
        levels = np.array([[level(step)] for step in range(steps)])
        return np.asarray(levels * np.exp(noise * rng.standard_normal((steps, series))))

    return made
