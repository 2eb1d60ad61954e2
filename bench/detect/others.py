"""The other detectors on both sides: a level is chosen on the tuned one, and the other one is scored with it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.detect.baselines import SCORERS, choose, judged
from bench.detect.series import Floats, Judgeable
from foreroute.detect.evaluate import Outcome, total

_SLOW: Final = frozenset({"isolation_forest", "half_space_trees"})
_SLOW_SERIES: Final = 4
"""So many tuned series, drawn with a fixed seed, choose the level of the slow ones."""


@dataclass(frozen=True, slots=True)
class Measured:
    outcome: Outcome
    seconds: float
    """CPU of scoring."""
    points: int


def measure(sides: Mapping[bool, Sequence[Judgeable]]) -> dict[str, Measured]:
    """`sides`: whether they were tuned on → the series. By name of the detector."""
    return {name: _measured(name, _few(sides[True], name), sides[False]) for name in SCORERS}


def _measured(name: str, tuned: Sequence[Judgeable], scored: Sequence[Judgeable]) -> Measured:
    level = choose(tuned, [SCORERS[name](one) for one in tuned]).level
    started = time.process_time()
    scores: list[Floats] = [SCORERS[name](one) for one in scored]
    seconds = time.process_time() - started
    return Measured(total(judged(scored, scores, level)), seconds, sum(len(one.values) for one in scored))


def _few(series: Sequence[Judgeable], name: str) -> Sequence[Judgeable]:
    if name not in _SLOW or len(series) <= _SLOW_SERIES:
        return series
    drawn = np.random.default_rng(11).choice(len(series), _SLOW_SERIES, replace=False)
    return [series[place] for place in sorted(drawn.tolist())]
