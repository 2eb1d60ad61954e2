"""Three hours of traffic before the demo starts, played through the same world without sockets.

So forecasts have something to learn from and the dashboard something to show at the first second. It is kept in
rollups and ledger rows of its own, apart from the live ones.
"""

from collections.abc import Sequence
from random import Random

from foreroute.control.stages import Stages
from foreroute.core.attempt import Attempt
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Store
from foreroute.monitor.fold import fold
from foreroute.simulate.runner import play
from foreroute.simulate.traffic import Arrival, repeat
from foreroute.simulate.world import World

SOURCE = "history"
LENGTH_S = 10_800.0


async def write_history(
    store: Store,
    stages: Stages,
    world: World,
    arrivals: Sequence[Arrival],
    plan: RoutingPlan,
    *,
    live_at: float,
    seed: int,
) -> None:
    attempts = list(_attempts(world, arrivals, plan, live_at=live_at, seed=seed))
    entries = stages.cost.price(attempts)
    await store.ledger.append(entries)
    await store.rollups.append(fold([entry.attempt for entry in entries], window_s=60.0, source=SOURCE))


def _attempts(
    world: World, arrivals: Sequence[Arrival], plan: RoutingPlan, *, live_at: float, seed: int
) -> list[Attempt]:
    """What ended before the live traffic begins."""
    played = play(
        world,
        repeat(arrivals, until_s=LENGTH_S),
        start_at=live_at - LENGTH_S,
        plan=lambda: plan,
        rng=Random(seed),
    )
    return [attempt for attempt in played if attempt.ended_at < live_at]
