"""Latency of single requests, said when each begins: work × slowdown beside the mean of the last ten latencies.

Whoever is asked about a request knows of those alone that were finished when it began. LiteLLM's latency-based routing
judges a deployment by the mean of its last ten. What is in `work.py` says what the work makes one expect; the state of
the service is the middle of how far the newest requests were from that.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.forecast.work import Request, features_of, learned
from bench.report import Row
from foreroute.forecast.values import Floats

_TEN: Final = 10
_STATE: Final = 5.0
"""Requests after which one has lost most of its say about the state."""
_STATE_SHRUNK: Final = 0.8
_WARM_RATIO: Final = 0.6
_DAY_S: Final = 86_400.0
_TREES: Final = 200
_BOOSTER_SHARE: Final = 0.7
_HOW: Final = (
    "requests: mean absolute error over all requests of the scored part (the first 60 % are for learning, and for the choice of the three constants), over that of the mean "
    "of the ten latencies that were finished last when the request began. The booster is LightGBM on the same features and the "
    "state, fitted anew every day on what was finished before, median objective, mixed 7:3 with work × slowdown; the product has no "
    "such model of single requests."
)


@dataclass(frozen=True, slots=True)
class Said:
    """(requests) each: what was said when the request began, and what came."""

    mean_of_ten: Floats
    work: Floats
    work_and_state: Floats
    booster: Floats | None
    came: Floats


def said_of(requests: Sequence[Request], *, booster: bool) -> Said:
    """`requests` in the order in which they were finished."""
    features = features_of(requests)
    latency = np.array([one.latency_s for one in requests])
    begun = np.array([one.finished_at - one.latency_s for one in requests])
    finished = np.array([one.finished_at for one in requests])
    coefficients, errors = learned(features, np.log(latency))
    states = _states(errors)
    known = np.array([bisect.bisect_left(finished, at) for at in begun])
    ten = np.array([latency[max(0, n - _TEN) : n].mean() if n else np.nan for n in known])
    expected = np.array([features[i] @ coefficients[n] for i, n in enumerate(known)])
    state = states[known]
    both = expected + _STATE_SHRUNK * state
    mixed = None
    if booster:
        more = np.stack([expected, state], axis=1)
        trees = _boosted(np.concatenate([features, more], axis=1), np.log(latency), begun, finished)
        mixed = np.exp(_BOOSTER_SHARE * trees + (1.0 - _BOOSTER_SHARE) * both)
    return Said(ten, np.exp(expected), np.exp(both), mixed, latency)


def rows(requests: Sequence[Request], *, booster: bool) -> list[Row]:
    """Nothing without requests."""
    if not requests:
        return []
    said = said_of(requests, booster=booster)
    first = round(_WARM_RATIO * len(requests))
    peer = _error(said.mean_of_ten, said.came, first)
    found = [
        ("work", "expected from the work alone", said.work, None),
        ("work_slowdown", "work × slowdown", said.work_and_state, 0.72),
        ("booster", "work × slowdown and a booster (a reference)", said.booster, 0.60),
    ]
    count = len(requests) - first
    return [
        Row(
            id=f"forecast.request_mae.{name}",
            what=f"error about one request's latency, {what}, over the mean of the last ten's",
            value=_error(answers, said.came, first) / peer,
            unit="ratio",
            target=None if promised is None else f"≤ {promised}",
            holds=None if promised is None else _error(answers, said.came, first) <= promised * peer,
            baseline=f"mean of ten: {peer:.2f} s over {count} requests",
            how=_HOW,
        )
        for name, what, answers, promised in found
        if answers is not None
    ]


def _error(answers: Floats, came: Floats, first: int) -> float:
    error = np.abs(answers - came)[first:]
    return float(error[np.isfinite(error)].mean())


def _states(errors: Floats) -> Floats:
    """Before each request, and after the last: the average of the newest errors, each held to what is usual."""
    found = np.zeros(len(errors) + 1)
    keep = np.exp(-1.0 / _STATE)
    total, weight = 0.0, 1.0
    for number, error in enumerate(errors.tolist()):
        total = keep * total + float(np.clip(error, -1.0, 1.0))
        weight = keep * weight + 1.0
        found[number + 1] = total / weight
    return found


def _boosted(columns: Floats, logs: Floats, begun: Floats, finished: Floats) -> Floats:
    """The logarithm of each request's latency, by what was finished before its day; NaN while that is too little."""
    import lightgbm  # noqa: PLC0415 - two seconds, and only where it is installed

    said = np.full(len(logs), np.nan)
    options = {
        "objective": "l1", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 40,
        "num_threads": 1, "seed": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    for day in np.arange(begun.min() + _DAY_S, begun.max() + _DAY_S, _DAY_S):
        before, during = finished < day, (begun >= day) & (begun < day + _DAY_S)
        if before.sum() >= 500 and during.any():
            booster = lightgbm.train(options, lightgbm.Dataset(columns[before], logs[before]), _TREES)
            said[during] = booster.predict(columns[during])
    return said
