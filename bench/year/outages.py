"""When each of three model services is down in a year, drawn from published days.

The share of days by their availability, the mean, the worst day and how often two services were down together are those of
Chu, Talluri, Lu and Iosup, "An Empirical Characterization of Outages and Incidents in Public Services for Large Language
Models", ICPE 2025 (arXiv 2501.12469), tables service_availability and outage_probability of its data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from foreroute.simulate.faults import Breakdown

DAY_S: Final = 86_400.0
DAYS: Final = 365
_SHORTEST_S: Final = 1.0
TOGETHER: Final = 0.04
"""So often an outage brings one of another service with it. In the study OpenAI's and Anthropic's interfaces were down together
in 4 % of Anthropic's outages and 1 % of OpenAI's, OpenAI's and Character.AI in 6.9 % and 2.1 %, Anthropic's and Character.AI
never. From these shares follow 95, 25 and 29 outages, of which 6 had company: 4 %. A pair is drawn from either side here, so
pairs are twice as frequent as there, and those by chance come on top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Of one service: its name, the share of days in each band of availability, from the best band down, and the mean."""

    name: str
    at_least: tuple[float, float, float, float]
    """The share of days at 100 %, at 99.9 % or more, at 99 % or more, at 90 % or more."""
    worst: float
    mean: float


SERVICES: Final = (
    Published(name="API-OpenAI", at_least=(0.9268, 0.9284, 0.9530, 0.9977), worst=0.8057, mean=0.9982),
    Published(name="API-Anthropic", at_least=(0.9402, 0.9426, 0.9761, 0.9976), worst=0.8544, mean=0.9992),
    Published(name="Character.AI", at_least=(0.9088, 0.9119, 0.9403, 0.9811), worst=0.8533, mean=0.9959),
)


@dataclass(frozen=True, slots=True)
class Down:
    """One outage: of which service, from when, for how long in seconds, and what callers see of it."""

    service: int
    at: float
    for_s: float
    how: Breakdown

    @property
    def end_at(self) -> float:
        return self.at + self.for_s


def year(seed: int) -> list[Down]:
    """All outages of a year, by their start in seconds. A day's lost minutes are one outage at a random time of the day."""
    rng = Random(f"year/{seed}")
    found: list[Down] = []
    for number, service in enumerate(SERVICES):
        skew = _skew(service)
        for day in range(DAYS):
            lost = _lost(service, skew, rng.random(), rng.random())
            if lost * DAY_S < _SHORTEST_S:
                continue
            for_s = lost * DAY_S
            at = day * DAY_S + rng.uniform(0.0, DAY_S - for_s)
            found.append(Down(number, at, for_s, rng.choice(list(Breakdown))))
            if rng.random() < TOGETHER:
                other = rng.choice([one for one in range(len(SERVICES)) if one != number])
                found.append(Down(other, at, for_s, found[-1].how))
    return sorted(found, key=lambda one: one.at)


def windows(
    outages: Sequence[Down], before_s: float, after_s: float
) -> list[tuple[float, float, list[Down]]]:
    """(start, end, outages) of the times that have to be played in full: each outage with what is around it."""
    found: list[tuple[float, float, list[Down]]] = []
    for one in outages:
        start, end = one.at - before_s, one.end_at + after_s
        if found and start <= found[-1][1]:
            first, last, mine = found[-1]
            found[-1] = first, max(last, end), [*mine, one]
        else:
            found.append((start, end, [one]))
    return found


def _bands(service: Published) -> list[tuple[float, float, float]]:
    """(share of days, least lost, most lost) of each band that loses anything."""
    full, three_nines, two_nines, one_nine = service.at_least
    return [
        (three_nines - full, 0.0, 0.001),
        (two_nines - three_nines, 0.001, 0.01),
        (one_nine - two_nines, 0.01, 0.1),
        (1.0 - one_nine, 0.1, 1.0 - service.worst),
    ]


def _lost(service: Published, skew: float, which: float, where: float) -> float:
    """The lost part of a day. Within a band it leans to its low end as much as the published mean says."""
    left = which
    for share, low, high in _bands(service):
        if left < share:
            return float(low + (high - low) * where**skew)
        left -= share
    return 0.0


def _skew(service: Published) -> float:
    """The exponent with which the mean of all days is the published one: ∫ x^k = 1 / (k + 1) within each band."""
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        mean = sum(
            share * (least + (most - least) / (middle + 1.0)) for share, least, most in _bands(service)
        )
        low, high = (middle, high) if mean > 1.0 - service.mean else (low, middle)
    return low
