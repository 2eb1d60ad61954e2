"""Policies side by side: the same world, the same users and the same luck for each, and an oracle beside them.

A `Match` is one scenario with one seed. Every policy lives through all of it; the requests before `scored_from_at` are
for getting to know the channels and are not scored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from foreroute.core.ids import ChannelId
from foreroute.simulate.compare_figures import Figures, of_oracle, of_run
from foreroute.simulate.compare_kept import KeptFigures
from foreroute.simulate.compare_table import ORACLE, ByPolicy
from foreroute.simulate.policies.oracle import Loss, Oracle
from foreroute.simulate.request import Done, Request
from foreroute.simulate.routing import Router
from foreroute.simulate.run import run
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World
from foreroute.simulate.world_schema import WorldSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One scenario with one seed. Instants in seconds since the epoch."""

    seed: int
    world: World
    spec: WorldSpec
    """The same world as its file describes it: what an operator would configure."""
    requests: Sequence[Request]
    """In order of time, all of one route."""
    weights: Mapping[ChannelId, float]
    """The shares that the operator has configured, of all channels."""
    loss: Loss
    start_at: float
    scored_from_at: float

    @property
    def scored(self) -> Sequence[Request]:
        return [request for request in self.requests if request.at >= self.scored_from_at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A scenario that can be played with any seed."""

    name: str
    about: str
    """One line."""
    match: Callable[[int], Match]
    key: str
    """Everything that a match depends on but the seed and the program: results are kept under it."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A policy that takes part: `make` gives a fresh router; the upstreams are for those who may see the truth."""

    name: str
    about: str
    make: Callable[[Match, Upstreams], Router]


def compare(
    contests: Sequence[Contest],
    entrants: Sequence[Entrant],
    seeds: Sequence[int],
    *,
    kept: KeptFigures,
    tell: Callable[[str], None],
) -> Mapping[str, ByPolicy]:
    """Scenario → policy → seed → figures, the oracle among the policies. What is kept already is not played again.

    `tell` hears of each run before it begins.
    """
    found: dict[str, dict[str, dict[int, Figures]]] = {}
    total, number = len(contests) * len(seeds) * (len(entrants) + 1), 0
    for contest in contests:
        by_policy = found.setdefault(
            contest.name, {name: {} for name in [ORACLE, *(one.name for one in entrants)]}
        )
        for seed in seeds:
            players = _players(contest, entrants, seed)
            for name, played in players.items():
                number += 1
                figures = kept.find(contest.name, contest.key, name, seed)
                if figures is None:
                    tell(f"{number} of {total}: {contest.name}, seed {seed}, {name}")
                    figures = played()
                    kept.keep(contest.name, contest.key, name, seed, figures)
                by_policy[name][seed] = figures
    return found


def play(match: Match, entrant: Entrant) -> Figures:
    """One run. The chance that is handed to the router is the same for every policy."""
    done: list[Done] = []
    upstreams = Upstreams(match.world)
    attempts = run(
        match.world,
        match.requests,
        entrant.make(match, upstreams),
        chance=Random(f"chance/{match.seed}"),
        start_at=match.start_at,
        upstreams=upstreams,
        on_done=done.append,
    )
    for _ in attempts:
        pass
    return of_run(done, {request.id for request in match.scored}, match.loss)


def play_oracle(match: Match) -> Figures:
    oracle = Oracle(match.world, match.loss)
    return of_oracle((oracle.best(request) for request in match.scored), match.loss)


def _players(contest: Contest, entrants: Sequence[Entrant], seed: int) -> dict[str, Callable[[], Figures]]:
    """By name. The match is made when the first of them has to play."""
    made: list[Match] = []

    def match() -> Match:
        if not made:
            made.append(contest.match(seed))
        return made[0]

    def player(entrant: Entrant) -> Callable[[], Figures]:
        return lambda: play(match(), entrant)

    return {ORACLE: lambda: play_oracle(match())} | {one.name: player(one) for one in entrants}
