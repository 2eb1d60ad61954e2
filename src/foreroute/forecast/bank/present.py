"""What everybody says now, and what comes of it: the forecasts that are given."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.forecast.bank import (
    changes,
    credibility,
    intervals,
    learner,
    levels,
    profile,
    said,
    standing,
    tracking,
)
from foreroute.forecast.bank.columns import Array, clip
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.roster import MOVES
from foreroute.forecast.bank.settings import DAY_S

RATIO_MAX: Final = np.float32(1.5)
"""Largest logarithm of a ratio to the base that an expert is taken at."""
FAR: Final = np.float32(np.log(5.0))
"""A forecast is never further than this from what was usual of late."""
_UNIT_MIN: Final = np.float32(2e-3)
_UNIT_MAX: Final = np.float32(6e4)
"""What half precision holds."""
_WIDEST: Final = np.float32(20.0)
"""Logarithm of the widest interval, as a factor: after a series of zeros anything may come."""
_USUAL: Final = levels.NAMES.index("median_15")


@dataclass(frozen=True, slots=True)
class Present:
    """(series) each: the base of all logarithms, the noise as one; and where in the day the origin is.

    `levels` (experts, series) and the trend are the same at all horizons.
    """

    base: Array
    unit: Array
    levels: Array
    trend: changes.Trends
    trend_now: Array
    tracked: Array
    place: profile.Place


def present(memory: Memory, end_at: float) -> Present:
    """Also puts down what is the same at all horizons, for when it is graded."""
    state = memory.state
    found = levels.opinions(state, memory.tick)
    base = found[levels.base(memory.settings.step_s)[0]]
    unit = clip(state["noise"] / (base + state["offset"]), _UNIT_MIN, _UNIT_MAX)
    trend = changes.trends(state, memory.tick, memory.shapes)
    shared = _ratios(memory, found, base)
    ring = memory.tick % len(state["said_base"])
    state["said_base"][ring] = base
    state["said_unit"][ring] = np.where(np.isfinite(unit), unit, 1.0)
    state["said_levels"][ring] = shared
    trend_now = _ratios(memory, trend.level, base)
    tracked = _tracked(memory, shared, trend_now, unit)
    tracking.say(state, np.log(base + state["offset"]) + tracked)
    return Present(base, unit, shared, trend, trend_now, tracked, _place(memory, end_at))


def forecast(memory: Memory, now: Present, at: int, steps: int, outside: Array | None) -> None:
    """Puts down the forecast for horizon number `at`, and what it is made of, for when it is graded."""
    state = memory.state
    own, moves = _own(memory, now, at, steps, outside)
    everyone = np.concatenate([np.broadcast_to(now.levels, (2, *now.levels.shape)), own], axis=1)
    shares = _shares(memory, now, at, everyone)
    if at == 0:
        state["level_now"] = _level_now(memory, now, shares[1])
    mixed = (shares * np.where(np.isfinite(everyone), everyone, np.float32(0.0))).sum(axis=1)
    trend = everyone[:, memory.roster.trend]
    going = credibility.going_on(now.trend.going)
    state[f"said_mixed_{at}"][memory.tick % steps] = mixed
    state[f"said_going_{at}"][memory.tick % steps] = going
    believed = credibility.factor(state, at) * going
    mixed += np.where(np.isfinite(trend), believed * (trend - mixed), np.float32(0.0))
    mean = _bounded(memory, now, mixed)
    offset = state["offset"]
    final = np.log((mean + offset) / (now.base + offset))
    bounds = intervals.bounds(state, at, steps, state["age"])
    edges = clip(
        np.exp(clip(bounds, -_WIDEST, _WIDEST)) * (mean + offset)[:, None] - offset, 0.0, state["ceiling"]
    )
    ring = memory.tick % steps
    state["shares"][at][:, :-1] = shares
    state[f"said_own_{at}"][ring] = np.concatenate([own, final[:, None]], axis=1)
    state[f"said_moves_{at}"][ring] = np.where(np.isfinite(moves), moves, 0.0)
    state[f"said_bounds_{at}"][ring] = bounds
    state["now"][at] = np.concatenate([mean[:, None], edges], axis=1)
    past = state[f"past_{at}"]
    past[memory.tick % len(past)] = np.log(mean + offset) - state["anchor"]


def _place(memory: Memory, end_at: float) -> profile.Place:
    settings = memory.settings
    per_s = settings.slots / DAY_S
    step = settings.step_s * per_s
    back = levels.base(settings.step_s)[1] * step
    return profile.Place(end_at * per_s, settings.slots, step, back, (end_at - memory.begun_at) * per_s)


def _own(memory: Memory, now: Present, at: int, steps: int, outside: Array | None) -> tuple[Array, Array]:
    """(2, experts, series) of those that differ by horizon, and (moves, series) for the regression."""
    state, settings = memory.state, memory.settings
    level = levels.base(settings.step_s)[0]
    ahead = profile.ahead(state, now.place, steps)
    profiled = clip(now.levels[level] + ahead, -RATIO_MAX, RATIO_MAX)
    carried = np.array(changes.carried(steps), dtype=np.float32)[:, None]
    trend = _ratios(memory, now.trend.level + now.trend.slope * carried, now.base)
    moves = np.stack([now.trend_now, *clip(ahead, -RATIO_MAX, RATIO_MAX), trend[1] - now.trend_now])
    features = said.features(now.levels, moves, now.unit)
    regression = learner.predict(state["coefficients"][at], features) * now.unit
    if outside is None:
        outside = np.full((len(settings.plug_ins), *profiled.shape), np.nan, dtype=np.float32)
    own = [profiled, trend, *_ratios(memory, outside, now.base), clip(regression, -RATIO_MAX, RATIO_MAX)]
    return np.stack(own, axis=1), moves


def _shares(memory: Memory, now: Present, at: int, everyone: Array) -> Array:
    """(2, experts, series): how much each word counts. On a young series only averages do."""
    state, roster = memory.state, memory.roster
    voting = slice(0, everyone.shape[1])
    votes = standing.votes(state, at, roster.outside, memory.settings.outcomes_min)[:, voting]
    ratios = standing.ratios(state, at, memory.settings.horizons[at])[:, voting]
    trust = _trust(memory, now, at, everyone.shape[1])
    shares = standing.weights(ratios, trust * (np.isfinite(everyone) & votes), roster.regression)
    alone = np.zeros((everyone.shape[1], 1), dtype=np.float32)
    alone[levels.base(memory.settings.step_s)[0]] = 1.0
    return np.where(state["seen"] < memory.settings.young, alone, shares)


def _level_now(memory: Memory, now: Present, shares: Array) -> Array:
    """(series) in the metric's unit: where those that count see the level now, by how much they count."""
    names = len(levels.NAMES)
    known = np.zeros_like(now.tracked)
    known[:names] = shares[:names]
    known[levels.base(memory.settings.step_s)[0]] += shares[memory.roster.profile]
    known[names] = shares[memory.roster.trend]
    known[names + 1] = shares[memory.roster.regression]
    known = np.where(np.isfinite(now.tracked), known, np.float32(0.0))
    total = known.sum(axis=0)
    mixed = (known * np.nan_to_num(now.tracked)).sum(axis=0) / np.where(total > 0, total, np.float32(1.0))
    return _bounded(memory, now, mixed)


