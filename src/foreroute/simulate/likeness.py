"""How much a learnt world is like the real one: both distributions of a part that was not learnt from.

The very requests of that part are sent through the learnt channel, at the instants at which they came and with the
tokens that they had; nothing but the channel's answer is simulated, in several worlds of different luck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.core.ids import ChannelId
from foreroute.simulate.observed import Observed, Values, ks_distance, weighted_quantiles
from foreroute.simulate.world import World

_RANKS: Final = (0.5, 0.95, 0.99)
_NAMES: Final = ("p50", "p95", "p99")
_DRAWS: Final = 40_000
"""Simulated answers for each channel, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Values and how much each counts."""

    values: Values
    weights: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """One distribution twice: as it was, and as the world makes it."""

    name: str
    unit: str
    real: Sample
    simulated: Sample
    learnt: Sample
    """The part that was learnt from: how far apart the two real parts are says what can be hoped for."""

    def as_dict(self) -> dict[str, Any]:
        real, simulated, learnt = self.real, self.simulated, self.learnt
        found = [weighted_quantiles(one.values, one.weights, _RANKS) for one in (real, simulated)]
        return {
            "name": self.name,
            "unit": self.unit,
            "held_out": round(float(real.weights.sum())),
            "learnt_from": round(float(learnt.weights.sum())),
            "ks": _ks(real, simulated),
            "ks_of_learnt_part": _ks(real, learnt),
            "real": {name: _short(value) for name, value in zip(_NAMES, found[0], strict=True)},
            "simulated": {name: _short(value) for name, value in zip(_NAMES, found[1], strict=True)},
            "ratio": {
                name: round(made / was, 4) if was > 0.0 else None
                for name, was, made in zip(_NAMES, *found, strict=True)
            },
        }


def channel_likeness(worlds: Sequence[World], learnt: Observed, held_out: Observed) -> Likeness:
    """Of the time to first token, or of the whole answer."""
    made = _simulated(worlds, held_out)
    return Likeness(
        name=held_out.channel,
        unit="s, whole answer" if held_out.whole else "s, first token",
        real=Sample(values=held_out.seconds, weights=held_out.weights),
        simulated=made,
        learnt=Sample(values=learnt.seconds, weights=learnt.weights),
    )


def count_likeness(name: str, unit: str, real: Values, simulated: Values, learnt: Values) -> Likeness:
    return Likeness(
        name=name,
        unit=unit,
        real=_even(real),
        simulated=_even(simulated),
        learnt=_even(learnt),
    )


def _simulated(worlds: Sequence[World], found: Observed) -> Sample:
    """Each request in every one of the worlds, which differ in their luck: in how the level wanders, above all."""
    channel = ChannelId(found.channel)
    values, weights = [], []
    for number in range(0, len(found), max(1, len(found) * len(worlds) // _DRAWS)):
        at, tokens = float(found.at[number]), int(found.input_tokens[number])
        for world in worlds:
            model = world.channels[channel]
            pace = world.level(channel, at)
            draws = world.luck.attempt(f"{channel}/likeness/{number}")
            seconds = model.usual_first_chunk_s(tokens) * pace * model.noise_at(draws.noise)
            if found.whole:
                factor = model.token_noise_at(draws.noise, draws.speed)
                seconds += model.token_s * pace * factor * float(found.output_tokens[number])
            values.append(seconds)
            weights.append(float(found.weights[number]))
    return Sample(values=np.array(values), weights=np.array(weights))


def _ks(one: Sample, other: Sample) -> float | None:
    if not len(one.values) or not len(other.values):
        return None
    return round(ks_distance(one.values, other.values, one.weights, other.weights), 4)


def _even(values: Values) -> Sample:
    return Sample(values=values, weights=np.ones(len(values)))


def _short(value: float) -> float:
    return float(f"{value:.5g}") if math.isfinite(value) else value
