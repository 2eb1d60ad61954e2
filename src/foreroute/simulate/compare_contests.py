"""Scenarios as contests: which ones are compared, and what each seed makes of them."""

from dataclasses import replace
from typing import Final

from foreroute.core.errors import ConfigError
from foreroute.core.ids import ChannelId
from foreroute.core.series import FIRST_CHUNK_METRICS
from foreroute.simulate.compare import Contest, Match
from foreroute.simulate.policies.oracle import Loss
from foreroute.simulate.scenario import Scenario, build_traffic, build_world, load_scenario

STANDARD: Final = (
    "compare-ramp",
    "compare-stop",
    "compare-surge",
    "compare-calm",
    "compare-brownout",
    "compare-region",
)
"""What is compared unless somebody says otherwise; twenty seeds of these fit into a third of an hour of one core."""
QUICK: Final = ("compare-ramp", "compare-stop", "compare-surge")


def contest_of(name: str, *, warm_up_s: float | None = None) -> Contest:
    """A built-in scenario by its name, or a file. `warm_up_s` takes the place of the scenario's own.

    Raises ConfigError for a scenario that there is not, or that cannot be compared: all its requests must be of one
    route, with an objective for the time to first chunk.
    """
    scenario = load_scenario(name)
    if warm_up_s is not None:
        scenario = replace(scenario, spec=scenario.spec.model_copy(update={"warm_up": warm_up_s}))
    limit_s = _limit_s(scenario)
    return Contest(
        name=scenario.spec.scenario,
        about=scenario.spec.description,
        match=lambda seed: _match(scenario, limit_s, seed),
        key=scenario.spec.model_dump_json() + scenario.world.model_dump_json(),
    )


def _limit_s(scenario: Scenario) -> float:
    where = f"scenario {scenario.spec.scenario}"
    if len(scenario.routes) != 1:
        raise ConfigError(
            f"it has {len(scenario.routes)} routes; policies are compared on one",
            where=where,
            hint="give its world one route with all channels, or none",
        )
    objective = scenario.routes[0].objective
    if objective is None or objective.metric not in FIRST_CHUNK_METRICS:
        raise ConfigError(
            "without an objective for the time to first chunk nothing is a violation",
            where=where,
            hint="objective: {metric: first_chunk_p95, limit: 1500ms}",
        )
    return objective.limit


def _match(scenario: Scenario, limit_s: float, seed: int) -> Match:
    targets = scenario.routes[0].targets
    total = sum(target.weight for target in targets) or 1.0
    return Match(
        seed=seed,
        world=build_world(scenario, seed),
        spec=scenario.world,
        requests=tuple(build_traffic(scenario, seed).requests(scenario.start_at, scenario.end_at)),
        weights={ChannelId(target.channel): target.weight / total for target in targets},
        loss=Loss(limit_s=limit_s),
        start_at=scenario.start_at,
        scored_from_at=scenario.story_at,
    )
