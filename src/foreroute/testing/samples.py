"""Series for the conformance kits: usual and strange ones, the same at every call."""

import math
from collections.abc import Callable
from random import Random
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series

START_AT: Final = 1_770_000_000.0
STEP_S: Final = 60.0


def a_series(*values: float, metric: Metric = Metric.FIRST_CHUNK_P95) -> Series:
    return Series(
        channel=ChannelId("sample"), metric=metric, start_at=START_AT, step_s=STEP_S, values=tuple(values)
    )


def noisy(length: int = 180, *, seed: int = 1, level: Callable[[int], float] = lambda _: 0.35) -> Series:
    """Latencies around a level per minute, with ±15 % of lognormal noise."""
    rng = Random(seed)
    return a_series(*(level(minute) * math.exp(0.15 * rng.gauss(0.0, 1.0)) for minute in range(length)))


def ramp(length: int = 180, *, start: int = 120, per_minute: float = 0.02) -> Series:
    """Level at first, then rising by a part of it every minute."""
    return noisy(length, seed=2, level=lambda minute: 0.35 * (1.0 + per_minute * max(0, minute - start)))


def gappy(length: int = 180) -> Series:
    """A fifth of the minutes missing, one long hole among them."""
    rng = Random(3)
    return a_series(
        *(
            math.nan if 60 <= minute < 80 or rng.random() < 0.1 else value
            for minute, value in enumerate(noisy(length, seed=3).values)
        )
    )


def spiky(length: int = 180) -> Series:
    """One minute in forty is ten times as slow."""
    return a_series(
        *(
            value * 10 if minute % 40 == 11 else value
            for minute, value in enumerate(noisy(length, seed=4).values)
        )
    )


def usual() -> dict[str, Series]:
    """Series on which any model must give a finite forecast."""
    stale = a_series(*noisy(seed=5).values[:-30], *(math.nan,) * 30)
    return {
        "noisy": noisy(),
        "ramp": ramp(),
        "gappy": gappy(),
        "spiky": spiky(),
        "stale": stale,
        "short": noisy(12),
        "one value": a_series(0.35),
        "constant": a_series(*(0.35,) * 180),
        "zeros": a_series(*(0.0,) * 180, metric=Metric.FAILURE_RATIO),
        "a few failures": a_series(*((0.0,) * 19 + (0.5,)) * 9, metric=Metric.FAILURE_RATIO),
    }


def empty() -> dict[str, Series]:
    """Series that say nothing at all."""
    return {"empty": a_series(), "all missing": a_series(*(math.nan,) * 60)}


def channels_with_days(count: int = 3, *, days: float = 9.0, step_s: float = 300.0) -> tuple[Series, ...]:
    """Series of one metric, some days long, each with a course of the day of its own: what pooled models learn from."""
    found = []
    for number in range(count):
        rng, size = Random(20 + number), 0.2 * (1 + number)
        values = []
        for step in range(round(days * 86_400.0 / step_s)):
            angle = 2.0 * math.pi * step * step_s / 86_400.0 + number
            values.append(size * math.exp(0.3 * math.sin(angle) + 0.15 * rng.gauss(0.0, 1.0)))
        found.append(
            Series(
                channel=ChannelId(f"sample-{number}"),
                metric=Metric.FIRST_CHUNK_P95,
                start_at=START_AT,
                step_s=step_s,
                values=tuple(values),
            )
        )
    return tuple(found)
