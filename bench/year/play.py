"""One seed's year: every hour in which a service is down is played in full, quiet hours by a sample of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from bench.year.outages import DAY_S, DAYS, Down, windows, year
from foreroute.app.data_plane import gateway_settings
from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.policies.oracle import waited_s
from foreroute.simulate.request import Done
from foreroute.simulate.routing import Router
from foreroute.simulate.run import run
from foreroute.simulate.scenario import Scenario, build_traffic, build_world
from foreroute.simulate.scenario_schema import ScenarioSpec
from foreroute.simulate.world_schema import WorldSpec

OURS: Final = "foreroute"
_FILE: Final = Path(__file__).with_name("scenario.yaml")
_BEFORE_S, _AFTER_S = 600.0, 1800.0
_QUIET_HOURS: Final = 4
_HOUR_S: Final = 3600.0
_NEW_YEAR_AT: Final = 1_767_225_600.0
LATE_S: Final = 30.0
"""An answer that has not begun by then counts as none."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests of one arm."""

    asked: int = 0
    bad: int = 0

    def plus(self, done: Sequence[Done]) -> "Counted":
        bad = sum(not one.succeeded or waited_s(one) > LATE_S for one in done)
        return Counted(self.asked + len(done), self.bad + bad)


@dataclass(frozen=True, slots=True)
class Played:
    """`availability`: by arm, the part of the year's requests that were answered, 0…1."""

    seed: int
    outages: int
    hours: float
    """Played in full."""
    together: int
    """Windows in which two services or more were down."""
    availability: dict[str, float]
    in_outages: dict[str, float]
    """The same within the windows that were played in full."""
    quiet: dict[str, float]
    cpu_s: float


def play(seed: int) -> Played:
    began = time.process_time()
    spec = _spec()
    names = [channel.id for channel in _world(spec).channels]
    arms = [OURS, *names]
    outages = year(seed)
    found = windows(outages, _BEFORE_S, _AFTER_S)
    loud = dict.fromkeys(arms, Counted())
    for start, end, mine in found:
        _add(loud, _window(spec, seed, start, end, mine))
    quiet = dict.fromkeys(arms, Counted())
    for start in _quiet_hours(seed, found):
        _add(quiet, _window(spec, seed, start, start + _HOUR_S, []))
    played_s = sum(end - start for start, end, _ in found)
    rest = 1.0 - played_s / (DAYS * DAY_S)
    return Played(
        seed=seed,
        outages=len(outages),
        hours=played_s / _HOUR_S,
        together=sum(len({one.service for one in mine}) > 1 for _, _, mine in found),
        availability={
            arm: 1.0 - (1.0 - rest) * _bad_ratio(loud[arm]) - rest * _bad_ratio(quiet[arm]) for arm in arms
        },
        in_outages={arm: 1.0 - _bad_ratio(loud[arm]) for arm in arms},
        quiet={arm: 1.0 - _bad_ratio(quiet[arm]) for arm in arms},
        cpu_s=time.process_time() - began,
    )


def _window(
    spec: dict[str, Any], seed: int, start: float, end: float, outages: Sequence[Down]
) -> dict[str, list[Done]]:
    """What became of the requests of one window, by arm: the same requests, outages and luck for each."""
    names = [channel["id"] for channel in spec["world"]["channels"]]
    story_at = start + _BEFORE_S
    timeline = [
        {
            "at": f"{max(one.at - story_at, 0.0):.1f}s",
            "fault": "stop",
            "channel": names[one.service],
            "for": f"{one.for_s:.1f}s",
            "how": one.how.value,
        }
        for one in outages
    ]
    made = {
        **spec,
        "start": datetime.fromtimestamp(_NEW_YEAR_AT + round(start), UTC).isoformat().replace("+00:00", "Z"),
        "warm_up": f"{_BEFORE_S:.0f}s",
        "length": f"{end - story_at:.0f}s",
        "timeline": timeline,
    }
    found = {OURS: _played(_scenario(made), f"{seed}/{start:.0f}", steered=True)}
    for name in names:
        routed = {**made["world"], "routes": [{"model": "chat", "targets": [{"channel": name}]}]}
        found[name] = _played(_scenario({**made, "world": routed}), f"{seed}/{start:.0f}", steered=False)
    return found


def _played(scenario: Scenario, luck: str, *, steered: bool) -> list[Done]:
    number = Random(luck).randrange(1 << 31)
    world, settings = build_world(scenario, number), settings_of(scenario.world)
    router: Router
    if steered:
        router = SimulatedForeroute(settings, start_at=scenario.start_at, live_at=scenario.start_at)
    else:
        channels = {name: one.channel for name, one in world.channels.items()}
        router = GatewayRouter(
            build_plane(settings, scenario.start_at).plans, channels, gateway_settings(settings)
        )
    done: list[Done] = []
    attempts = run(
        world,
        build_traffic(scenario, number).requests(scenario.start_at, scenario.end_at),
        router,
        chance=Random(luck),
        start_at=scenario.start_at,
        on_done=done.append,
    )
    for _ in attempts:
        pass
    return done


def _quiet_hours(seed: int, found: Sequence[tuple[float, float, list[Down]]]) -> list[float]:
    """Starts of hours at random that no window touches."""
    rng, starts = Random(f"year/{seed}/quiet"), list[float]()
    while len(starts) < _QUIET_HOURS:
        start = rng.uniform(0.0, DAYS * DAY_S - _HOUR_S)
        if not any(first < start + _HOUR_S and start < last for first, last, _ in found):
            starts.append(start)
    return starts


def _add(total: dict[str, Counted], found: dict[str, list[Done]]) -> None:
    for arm, done in found.items():
        total[arm] = total[arm].plus(done)


def _bad_ratio(counted: Counted) -> float:
    return counted.bad / counted.asked if counted.asked else 0.0


def _spec() -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return spec


def _world(spec: dict[str, Any]) -> WorldSpec:
    return WorldSpec.model_validate(spec["world"])


def _scenario(spec: dict[str, Any]) -> Scenario:
    read = ScenarioSpec.model_validate(spec)
    assert isinstance(read.world, WorldSpec)
    return Scenario(spec=read, world=read.world)
