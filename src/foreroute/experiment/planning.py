"""A run as the gateway has to know it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from foreroute.core.experiment import (
    Override,
    Planned,
    PlannedArm,
    PlannedExperiment,
    Treatment,
)
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.routes import CallPolicy, Route, Target
from foreroute.experiment.definition import ArmDefinition
from foreroute.experiment.runs import Run

_NO_POLICY = CallPolicy()


def planned(
    runs: Iterable[Run],
    routes: Mapping[RouteName, Route],
    spent: Mapping[str, Decimal],
    *,
    processes: int = 1,
) -> Planned:
    """The running experiments by route. Each of several processes may spend its part of a shadow's budget."""
    policies = policies_of(routes)
    found: dict[RouteName, list[PlannedExperiment]] = {}
    for run in runs:
        experiment = _planned(run, policies, spent.get(run.id, Decimal(0)), processes)
        for route in run.definition.routes:
            found.setdefault(route, []).append(experiment)
    return {route: tuple(experiments) for route, experiments in found.items()}


def override_of(run: Run, arm: ArmDefinition, routes: Mapping[RouteName, Route]) -> Override:
    """What everybody gets when the arm is promoted."""
    policies = policies_of(routes)
    return Override(name=run.id, routes=run.definition.routes, treatment=treatment_of(arm, policies))


def policies_of(routes: Mapping[RouteName, Route]) -> dict[ChannelId, CallPolicy]:
    """How each channel is called by whichever route has it."""
    return {target.channel: target.policy for route in routes.values() for target in route.targets}


def treatment_of(arm: ArmDefinition, policies: Mapping[ChannelId, CallPolicy]) -> Treatment:
    return Treatment(
        route=arm.route,
        targets=tuple(
            Target(channel=channel, weight=weight, policy=policies.get(channel, _NO_POLICY))
            for channel, weight in arm.channels
        ),
        timeouts=arm.timeouts,
        hedge_after_s=arm.hedge_after_s,
        attempts_max=arm.attempts_max,
        sticky=arm.sticky,
        select=arm.select,
    )


def _planned(
    run: Run, policies: Mapping[ChannelId, CallPolicy], spent_usd: Decimal, processes: int
) -> PlannedExperiment:
    definition = run.definition
    total = sum(arm.weight for arm in definition.arms)
    budget = definition.budget_usd or Decimal(0)
    left = max(Decimal(0), budget - spent_usd) / processes
    return PlannedExperiment(
        run=run.id,
        kind=definition.kind,
        layer=definition.layer,
        slices=run.slices,
        arms=tuple(
            PlannedArm(name=arm.name, share=arm.weight / total, treatment=treatment_of(arm, policies))
            for arm in definition.arms
        ),
        unit=definition.unit,
        begins_at=run.begins_at,
        ends_at=run.ends_at,
        slot_s=definition.slot_s,
        budget_usd=spent_usd + left,
        spent_usd=spent_usd,
        parallel_max=definition.parallel_max,
    )
