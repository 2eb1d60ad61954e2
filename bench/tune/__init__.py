"""What tuned timeouts cost and save: `make bench NAME=tune`.

The same requests to the same simulated channel, under the configured timeouts, under tuned ones, and under tight ones
that somebody might set by hand. The tuner has seen a day of the channel before (the first part of the series; nothing
of it is scored). Then two hours are scored, in which one answer in a hundred hangs, half of those before the first chunk and half
in the middle. *False timeouts*: answers that would have come. *Time to detect*: how long a request waits for something that
never comes.
"""

from collections.abc import Callable
from copy import deepcopy
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
_LEARN, _SCORE = 1440, 120
_HOW = (
    "bench/tune/arena.py: virtual time, 60 requests a minute, a day to learn in (not scored), 2 h scored with 1 % "
    "hanging, all arms on the same requests of each seed; 95 % bootstrap intervals over seeds"
)


def _steady(_minute: float) -> float:
    return 1.0


def _slower(minute: float) -> float:
    """As steady as the first, and twice as slow from the second scored hour on."""
    return 2.0 if minute >= _LEARN + 60 else 1.0


def run(*, quick: bool) -> list[Row]:
    seeds = range(1 if quick else 3)
    steady = [Arena(_world(_steady), seed=seed, rails=_rails(), policy=_FIXED).run(_LEARN) for seed in seeds]
    rows: list[Row] = []
    for name, slowness in (("steady", _steady), ("slower", _slower)):
        world = _world(slowness)
        rows += _compared(
            name,
            [_scored(_moved(one, world)) for one in steady],
            [_scored(_untuned(world, seed, _FIXED)) for seed in seeds],
            [_scored(_untuned(world, seed, _TIGHT)) for seed in seeds],
        )
    return rows


def _rails() -> Rails:
    return Rails(parameters=_TIMED)


def _world(slowness: Callable[[float], float]) -> World:
    return World(
        per_minute=60, slowness=slowness, hang_ratio=lambda minute: 0.01 if minute >= _LEARN else 0.0
    )


def _moved(arena: Arena, world: World) -> Arena:
    """A copy of what has learnt, in another world from now on."""
    copy = deepcopy(arena)
    copy.world = world
    return copy


def _untuned(world: World, seed: int, policy: CallPolicy) -> Arena:
    return Arena(world, seed=seed, policy=policy, tunes=False, minute=_LEARN)


def _scored(arena: Arena) -> Cut:
    arena.cut = Cut()
    return arena.run(_SCORE).cut


def _compared(world: str, tuned: list[Cut], fixed: list[Cut], tight: list[Cut]) -> list[Row]:
    rows = []
    for arm, cuts in (("tuned", tuned), ("fixed", fixed), ("by hand, tight", tight)):
        false, stall = [_false(one) for one in cuts], [fmean(one.waited_s) for one in cuts]
        key = f"tune.{world}.{arm.partition(',')[0]}".replace(" ", "_")
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


def _interval(values: list[float]) -> tuple[float, float] | None:
    """None for too few seeds to tell."""
    if len(values) < 3:
        return None
    rng = Random(0)
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(2000))
    return means[50], means[1949]
