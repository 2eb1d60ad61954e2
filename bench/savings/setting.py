"""The scenario as its file states it, at the prices of the day, and the requests of a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.savings.traffic import Traffic, traffics
from foreroute.app.simulated_plane import settings_of
from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.settings import Settings
from foreroute.settings.optimum import OptimumSettings, SavingsSettings
from foreroute.simulate.request import Request
from foreroute.simulate.scenario import Scenario
from foreroute.simulate.scenario_schema import ScenarioSpec
from foreroute.simulate.world_schema import WorldSpec

_FILE: Final = Path(__file__).with_name("scenario.yaml")
_LONGEST: Final = 130_000
"""No prompt is longer: a price that rises above so many tokens would not hold for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    scenario: Scenario
    world: WorldSpec
    settings: Settings
    """Foreroute's, with the optimum."""
    quality: Mapping[str, float]
    quality_min: float
    traffic: Traffic

    def requests(self, seed: int) -> list[Request]:
        """From the start to the end of the scenario."""
        start, end = self.scenario.start_at, self.scenario.end_at
        route = RouteName(self.settings.routes[0].model)
        return [
            Request(
                id=RequestId(f"s{seed}-{number}"),
                at=start + one.offset_s,
                route=route,
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
            )
            for number, one in enumerate(self.traffic.arrivals(seed, end - start))
        ]


def load(at: float) -> dict[str, Setting]:
    """By kind of traffic. Prices are those that the price book has for the channels' models at `at`."""
    said: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    book = GenaiPriceBook()
    for one in said["scenario"]["world"]["channels"]:
        one["price"] = _price(book, one, at)
    spec = ScenarioSpec.model_validate(said["scenario"])
    world = spec.world
    assert isinstance(world, WorldSpec)
    return {
        name: Setting(
            scenario=Scenario(spec=spec, world=world),
            world=world,
            settings=_settings(world, said),
            quality=said["quality"],
            quality_min=said["quality_min"],
            traffic=one,
        )
        for name, one in traffics(said["traffic"]).items()
    }


def _price(book: GenaiPriceBook, said: Mapping[str, Any], at: float) -> dict[str, str]:
    """Raises ValueError for a model that nobody lists, or whose long prompts cost more: the world's prices are flat."""
    channel = Channel(
        id=ChannelId(said["id"]),
        provider=said["provider"],
        cloud=said["provider"],
        region=RegionId(said["region"]),
        model=said["model"],
        base_url="",
    )
    short, _ = book.unit_prices(channel, Usage(1, output_tokens=1), at)
    long, _ = book.unit_prices(channel, Usage(_LONGEST, output_tokens=1), at)
    if short is None or short != long or short.input is None or short.output is None:
        raise ValueError(
            f"{said['id']}: {said['model']} has no single list price, so it can be no part of this world"
        )
    return {"input_usd_per_mtok": str(short.input), "output_usd_per_mtok": str(short.output)}


def _settings(world: WorldSpec, said: dict[str, Any]) -> Settings:
    """As a world's file would be configured, with every setting of the optimum as it comes."""
    made = settings_of(world)
    cost = made.cost.model_copy(
        update={
            "optimum": OptimumSettings(enabled=True),
            "savings": SavingsSettings(control_share=said["control_share"]),
        }
    )
    channels = tuple(one.model_copy(update={"quality": said["quality"][one.id]}) for one in made.channels)
    routes = tuple(one.model_copy(update={"quality_min": said["quality_min"]}) for one in made.routes)
    return made.model_copy(update={"cost": cost, "channels": channels, "routes": routes})
