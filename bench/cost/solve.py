"""How long the optimum takes: 50 channels and 20 classes of requests, all bounds at once."""

import random
import time

from bench.report import Row
from foreroute.cost.linear_highs import optimise
from foreroute.cost.programme import Capacity, Choice, Programme, RequestClass

CHANNELS, CLASSES = 50, 20


def rows(*, quick: bool) -> list[Row]:
    repeats = 5 if quick else 30
    optimise(programme(0))  # loads the solver
    feasible = [_ms(programme(seed)) for seed in range(repeats)]
    barred = [_ms(programme(seed, usd_per_hour_max=0.01)) for seed in range(repeats)]
    how = "make bench NAME=cost; CPU time of one core, worst of the repeats; random prices, latencies, quotas and floors"
    shape = f"{CHANNELS} channels × {CLASSES} classes"
    return [
        _row("cost.optimum.solve", f"cheapest shares, {shape}", max(feasible), how),
        _row("cost.optimum.relax", f"no solution, and what must give, {shape}", max(barred), how),
    ]


def programme(seed: int, *, usd_per_hour_max: float | None = None) -> Programme:
    rng = random.Random(seed)
    names = [f"channel-{n}" for n in range(CHANNELS)]
    prices = {name: rng.uniform(0.2, 5.0) for name in names}
    late = {name: rng.betavariate(1, 12) for name in names}
    classes = [
        RequestClass(
            name=f"class-{n}",
            requests_per_minute=rng.uniform(10, 500),
            tokens_per_request=rng.uniform(200, 4000),
            choices=tuple(
                Choice(
                    channel=name,
                    usd=prices[name] * rng.uniform(0.8, 1.2) / 1000,
                    latency_s=rng.uniform(0.3, 4.0),
                    late_ratio=min(1.0, late[name] * rng.uniform(0.5, 1.5)),
                    success=rng.uniform(0.97, 1.0),
                    quality=rng.uniform(0.5, 1.0),
                )
                for name in names
            ),
            success_min=0.985,
            quality_min=0.6,
        )
        for n in range(CLASSES)
    ]
    capacities = {name: Capacity(rng.uniform(100, 900), rng.uniform(2e5, 4e6)) for name in names}
    return Programme(classes=classes, capacities=capacities, usd_per_hour_max=usd_per_hour_max)


def _ms(asked: Programme) -> float:
    start = time.process_time()
    optimise(asked)
    return (time.process_time() - start) * 1000.0


def _row(name: str, what: str, value: float, how: str) -> Row:
    return Row(id=name, what=what, value=value, unit="ms", target="< 100 ms", holds=value < 100.0, how=how)
