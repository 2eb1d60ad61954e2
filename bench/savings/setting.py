"""The scenario as its file states it, and the requests of a seed: another quarter of the recorded hour, begun elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from foreroute.app.simulated_plane import settings_of
from foreroute.core.ids import RequestId, RouteName
from foreroute.settings import Settings
from foreroute.settings.optimum import OptimumSettings, SavingsSettings
from foreroute.simulate.request import Request
from foreroute.simulate.scenario import Scenario
from foreroute.simulate.scenario_schema import ScenarioSpec
from foreroute.simulate.traffic import Arrival, read_trace
from foreroute.simulate.world_schema import WorldSpec

TRACE: Final = Path("../shared/data/traces/llm_requests_1h.csv.gz")
_FILE: Final = Path(__file__).with_name("scenario.yaml")
_TURN_S: Final = 997.0
"""Each seed begins so much later in the recorded hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    scenario: Scenario
    world: WorldSpec
    settings: Settings
    """Foreroute's, with the optimum."""
    quality: Mapping[str, float]
    quality_min: float
    keep_every: int
    trace: tuple[Arrival, ...]

    def requests(self, seed: int) -> list[Request]:
        """The recorded hour over and over, from the start to the end of the scenario."""
        length = self.trace[-1].offset_s + 1.0
        kept = self.trace[seed % self.keep_every :: self.keep_every]
        turned = sorted(
            ((one.offset_s - seed * _TURN_S) % length, one.input_tokens, one.output_tokens) for one in kept
        )
        start, end = self.scenario.start_at, self.scenario.end_at
        laps = int((end - start) // length) + 1
        every = (
            (start + lap * length + offset, into, out) for lap in range(laps) for offset, into, out in turned
        )
        return [
            Request(
                id=RequestId(f"s{seed}-{number}"),
                at=at,
                route=RouteName(self.settings.routes[0].model),
                input_tokens=into,
                output_tokens=max(1, out),
            )
            for number, (at, into, out) in enumerate(every)
            if at < end
        ]


def load() -> Setting:
    said: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    spec = ScenarioSpec.model_validate(said["scenario"])
    world = spec.world
    assert isinstance(world, WorldSpec)
    return Setting(
        scenario=Scenario(spec=spec, world=world),
        world=world,
        settings=_settings(world, said),
        quality=said["quality"],
        quality_min=said["quality_min"],
        keep_every=said["keep_every"],
        trace=tuple(read_trace(TRACE)),
    )


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
