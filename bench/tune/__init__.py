"""What tuned timeouts cost and save: `make bench NAME=tune`.

The same requests to the same simulated channel, once under the configured timeouts and once under tuned ones, after
twelve simulated hours in which the tuner has seen the channel (the first part of the series; nothing of it is scored). Then two hours are
scored: with one answer in a hundred that hangs, half before its first chunk and half in the middle. *False timeouts*:
answers that would have come. *Time to detect*: how long a request waits for something that never comes.
"""

from dataclasses import replace
from random import Random
from statistics import fmean

from bench.report import Row
from bench.tune.arena import Arena, Cut, World
from foreroute.core.limits import Parameter
from foreroute.core.plan import CallPolicy, Timeouts
from foreroute.heal.tuning.rails import Rails

_TIMED = frozenset({Parameter.FIRST_CHUNK, Parameter.STALL, Parameter.TOTAL})
_FIXED = CallPolicy(timeouts=Timeouts())
_TIGHT = CallPolicy(timeouts=Timeouts(first_chunk_s=2.0, stall_s=2.0, total_s=20.0))
"""What somebody might set by hand who wants stalls noticed fast."""
_LEARN, _SCORE = 720, 120
_HOW = (
    "bench/tune/arena.py: virtual time, 60 requests a minute, 12 h to learn in (not scored), 2 h scored with 1 % hanging, "
    "a pair of arms on the same requests for each seed; 95 % bootstrap intervals over seeds"
)


def run(*, quick: bool) -> list[Row]:
    seeds = range(2 if quick else 8)
    worlds = {
        "steady": lambda _: 1.0,
        "daily": lambda minute: 1.5 if minute % 240 >= 120 else 1.0,
        "slower": lambda minute: 2.0 if minute >= _LEARN + 60 else 1.0,
    }
    rows: list[Row] = []
    for name, slowness in worlds.items():
        world = World(
            per_minute=60,
            slowness=slowness,
            hang_ratio=lambda minute: 0.01 if minute >= _LEARN else 0.0,
        )
        tuned = [_scored(Arena(world, seed=seed, rails=_rails(), policy=_FIXED)) for seed in seeds]
        fixed = [_scored(Arena(world, seed=seed, policy=_FIXED, tunes=False)) for seed in seeds]
        tight = [_scored(Arena(world, seed=seed, policy=_TIGHT, tunes=False)) for seed in seeds]
        rows += _compared(name, tuned, fixed, tight)
    return rows


def _rails() -> Rails:
    return replace(Rails(), parameters=_TIMED)


def _scored(arena: Arena) -> Cut:
    if arena.tunes:
        arena.run(_LEARN)
    else:
        arena.minute = _LEARN
    arena.cut = Cut()
    return arena.run(_SCORE).cut


def _compared(world: str, tuned: list[Cut], fixed: list[Cut], tight: list[Cut]) -> list[Row]:
    rows = []
    for arm, cuts in (("tuned", tuned), ("fixed", fixed), ("by hand, tight", tight)):
        false, stall = [_false(one) for one in cuts], [fmean(one.waited_s) for one in cuts]
        key = f"tune.{world}.{arm.partition(',')[0].replace(' ', '_')}"
        held = fmean(false) <= 5000 if arm == "tuned" else None
        rows.append(
            Row(
                id=f"{key}.false",
                what=f"false timeouts, {world}, {arm}",
                value=fmean(false),
                unit="per million",
                target="≤ 5000" if arm == "tuned" else None,
                holds=held,
                interval=_interval(false),
                how=_HOW,
            )
        )
        rows.append(
            Row(
                id=f"{key}.stall",
                what=f"time to detect a stall, {world}, {arm}",
                value=fmean(stall),
                unit="s",
                baseline=None
                if arm == "fixed"
                else f"{fmean([fmean(one.waited_s) for one in fixed]):.1f} s fixed",
                interval=_interval(stall),
                how=_HOW,
            )
        )
    return rows


def _false(cut: Cut) -> float:
    return 1e6 * cut.false / cut.requests


def _interval(values: list[float]) -> tuple[float, float]:
    rng = Random(0)
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(2000))
    return means[50], means[1949]
