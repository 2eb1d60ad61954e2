"""Days on virtual time: a seeded world, traffic that follows the loop's plan of the moment, and the loop itself."""

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest

from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.stages import build_stages, guardrails, loop_settings
from foreroute.control.controls import Steering
from foreroute.control.decision_log import DECISION, TICK
from foreroute.control.loop import ControlLoop
from foreroute.control.state import Board
from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Record
from foreroute.decide.guardrails import Guardrails
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings, parse_settings
from foreroute.settings.convert import channels_of, objectives_of
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.faults import ErrorBurst, SlowRamp
from foreroute.simulate.runner import play
from foreroute.simulate.traffic import synthetic_trace
from foreroute.simulate.world import World
from foreroute.store.memory import MemoryStore
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual

START_AT = 1_772_442_000.0
MINUTE = 60.0
LIMIT_S = 0.9
SLOWING, FAILING = ChannelId("slowing"), ChannelId("failing")
WEIGHTS = {"slowing": 0.4, "failing": 0.25, "steady": 0.35}
PER_MINUTE = 100.0
"""So many that the slowing channel's own p95 of a few minutes is known well: less, and its noise crosses the limit first."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Day:
    """What a run left behind."""

    boards: list[Board]
    """One for each tick."""
    ticks: list[Record]
    decisions: list[Record]
    world: World
    rails: Guardrails
    configured: RoutingPlan

    @property
    def journal(self) -> bytes:
        return b"\n".join(record.body for record in [*self.ticks, *self.decisions])


LiveDay = Callable[..., Day]


@pytest.fixture(scope="session")
def live_day() -> LiveDay:
    """`live_day(seed, minutes)` plays it; `ramp_minute` and `burst_minute` say when trouble starts."""

    def live(seed: int, minutes: int, *, ramp_minute: int, burst_minute: int) -> Day:
        world = _world(seed, _settings(), START_AT + ramp_minute * MINUTE, START_AT + burst_minute * MINUTE)
        traffic = synthetic_trace(Random(seed), per_minute=PER_MINUTE, minutes=minutes)

        def attempts(plan: Callable[[], RoutingPlan]) -> Iterator[Attempt]:
            return play(world, traffic, start_at=START_AT, plan=plan, rng=Random(seed))

        return run_virtual(lambda loop: _live(loop, world, attempts, minutes))

    return live


class Feed:
    """Hands the loop what has ended. Only the first request of a minute still goes by the plan of the one before."""

    def __init__(self, attempts: Iterator[Attempt], data: DataPlane) -> None:
        self._attempts = attempts
        self._data = data
        self._under_way: list[tuple[float, int, Attempt]] = []
        self._newest_at = 0.0
        self._count = 0

    def until(self, at: float) -> None:
        while self._newest_at < at and (attempt := next(self._attempts, None)) is not None:
            self._newest_at = attempt.started_at
            self._count += 1
            heapq.heappush(self._under_way, (attempt.ended_at, self._count, attempt))
        while self._under_way and self._under_way[0][0] < at:
            self._data.intake.record(heapq.heappop(self._under_way)[2])


async def _live(
    loop: VirtualTimeLoop,
    world: World,
    attempts: Callable[[Callable[[], RoutingPlan]], Iterator[Attempt]],
    minutes: int,
) -> Day:
    settings, clock = _settings(), LoopClock(loop, epoch_at=START_AT)
    data = build_data_plane(settings, clock=clock, rng=Random(0))
    store = MemoryStore(merge_rollups)
    control = ControlLoop(
        loop_settings(settings),
        guardrails(settings),
        build_stages(settings, data, store, source="day"),
        clock=clock,
        steering=Steering(autopilot=settings.autopilot),
        configured=data.configured,
        objectives=objectives_of(settings),
    )
    feed = Feed(attempts(data.plans.current), data)
    boards: list[Board] = []

    def ticked(board: Board) -> None:
        if board.ticks:
            boards.append(board)
        feed.until(board.at + MINUTE)
        if board.ticks == minutes:
            control.stop()

    control.on_board.append(ticked)
    feed.until(START_AT + MINUTE)
    await control.run()
    await data.gateway.aclose()
    return Day(
        boards=boards,
        ticks=await store.records.read(TICK, limit=10**6),
        decisions=await store.records.read(DECISION, limit=10**6),
        world=world,
        rails=guardrails(settings),
        configured=data.configured,
    )


def _settings() -> Settings:
    document = {
        "autopilot": "act",
        "store": {"kind": "memory"},
        "channels": [
            {
                "id": name,
                "provider": "openai",
                "region": "here",
                "model": "gpt-4o-mini",
                "base_url": "http://127.0.0.1/v1",
            }
            for name in WEIGHTS
        ],
        "routes": [
            {
                "model": "chat",
                "objective": {"metric": "first_chunk_p95", "limit": f"{LIMIT_S * 1000:g}ms"},
                "targets": [{"channel": name, "weight": weight} for name, weight in WEIGHTS.items()],
            }
        ],
        "budgets": [{"name": "monthly", "limit_usd": 9000}],
    }
    return parse_settings(json.dumps(document).encode(), name="day", environment={})


def _world(seed: int, settings: Settings, ramp_at: float, burst_at: float) -> World:
    ramp = SlowRamp(
        channel=SLOWING,
        start_at=ramp_at,
        peak_at=ramp_at + 60 * MINUTE,
        recover_at=ramp_at + 80 * MINUTE,
        end_at=ramp_at + 90 * MINUTE,
        factor=2.3,
    )
    burst = ErrorBurst(channel=FAILING, start_at=burst_at, end_at=burst_at + 8 * MINUTE, ratio=0.7)
    return World(seed, [_model(channel) for channel in channels_of(settings)], [ramp, burst])


def _model(channel: Channel) -> ChannelModel:
    return ChannelModel(channel=channel, first_chunk_s=0.36, spread=1.5, token_s=0.01, swing=0.1, wander=0.03)