def _trust(memory: Memory, now: Present, at: int, experts: int) -> Array:
    """(2, experts, series), 0…1: less than one for those that lag while there is a change that can be believed."""
    state, roster = memory.state, memory.roster
    found = tracking.trust(state)
    trust = np.ones((experts, state.count), dtype=np.float32)
    trust[: len(levels.NAMES)] = found[: len(levels.NAMES)]
    trust[roster.profile] = found[levels.base(memory.settings.step_s)[0]]
    trust[roster.trend] = found[len(levels.NAMES)]
    trust[roster.regression] = found[len(levels.NAMES) + 1 + at]
    believed = credibility.proven(state, at) * credibility.changed(now.trend.recent)
    return np.asarray(1.0 - believed[:, None] * (1.0 - trust))


def _tracked(memory: Memory, shared: Array, trend_now: Array, unit: Array) -> Array:
    """(experts, series): where the levels, the trend and each horizon's regression see the level now."""
    still = np.zeros((MOVES, len(unit)), dtype=np.float32)
    still[0] = np.where(np.isfinite(trend_now), trend_now, 0.0)
    features = said.features(shared, still, unit)
    points = [
        learner.predict(memory.state["coefficients"][at], features)[1] * unit
        for at in range(len(memory.settings.horizons))
    ]
    return np.stack([*shared, trend_now, *points])


def _bounded(memory: Memory, now: Present, mixed: Array) -> Array:
    """(2, series) in the metric's unit, within five times of what was usual of late and of what a metric can be."""
    known = np.isfinite(now.base)
    usual, newest = (np.where(known, now.levels[i], np.float32(0.0)) for i in (_USUAL, 0))
    low = np.minimum(np.minimum(usual, newest), 0.0) - FAR
    high = np.maximum(np.maximum(usual, newest), 0.0) + FAR
    offset = memory.state["offset"]
    mean = np.exp(clip(np.where(known, mixed, np.nan), low, high)) * (now.base + offset) - offset
    return clip(mean, 0.0, memory.state["ceiling"])


def _ratios(memory: Memory, found: Array, base: Array) -> Array:
    offset = memory.state["offset"]
    ratio = np.log((np.maximum(found, 0.0) + offset) / (base + offset))
    return clip(ratio, -RATIO_MAX, RATIO_MAX)
