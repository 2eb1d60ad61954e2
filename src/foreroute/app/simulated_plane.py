"""What the control plane knows of a simulated gateway, and a world as a configuration file would describe it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from foreroute.app.data_plane import topology_of
from foreroute.core.accounts import SharedHealth
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.windows import Window
from foreroute.gateway.plan_cell import PlanCell
from foreroute.monitor.collector import Collector
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings import Settings, parse_settings
from foreroute.settings.convert import channels_of, configured_plan
from foreroute.settings.units import write_seconds
from foreroute.simulate.scenario import routes_of
from foreroute.simulate.world_schema import ChannelSpec, RouteSpec, WorldSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPlane:
    """A `Plane` of one process that no request reaches from outside."""

    channels: tuple[Channel, ...]
    configured: RoutingPlan
    plans: PlanCell
    intake: Intake
    shared: SharedHealth | None = None

    def take_keys(self, book: KeyBook, spends: Mapping[Window, Mapping[KeyId, Decimal]], at: float) -> None:
        """Simulated users have no keys."""

    def take_budgets(self, budgets: Sequence[ScopedBudget], spends: Mapping[str, Decimal], at: float) -> None:
        """Simulated users are refused nothing for money's sake."""

    def keep_on_disk(self, folder: Path, source: str) -> JournalReader:  # noqa: ARG002 - the port
        raise StoreUnavailable("a simulated gateway keeps nothing on disk")


class SteppedClock:
    """A `Clock` that stands still until it is set."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        """The time has come as soon as somebody asks."""
        self.at = max(self.at, at)


def build_plane(settings: Settings, at: float) -> SimulatedPlane:
    configured = configured_plan(settings, at=at, rank=topology_of(settings).rank)
    return SimulatedPlane(
        channels=channels_of(settings),
        configured=configured,
        plans=PlanCell(configured),
        intake=Intake(Collector()),
    )


def settings_of(world: WorldSpec) -> Settings:
    """The configuration of a gateway over these channels: autopilot acts, everything else is as it comes."""
    document: dict[str, Any] = {
        "autopilot": "act",
        "gateway": {"probe": False, **({"region": world.gateway} if world.gateway else {})},
        "dashboard": {"enabled": False},
        "store": {"kind": "memory"},
        "loop": {"collect": "60s"},
        # The simulated gateway keeps its configured limits: worlds are compared under the same ones.
        "tuning": {"parameters": []},
        "channels": [_channel(channel) for channel in world.channels],
        "routes": [_route(route) for route in routes_of(world)],
    }
    # JSON is YAML; so a world's settings pass the same checks as anybody's file.
    return parse_settings(json.dumps(document).encode(), name="world", environment={})


def _channel(channel: ChannelSpec) -> dict[str, Any]:
    limits = channel.limits.model_dump(exclude_none=True)
    price = None if channel.price is None else channel.price.model_dump(mode="json")
    return {
        "id": channel.id,
        "provider": channel.provider,
        "cloud": channel.cloud or channel.provider,
        "region": channel.region,
        "model": channel.model,
        "base_url": "http://127.0.0.1/v1",
        **({"limits": limits} if limits else {}),
        **({"price": price} if price else {}),
    }


def _route(route: RouteSpec) -> dict[str, Any]:
    objective = route.objective
    return {
        "model": route.model,
        "attempts_max": route.attempts_max,
        "targets": [target.model_dump() for target in route.targets],
        **(
            {"objective": {"metric": objective.metric.value, "limit": write_seconds(objective.limit)}}
            if objective
            else {}
        ),
    }
