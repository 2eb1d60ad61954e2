"""One step of all series: take in, grade, learn, forecast anew. The order is the guarantee that nothing looks ahead."""

import numpy as np

from foreroute.forecast.bank import (
    credibility,
    history,
    intervals,
    learner,
    levels,
    noise,
    present,
    profile,
    said,
    standing,
    tracking,
)
from foreroute.forecast.bank.columns import Array, clip
from foreroute.forecast.bank.memory import Memory


def advance(
    memory: Memory, end_at: float, values: Array, weights: Array, outside: Array | None = None
) -> None:
    """`values` (series), NaN where unmeasured; `weights`, the requests behind each; `outside` (plug-ins, 2, horizons, series)."""
    state = memory.state
    if memory.end_at is None:
        memory.begun_at = end_at
    if state.count:
        _take_in(memory, end_at, values, np.where(state["amount"], np.float32(1.0), weights))
        for at, steps in enumerate(memory.settings.horizons):
            if memory.tick >= steps:
                _grade(memory, at, steps)
        now = present.present(memory, end_at)
        for at, steps in enumerate(memory.settings.horizons):
            opinions = None if outside is None else outside[:, :, at]
            present.forecast(memory, now, at, steps, opinions)
    memory.tick += 1
    memory.end_at = end_at


def _take_in(memory: Memory, end_at: float, values: Array, weights: Array) -> None:
    state, place = memory.state, memory.place(end_at)
    before = None if memory.end_at is None else memory.place(memory.end_at)
    history.push(state, memory.tick, values, weights)
    noise.learn(state, memory.tick, values)
    cut = state["clean"][memory.tick % len(state["clean"])]
    levels.learn(state, values, cut, weights)
    logs = np.log(cut + state["offset"])
    tracking.learn(state, logs)
    profile.learn(state, place, before, np.log(values + state["offset"]))


def _grade(memory: Memory, at: int, steps: int) -> None:
    """Pairs what was said `steps` ago with what came of it."""
    state, origin = memory.state, memory.tick - steps
    ring = origin % len(state["said_base"])
    base, unit, offset = (
        state["said_base"][ring],
        state["said_unit"][ring].astype(np.float32),
        state["offset"],
    )
    outcome = history.outcomes(state, memory.tick, steps)
    ratio = np.log((outcome + offset) / (base + offset))
    opinions, moves = said.opinions(state, at, origin), said.moves(state, at, origin)
    standing.grade(state, at, np.exp(opinions) * (base + offset) - offset, outcome)
    standing.grade_relative(state, at, ratio - opinions[:, -1])
    going, mixed = (
        state[f"said_{name}_{at}"][origin % steps].astype(np.float32) for name in ("going", "mixed")
    )
    credibility.learn(state, at, going, (ratio - opinions[:, memory.roster.trend], ratio - mixed))
    features = said.features(opinions[0, : len(levels.NAMES)], moves, unit)
    learner.learn(state, at, steps, features, clip(ratio, -present.FAR, present.FAR) / unit)
    bounds = state[f"said_bounds_{at}"][origin % steps].astype(np.float32)
    intervals.learn(state, at, steps, ratio - opinions[:, -1], bounds)
