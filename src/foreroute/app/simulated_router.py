"""Foreroute itself as a policy among others: the gateway's own choice, steered by the real control loop.

The loop runs on the world's clock with everything in memory; nothing of it is a stand-in. What is left out is what
happens beside the loop: no model is fitted in other processes, and nobody is alerted.
"""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

from foreroute.app.budgets import build_watch
from foreroute.app.data_plane import gateway_settings
from foreroute.app.experiments import build_savings
from foreroute.app.optimum import solved_at_once
from foreroute.app.simulated_plane import SteppedClock, build_plane
from foreroute.app.simulated_stages import NoForecast, NoSpend, rollups_alone
from foreroute.app.stages import build_stages, guardrails, loop_settings, stages_of
from foreroute.control.collect import Collection as Collected
from foreroute.control.controls import Steering
from foreroute.control.loop import ControlLoop
from foreroute.core.attempt import Attempt
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings
from foreroute.settings.convert import objectives_of
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick
from foreroute.store.memory import MemoryStore

_SOURCE: Final = "simulated"


class SimulatedForeroute:
    """A `Router` that ticks. Until `live_at` the configured weights serve and the loop only listens; then it starts with
    that as its history, as after a restart. `forecasts` off: the same loop without its forecast stage.
    """

    def __init__(
        self, settings: Settings, *, start_at: float, live_at: float, forecasts: bool = True
    ) -> None:
        self._clock = SteppedClock(start_at)
        self._live_at = live_at
        plane = build_plane(settings, start_at)
        store = MemoryStore(merge_rollups)
        stages = build_stages(settings, plane, store, source=_SOURCE)
        solved_at_once(stages.optimum)
        steering = Steering(autopilot=settings.autopilot, stages=stages_of(settings))
        stages = replace(stages, savings=build_savings(settings, plane, store, stages, steering))
        if settings.budgets:
            stages = replace(stages, budgets=build_watch(settings, plane, store, wait=True))
        elif stages.optimum is None:
            # Nobody asks, and adding it up takes time in every tick.
            stages = replace(stages, ledger=NoSpend(), append=rollups_alone(store.rollups))
        self._stages = stages if forecasts else replace(stages, forecast=NoForecast())
        self._listening: Collected | None = Collected(self._stages)
        self._intake = plane.intake
        self._gateway = GatewayRouter(
            plane.plans, {channel.id: channel for channel in plane.channels}, gateway_settings(settings)
        )
        self.loop = ControlLoop(
            loop_settings(settings),
            guardrails(settings),
            self._stages,
            clock=self._clock,
            steering=steering,
            configured=plane.configured,
            objectives=objectives_of(settings),
        )
        self.store = store
        self.tick_s = settings.loop.tick
        if live_at <= start_at:
            self._go_live()

    def pick(self, asking: Asking) -> Pick | Hold | None:
        return self._gateway.pick(asking)

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:
        self._gateway.started(pick, request, number, at)

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:
        marks = self._gateway.marks(attempt.request_id)
        self._gateway.ended(attempt, limits)
        self._intake.record(replace(attempt, arms=marks) if marks else attempt)

    def tick(self, at: float) -> None:
        self._clock.at = at
        if self._listening is None:
            _finish(self.loop.tick(at))
            return
        self._listening.take(at)
        if at >= self._live_at:
            self._go_live()

    def _go_live(self) -> None:
        if self._listening is not None:
            _finish(self._listening.save())
        self._listening = None
        _finish(self.loop.start())


def _finish(work: Coroutine[Any, Any, Any]) -> None:
    """Runs what never has to wait, as everything here is in memory, without an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a simulated control loop waited for something outside its world")
