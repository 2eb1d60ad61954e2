import math
from collections.abc import Callable
from random import Random

import pytest

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series

Truth = Callable[[int], float]


def make_series(*values: float, metric: Metric = Metric.FIRST_CHUNK_P95, start_at: float = 6000.0) -> Series:
    return Series(channel=ChannelId("a"), metric=metric, start_at=start_at, step_s=60.0, values=tuple(values))


@pytest.fixture
def series() -> Callable[..., Series]:
    return make_series


@pytest.fixture
def noisy() -> Callable[..., Series]:
    """`length` minutes of lognormal noise of ±15 % around a truth per minute."""

    def make(length: int, truth: Truth = lambda _: 0.35, *, seed: int = 0, noise: float = 0.15) -> Series:
        rng = Random(seed)
        return make_series(*(truth(t) * math.exp(noise * rng.gauss(0.0, 1.0)) for t in range(length)))

    return make
