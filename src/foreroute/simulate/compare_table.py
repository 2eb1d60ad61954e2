"""From the figures of many seeds to rows: each policy by itself, its regret to the oracle, and pairs of policies. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foreroute.simulate.compare_figures import NAMES, Figures
from foreroute.simulate.compare_statistics import Estimate, Verdict, estimate, paired

ORACLE = "oracle"
BySeed = Mapping[int, Figures]
ByPolicy = Mapping[str, BySeed]
"""The figures of one scenario: policy → seed → figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of one policy in one scenario."""

    scenario: str
    policy: str
    figure: str
    value: Estimate
    regret: Estimate
    """What it is above the oracle's, seed by seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of one policy against another one, seed by seed. Below 0 the first is better."""

    scenario: str
    policy: str
    other: str
    figure: str
    difference: Estimate
    seeds: int

    @property
    def verdict(self) -> Verdict:
        return self.difference.verdict()


def cells(scenario: str, found: ByPolicy) -> list[Cell]:
    """`found` holds the oracle. Policies are paired with it over the seeds that both have played."""
    oracle = found[ORACLE]
    rows = []
    for policy, by_seed in found.items():
        seeds = sorted(set(by_seed) & set(oracle))
        for figure in NAMES if seeds else ():
            own, best = _values(by_seed, seeds, figure), _values(oracle, seeds, figure)
            rows.append(
                Cell(
                    scenario=scenario,
                    policy=policy,
                    figure=figure,
                    value=estimate(own),
                    regret=paired(own, best),
                )
            )
    return rows


def differences(scenario: str, found: ByPolicy, policy: str, other: str) -> list[Difference]:
    """One row a figure; none where one of the two has not played."""
    own, theirs = found.get(policy, {}), found.get(other, {})
    seeds = sorted(set(own) & set(theirs))
    return [
        Difference(
            scenario=scenario,
            policy=policy,
            other=other,
            figure=figure,
            difference=paired(_values(own, seeds, figure), _values(theirs, seeds, figure)),
            seeds=len(seeds),
        )
        for figure in (NAMES if seeds else ())
    ]


def _values(by_seed: BySeed, seeds: Sequence[int], figure: str) -> list[float]:
    return [float(getattr(by_seed[seed], figure)) for seed in seeds]
