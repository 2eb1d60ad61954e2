"""A scenario ready to run: its world, its users and what happens when. Names of built-in ones, or files."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.errors import ConfigError
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.simulate.channel import Capacity, ChannelModel, UnitPrice
from foreroute.simulate.faults import Fault, Outage, SlowRamp
from foreroute.simulate.limits import Quota, RateLimits
from foreroute.simulate.places import Distances
from foreroute.simulate.scenario_schema import ScenarioSpec, SurgeSpec
from foreroute.simulate.story import faults_of, surge_of
from foreroute.simulate.traffic_maker import RouteShare, Surge, Traffic
from foreroute.simulate.world import World
from foreroute.simulate.world_schema import ChannelSpec, RouteSpec, TargetSpec, WorldSpec
from foreroute.simulate.yaml_file import read_file, read_text

ALL: Final = "chat"
"""The route that holds all channels, where a world names none."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a scenario file says, its world at hand."""

    spec: ScenarioSpec
    world: WorldSpec
    folder: Path | None = None
    """Where the files that it names are."""

    @property
    def story_at(self) -> float:
        """When the story begins, and what counts."""
        return self.spec.start

    @property
    def start_at(self) -> float:
        return self.spec.start - self.spec.warm_up

    @property
    def end_at(self) -> float:
        return self.spec.start + self.spec.length

    @property
    def routes(self) -> tuple[RouteSpec, ...]:
        return routes_of(self.world)


def load_scenario(name: str) -> Scenario:
    """A built-in scenario by its name, or a file. Raises ConfigError."""
    if name in scenario_names():
        return _scenario(read_text(_built_in("scenarios", name), ScenarioSpec, source=name), None)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") and not path.exists():
        near = difflib.get_close_matches(name, scenario_names(), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"there is no scenario {name!r}",
            where="--scenario",
            hint=f"{hint}built in: {', '.join(scenario_names())}; or a file that ends in .yaml",
        )
    return _scenario(read_file(path, ScenarioSpec), path.parent)


def load_world(name: str, folder: Path | None = None) -> WorldSpec:
    """A built-in world by its name, or a file. Raises ConfigError."""
    if name in world_names():
        return read_text(_built_in("worlds", name), WorldSpec, source=name)
    path = Path(name) if folder is None else folder / name
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"there is no world {name!r}",
            where="world",
            hint=f"built in: {', '.join(world_names())}; or a file that ends in .yaml",
        )
    return read_file(path, WorldSpec)


def scenario_names() -> list[str]:
    return _names("scenarios")


def world_names() -> list[str]:
    return _names("worlds")


def routes_of(world: WorldSpec) -> tuple[RouteSpec, ...]:
    if world.routes:
        return world.routes
    targets = tuple(
        TargetSpec(channel=channel.id, weight=channel.weight, priority=channel.priority)
        for channel in world.channels
    )
    return (RouteSpec(model=ALL, objective=world.objective, targets=targets),)


def channels_of(world: WorldSpec) -> tuple[Channel, ...]:
    return tuple(_channel(spec) for spec in world.channels)


def build_world(scenario: Scenario, seed: int) -> World:
    """With all that happens in it. Raises ConfigError for a fault that befalls nobody."""
    channels = channels_of(scenario.world)
    faults: list[Fault] = []
    for event in scenario.spec.timeline:
        if not isinstance(event, SurgeSpec):
            faults += faults_of(event, channels, scenario.story_at)
    faults += _maintenance(scenario)
    faults += _weather(scenario, channels, seed)
    return World(
        seed,
        [model_of(spec) for spec in scenario.world.channels],
        faults,
        distances=_distances(scenario.world),
    )


def build_traffic(scenario: Scenario, seed: int) -> Traffic:
    """Raises ForerouteError for a trace that cannot be read."""
    spec = scenario.world.traffic
    if scenario.spec.requests_per_minute is not None:
        spec = spec.model_copy(update={"requests_per_minute": scenario.spec.requests_per_minute})
    surges: list[Surge] = [
        surge_of(event, scenario.story_at) for event in scenario.spec.timeline if isinstance(event, SurgeSpec)
    ]
    routes = [RouteShare(name=RouteName(route.model), share=route.share) for route in scenario.routes]
    return Traffic(spec, routes, surges, seed=seed, folder=scenario.folder)


