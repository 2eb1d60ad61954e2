"""Foreroute itself in a simulated world: the gateway's own choice, steered by the real control loop, minute by minute.

The loop runs on the world's clock with everything in memory; nothing of it is a stand-in. What is left out is what
happens beside the loop: no model is fitted in other processes, and nobody is alerted.
"""

from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import orjson

from foreroute.app.data_plane import gateway_settings, topology_of
from foreroute.app.stages import build_stages, guardrails, loop_settings
from foreroute.control.controls import Steering
from foreroute.control.loop import ControlLoop
from foreroute.control.stages import Key
from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreUnavailable
from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ids import ChannelId, KeyId, RouteName
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.series import Series
from foreroute.core.windows import Window
from foreroute.gateway.plan_cell import PlanCell
from foreroute.monitor.collector import Collector
from foreroute.monitor.fold import merge_rollups
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings import Settings, parse_settings
from foreroute.settings.convert import channels_of, configured_plan, objectives_of
from foreroute.simulate.channel import UnitPrice
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick
from foreroute.store.memory import MemoryStore

_SOURCE: Final = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What an operator would have configured for the channels of a world."""

    route: RouteName
    limit_s: float
    """The objective: p95 of the time to first chunk."""
    channels: Sequence[Channel]
    weights: Mapping[ChannelId, float]
    prices: Mapping[ChannelId, UnitPrice | None]


def settings_of(operator: Operator) -> Settings:
    """Everything else is the default, but for the autopilot, which acts."""
    document = {
        "autopilot": "act",
        "store": {"kind": "memory"},
        "loop": {"fit_workers": 0},
        "channels": [_channel(channel, operator.prices.get(channel.id)) for channel in operator.channels],
        "routes": [
            {
                "model": operator.route,
                "objective": {"metric": "first_chunk_p95", "limit": f"{operator.limit_s * 1000:.3f}ms"},
                "targets": [
                    {"channel": channel.id, "weight": operator.weights.get(channel.id, 0.0)}
                    for channel in operator.channels
                ],
            }
        ],
    }
    return parse_settings(orjson.dumps(document), name=_SOURCE, environment={})


def _channel(channel: Channel, price: UnitPrice | None) -> dict[str, Any]:
    limits = {
        "requests_per_minute": channel.requests_per_minute_max,
        "tokens_per_minute": channel.tokens_per_minute_max,
        "concurrency": channel.concurrency_max,
    }
    found: dict[str, Any] = {
        "id": channel.id,
        "provider": channel.provider,
        "cloud": channel.cloud,
        "region": channel.region,
        "model": channel.model,
        "base_url": "http://127.0.0.1/v1",
        "limits": {name: value for name, value in limits.items() if value is not None},
    }
    if price is not None:
        found["price"] = {
            "input_usd_per_mtok": str(price.input_usd),
            "output_usd_per_mtok": str(price.output_usd),
        }
    return found


class WorldClock:
    """Says what time it was when it was last told."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = max(self.at, at)


class NoForecasts:
    """A `ForecastStage` that never says anything: what is left is the reactive policy of the same loop."""

    def warm(self, series: Sequence[Series]) -> None: ...

    def update(self, series: Sequence[Series]) -> Mapping[Key, Forecast]:  # noqa: ARG002 - it does not look
        return {}

    def skills(self, keys: Collection[Key]) -> tuple[ForecastSkill, ...]:  # noqa: ARG002
        return ()


@dataclass(frozen=True, slots=True)
class _Plane:
    channels: tuple[Channel, ...]
    configured: RoutingPlan
    plans: PlanCell
    intake: Intake

    def take_keys(self, book: KeyBook, spends: Mapping[Window, Mapping[KeyId, Decimal]], at: float) -> None:
        """Nobody has a key here."""

    def keep_on_disk(self, folder: Path, source: str) -> JournalReader:
        raise StoreUnavailable(f"a simulated run writes nothing down ({folder}, {source})")


class SimulatedForeroute:
    """A `Router` that ticks. `forecasts` off: the same loop without its forecast stage."""

    def __init__(self, settings: Settings, *, start_at: float, forecasts: bool = True) -> None:
        self._clock = WorldClock(start_at)
        configured = configured_plan(settings, at=start_at, rank=topology_of(settings).rank)
        plane = _Plane(channels_of(settings), configured, PlanCell(configured), Intake(Collector()))
        stages = build_stages(settings, plane, MemoryStore(merge_rollups), source=_SOURCE)
        self._intake = plane.intake
        self.gateway = GatewayRouter(
            plane.plans, {channel.id: channel for channel in plane.channels}, gateway_settings(settings)
        )
        self.loop = ControlLoop(
            loop_settings(settings),
            guardrails(settings),
            stages if forecasts else replace(stages, forecast=NoForecasts()),
            clock=self._clock,
            steering=Steering(autopilot=settings.autopilot),
            configured=configured,
            objectives=objectives_of(settings),
        )
        self.tick_s = settings.loop.tick
        _finish(self.loop.start())

    def pick(self, asking: Asking) -> Pick | Hold | None:
        return self.gateway.pick(asking)

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:
        self.gateway.started(pick, request, number, at)

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:
        self.gateway.ended(attempt, limits)
        self._intake.record(attempt)

    def tick(self, at: float) -> None:
        self._clock.at = at
        _finish(self.loop.tick(at))


def _finish(work: Coroutine[Any, Any, Any]) -> None:
    """Runs what never has to wait, as everything here is in memory, without an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a simulated control loop waited for something outside its world")
