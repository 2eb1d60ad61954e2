"""One step of all series: take in, grade, learn, forecast anew. The order is the guarantee that nothing looks ahead."""

import numpy as np

from foreroute.forecast.bank import changes, history, intervals, learner, levels, profile, said, standing
from foreroute.forecast.bank.columns import Array
from foreroute.forecast.bank.memory import Memory

RATIO_MAX = np.float32(1.5)
"""Largest logarithm of a ratio that an expert is taken at."""
FAR = np.float32(np.log(5.0))
"""A forecast is never further than this from what was usual of late."""
_UNIT_MIN = np.float32(2e-3)
_MEMORY_REQUESTS = np.float32(np.exp(-1.0 / 15.0))
_BASE = levels.NAMES.index("average_5")
_USUAL = levels.NAMES.index("median_15")
_PROFILED = levels.NAMES.index("average_15")
_PROFILE_BACK = 15
"""Steps that the profiled level looks back."""


def advance(
    memory: Memory, end_at: float, values: Array, weights: Array, outside: Array | None = None
) -> None:
    """`values` (series) with NaN for unmeasured, `weights` the requests behind each, `outside` (plug-ins, 2, horizons, series)."""
    state = memory.state
    if state.count:
        weights = np.where(state["amount"], np.float32(1.0), weights)
        _take_in(memory, end_at, values, weights)
        for at, steps in enumerate(memory.settings.horizons):
            if memory.tick >= steps:
                _grade(memory, at, steps)
        _forecast(memory, end_at, outside)
    memory.tick += 1
    memory.end_at = end_at


def _take_in(memory: Memory, end_at: float, values: Array, weights: Array) -> None:
    state, slot = memory.state, memory.slot(end_at)
    before = None if memory.end_at is None else memory.slot(memory.end_at)
    history.push(state, memory.tick, values, weights)
    changes.clean(state, memory.tick, values)
    levels.learn(state, values, weights)
    profile.learn(state, slot, before, np.log(values + state["offset"]))
    state["requests"] = state["requests"] * _MEMORY_REQUESTS + np.where(np.isfinite(values), weights, 0.0)


def _grade(memory: Memory, at: int, steps: int) -> None:
    """Pairs what was said `steps` ago with what came of it."""
    state, origin = memory.state, memory.tick - steps
    ring = origin % len(state["said_base"])
    base, unit, offset = state["said_base"][ring], state["said_unit"][ring], state["offset"]
    outcome = history.outcomes(state, memory.tick, steps)
    ratio = np.log((outcome + offset) / (base + offset))
    opinions = said.opinions(state, at, origin)
    in_units = np.exp(opinions) * (base + offset) - offset
    standing.grade(state, at, in_units, outcome)
    features = said.features(
        state["said_levels"][ring].astype(np.float32), said.changes(state, at, origin), unit
    )
    learner.learn(state, at, features, np.clip(ratio, -FAR, FAR) / unit)
    bounds = state[f"said_bounds_{at}"][origin % steps].astype(np.float32)
    intervals.learn(state, at, steps, ratio - opinions[:, -1], bounds)


def _forecast(memory: Memory, end_at: float, outside: Array | None) -> None:
    state, slot = memory.state, memory.slot(end_at)
    offset = state["offset"]
    found = levels.opinions(state, memory.tick)
    base = found[_BASE]
    unit = np.maximum(state["noise"] / (base + offset), _UNIT_MIN)
    known = np.isfinite(base)
    shared = _ratios(found, base, offset)
    ring = memory.tick % len(state["said_base"])
    state["said_base"][ring], state["said_unit"][ring] = base, np.where(known, unit, 1.0)
    state["said_levels"][ring] = shared
    trend = changes.trends(state, memory.tick, memory.shapes)
    for at, steps in enumerate(memory.settings.horizons):
        ahead = profile.ahead(
            state,
            slot,
            steps * memory.settings.slots * memory.settings.step_s / 86_400.0,
            _PROFILE_BACK * memory.settings.slots * memory.settings.step_s / 86_400.0,
        )
        carried = np.array(changes.carried(steps), dtype=np.float32)[:, None]
        trend_ahead = _ratios(np.maximum(trend[0] + trend[1] * carried, 0.0), base, offset)
        trend_now = _ratios(trend[0], base, offset)
        profiled = np.clip(shared[_PROFILED] + ahead, -RATIO_MAX, RATIO_MAX)
        moves = np.stack([trend_now, *np.clip(ahead, -1.5, 1.5), trend_ahead[1] - trend_now])
        features = said.features(shared, moves, unit)
        regression = learner.predict(state["coefficients"][at], features) * unit
        own = [profiled, trend_ahead]
        if outside is not None:
            own += [_ratios(one[:, at], base, offset) for one in outside]
        else:
            own += [np.full_like(profiled, np.nan)] * len(memory.settings.plug_ins)
        own.append(np.clip(np.where(known, regression, np.nan), -RATIO_MAX, RATIO_MAX))
        everyone = np.concatenate(
            [np.broadcast_to(shared, (2, *shared.shape)), np.stack(own, axis=1)], axis=1
        )
        mixed = _mix(memory, at, everyone)
        usual = np.where(np.isfinite(shared[_USUAL]), shared[_USUAL], 0.0)
        mixed = np.clip(mixed, usual - FAR, usual + FAR)
        mean = np.minimum(np.exp(mixed) * (base + offset) - offset, state["ceiling"])
        mean = np.maximum(mean, 0.0)
        mixed = np.log((mean + offset) / (base + offset))
        bounds = intervals.bounds(state, at, steps, state["age"])
        own_ring = memory.tick % steps
        state[f"said_own_{at}"][own_ring] = np.concatenate([np.stack(own, axis=1), mixed[:, None]], axis=1)
        state[f"said_changes_{at}"][own_ring] = np.where(np.isfinite(moves), moves, 0.0)
        state[f"said_bounds_{at}"][own_ring] = bounds
        edges = np.exp(bounds) * (mean + offset)[:, None] - offset
        edges = np.clip(edges, 0.0, state["ceiling"])
        state["now"][at] = np.concatenate([mean[:, None], edges], axis=1)
        state[f"past_{at}"][memory.tick % said.KEPT] = mean


def _mix(memory: Memory, at: int, everyone: Array) -> Array:
    """(2, series): the weighted mean of what is said, by what each word has been worth."""
    state, roster = memory.state, memory.roster
    voting = slice(0, everyone.shape[1])
    usable = (
        np.isfinite(everyone)
        & standing.votes(state, at, roster.outside, memory.settings.outcomes_min)[:, voting]
    )
    shares = standing.weights(standing.ratios(state, at)[:, voting], usable)
    young = state["seen"] < memory.settings.young
    alone = np.zeros(everyone.shape[1], dtype=np.float32)
    alone[_BASE] = 1.0
    shares = np.where(young, alone[:, None], shares)
    state["shares"][at][:, voting] = shares
    mixed = (shares * np.where(np.isfinite(everyone), everyone, 0.0)).sum(axis=1)
    return np.where(usable[:, _BASE], mixed, np.float32(np.nan))


def _ratios(found: Array, base: Array, offset: Array) -> Array:
    return np.clip(np.log((found + offset) / (base + offset)), -RATIO_MAX, RATIO_MAX)
