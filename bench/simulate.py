"""How long a simulated day takes: twenty channels, the gateway's own choice, a tick of the real loop every minute.

`make bench NAME=simulate`; `--quick` plays two hours of the day. CPU seconds of this process, the calm hours before the
story apart. The parts are measured in runs of their own: choice and world without a loop, traffic alone.
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Final

from bench.report import Row
from foreroute.app.simulated import LiveSimulation
from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.gateway.plan_cell import PlanCell
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.run import run as played
from foreroute.simulate.scenario import Scenario, build_traffic, build_world, load_scenario

_WANTED_S: Final = 30.0
_DAY_S: Final = 86_400.0


def run(*, quick: bool) -> list[Row]:
    scenario = load_scenario("bad-day")
    if quick:
        spec = scenario.spec.model_copy(update={"length": 7200.0})
        scenario = Scenario(spec=spec, world=scenario.world)
    requests = sum(1 for _ in build_traffic(scenario, 1).requests(scenario.story_at, scenario.end_at))
    whole_s, warm_s = asyncio.run(_whole(scenario))
    carried_s = _cpu_s(lambda: _without_loop(scenario))
    made_s = _cpu_s(
        lambda: sum(1 for _ in build_traffic(scenario, 1).requests(scenario.story_at, scenario.end_at))
    )
    share = scenario.spec.length / _DAY_S
    per_minute = requests / (scenario.spec.length / 60.0)
    traffic = f"{requests:,} requests, {per_minute:.0f}/min{', two hours scaled up' if quick else ''}"
    ticks = scenario.spec.length / 60.0
    return [
        Row(
            id="day",
            what=f"CPU of a day of 20 channels, choice and loop: {traffic}",
            value=whole_s / share,
            unit="s",
            target=f"≤ {_WANTED_S:.0f} s",
            holds=None if quick else whole_s <= _WANTED_S,
            how="scenario bad-day, seed 1, one process; CPU seconds grow with whatever else runs on the machine",
        ),
        Row(id="choice", what="of it without the loop", value=carried_s / share, unit="s"),
        Row(id="traffic", what="of it traffic alone", value=made_s / share, unit="s"),
        Row(id="request", what="a request without the loop", value=1e6 * carried_s / requests, unit="µs"),
        Row(id="tick", what="a tick of the loop", value=1e3 * (whole_s - carried_s) / ticks, unit="ms"),
        Row(id="warm", what="three calm hours before the story", value=warm_s, unit="s"),
    ]


async def _whole(scenario: Scenario) -> tuple[float, float]:
    """(the story, what comes before it), CPU seconds."""
    began = time.process_time()
    simulation = LiveSimulation(scenario)
    await simulation.start()
    warm_s = time.process_time() - began
    began = time.process_time()
    await simulation.advance(scenario.end_at)
    return time.process_time() - began, warm_s


def _without_loop(scenario: Scenario) -> None:
    plane = build_plane(settings_of(scenario.world), scenario.story_at)
    router = GatewayRouter(PlanCell(plane.configured), {one.id: one for one in plane.channels})
    requests = build_traffic(scenario, 1).requests(scenario.story_at, scenario.end_at)
    for _ in played(build_world(scenario, 1), requests, router, chance=Random(1), start_at=scenario.story_at):
        pass


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