def model_of(spec: ChannelSpec) -> ChannelModel:
    price = None
    if spec.price is not None:
        price = UnitPrice(input_usd=spec.price.input_usd_per_mtok, output_usd=spec.price.output_usd_per_mtok)
    limits = spec.limits
    return ChannelModel(
        channel=_channel(spec),
        first_chunk_s=spec.first_chunk,
        spread=spec.spread,
        token_s=spec.per_token,
        token_spread=spec.token_spread,
        input_token_s=spec.per_input_token,
        swing=spec.swing,
        peak_at_s=spec.peak,
        weekend=spec.weekend,
        hours=spec.hours,
        roam=spec.roam,
        noise=spec.noise,
        paired=spec.paired,
        failure_ratio=spec.failure_ratio,
        capacity=None if spec.capacity is None else Capacity(**spec.capacity.model_dump()),
        limits=RateLimits(
            requests_per_minute=limits.requests_per_minute, tokens_per_minute=limits.tokens_per_minute
        ),
        quota=None if spec.quota is None else Quota(**spec.quota.model_dump()),
        price=price,
    )


def _scenario(spec: ScenarioSpec, folder: Path | None) -> Scenario:
    world = spec.world if isinstance(spec.world, WorldSpec) else load_world(spec.world, folder)
    return Scenario(spec=spec, world=world, folder=folder)


def _channel(spec: ChannelSpec) -> Channel:
    return Channel(
        id=ChannelId(spec.id),
        provider=spec.provider,
        cloud=spec.cloud or spec.provider,
        region=RegionId(spec.region),
        model=spec.model,
        base_url="http://127.0.0.1/v1",
        requests_per_minute_max=spec.limits.requests_per_minute,
        tokens_per_minute_max=spec.limits.tokens_per_minute,
        concurrency_max=spec.limits.concurrency,
    )


def _distances(world: WorldSpec) -> Distances:
    own: Mapping[tuple[RegionId, RegionId], float] = {
        (RegionId(one), RegionId(other)): seconds
        for one, others in world.round_trips.items()
        for other, seconds in others.items()
    }
    return Distances(own, gateway=None if world.gateway is None else RegionId(world.gateway))


def _maintenance(scenario: Scenario) -> Iterator[Fault]:
    midnight = scenario.story_at // _DAY_S * _DAY_S
    for channel in scenario.world.channels:
        for window in channel.maintenance:
            yield Outage(
                channel=ChannelId(channel.id),
                start_at=midnight + window.at,
                end_at=math.inf,
                how=window.how,
                every_s=window.every,
                down_s=window.for_,
            )


def _weather(scenario: Scenario, channels: Sequence[Channel], seed: int) -> Iterator[Fault]:
    """Slow spells that befall all channels of a provider or of a region together, at instants nobody can foresee."""
    spec, rng = scenario.world.weather, Random(f"{seed}/weather")
    groups = sorted(
        {("provider", one.provider) for one in channels} | {("region", one.region) for one in channels}
    )
    at = scenario.start_at
    while spec.per_day and (at := at + rng.expovariate(spec.per_day / _DAY_S)) < scenario.end_at:
        kind, name = groups[rng.randrange(len(groups))]
        length = spec.for_ * math.exp(rng.gauss(0.0, 0.8))
        factor = 1.0 + (spec.factor - 1.0) * math.exp(rng.gauss(0.0, 0.5))
        for channel in channels:
            if (channel.provider if kind == "provider" else channel.region) == name:
                yield SlowRamp(
                    channel=channel.id,
                    start_at=at,
                    peak_at=at + 0.2 * length,
                    recover_at=at + 0.8 * length,
                    end_at=at + length,
                    factor=factor,
                )


def _names(folder: str) -> list[str]:
    there = resources.files("foreroute.simulate").joinpath(folder)
    return sorted(one.name.removesuffix(".yaml") for one in there.iterdir() if one.name.endswith(".yaml"))


def _built_in(folder: str, name: str) -> str:
    return resources.files("foreroute.simulate").joinpath(folder, f"{name}.yaml").read_text(encoding="utf-8")
