"""Users as units: each has a speed of its own and makes many requests or few, and comes back."""

from typing import Final

import numpy as np

from bench.experiment.streams import ALPHA
from bench.report import Row
from foreroute.experiment.contrast import difference
from foreroute.experiment.effects import UNITS_MIN
from foreroute.experiment.moments import Moments

_USERS: Final = 1000
_REQUESTS: Final = 8000
_EVERY: Final = 20


def rows(repeats: int) -> list[Row]:
    ours = naive = 0
    for seed in range(repeats):
        clustered, by_request = _one(np.random.default_rng([23, seed]))
        ours += clustered
        naive += by_request
    return [
        Row(
            id="experiment.aa_false_positive_ratio.users",
            what="alarms where nothing differs: a thousand users with habits of their own",
            value=ours / repeats,
            unit="ratio",
            target="≤ 0.05",
            holds=ours / repeats <= ALPHA,
            baseline=f"requests taken as independent: {naive / repeats:.3f}",
            how=f"{repeats} repeats of 8,000 requests, looked at after every twenty",
        )
    ]


def _one(rng: np.random.Generator) -> tuple[bool, bool]:
    """Whether users, and whether requests, ever told the arms apart."""
    popularity = rng.lognormal(0.0, 1.0, _USERS)
    users = rng.choice(_USERS, _REQUESTS, p=popularity / popularity.sum())
    habit = rng.normal(0.0, 0.5, _USERS)
    y = habit[users] + rng.normal(0.0, 0.6, _REQUESTS)
    in_arm = rng.random(_USERS) < 0.5
    n, total = np.zeros(_USERS), np.zeros(_USERS)
    sums = [Moments(), Moments()]
    plain = [Moments(), Moments()]
    found = [False, False]
    for number, (user, value) in enumerate(zip(users, y, strict=True), start=1):
        arm = int(in_arm[user])
        before = (float(n[user]), float(total[user]), 0.0)
        n[user] += 1.0
        total[user] += value
        after = (float(n[user]), float(total[user]), 0.0)
        if before[0]:
            sums[arm].change(before, after)
        else:
            sums[arm].add(*after)
        plain[arm].add(1.0, float(value), 0.0)
        if number % _EVERY == 0:
            for which, moments in enumerate((sums, plain)):
                found[which] = found[which] or _sure(moments)
    return found[0], found[1]


def _sure(moments: list[Moments]) -> bool:
    if min(one.units for one in moments) < UNITS_MIN:
        return False
    lower, upper = difference(moments[1], moments[0]).interval(_USERS / 4.0, ALPHA)
    return bool(lower > 0.0 or upper < 0.0)
