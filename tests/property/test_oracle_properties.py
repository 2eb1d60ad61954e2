"""No router beats the oracle for any request, whatever the world, the load and the luck."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.core.windows import Window
from foreroute.simulate.channel import Capacity, ChannelModel, UnitPrice
from foreroute.simulate.faults import (
    Breakdown,
    ColdStart,
    ErrorBurst,
    Fault,
    HollowAnswers,
    Outage,
    QuotaSpent,
    SlowRamp,
    StreamCuts,
)
from foreroute.simulate.limits import Quota, RateLimits
from foreroute.simulate.policies.clairvoyant import Clairvoyant
from foreroute.simulate.policies.litellm import LiteLLM
from foreroute.simulate.policies.oracle import Loss, Oracle
from foreroute.simulate.policies.peak_ewma import PeakEwma
from foreroute.simulate.policies.plain import RoundRobin, StaticWeights
from foreroute.simulate.request import Done, Request
from foreroute.simulate.routing import Asking, Hold, Pick, Router
from foreroute.simulate.run import run
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World

START = 1_772_442_000.0
LENGTH_S = 240.0
MICROSECOND = 1e-6
"""What instants since 1970 can be told apart by."""
NAMES = tuple(ChannelId(name) for name in "abc")


class Erratic:
    """Whatever a router may do at all: any channel, waits, holds, the same channel again, early surrender."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def pick(self, asking: Asking) -> Pick | Hold | None:
        rng = self._rng
        if len(asking.tried) >= 3 or rng.random() < 0.02:
            return None
        if not asking.held and rng.random() < 0.1:
            return Hold(channels=NAMES, for_s=rng.uniform(0.0, 5.0))
        return Pick(channel=rng.choice(NAMES), wait_s=rng.choice([0.0, 0.0, rng.uniform(0.0, 8.0)]))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: object, limits: object) -> None: ...


def model(name: ChannelId, rng: Random) -> ChannelModel:
    return ChannelModel(
        channel=Channel(
            id=name, provider="p", cloud="p", region=RegionId("here"), model="m", base_url="http://127.0.0.1"
        ),
        first_chunk_s=rng.uniform(0.2, 0.8),
        spread=rng.uniform(1.3, 3.5),
        token_s=rng.uniform(0.005, 0.02),
        swing=0.15,
        wander=0.05,
        roam=rng.choice([0.0, 0.2]),
        failure_ratio=rng.choice([0.0, 0.02]),
        capacity=rng.choice([None, Capacity(slots=rng.randint(1, 6), queue_max=rng.randint(0, 4))]),
        limits=rng.choice([None, RateLimits(requests_per_minute=rng.randint(5, 40))]),
        quota=rng.choice([None, Quota(window=Window.DAY, requests=60)]),
        price=UnitPrice(input_usd=Decimal(1), output_usd=Decimal(4)),
    )


def fault(name: ChannelId, rng: Random) -> Fault:
    start = START + rng.uniform(-30.0, LENGTH_S)
    end = start + rng.uniform(2.0, 120.0)
    kind = rng.randrange(7)
    if kind == 0:
        peak = start + 0.4 * (end - start)
        return SlowRamp(channel=name, start_at=start, peak_at=peak, recover_at=peak, end_at=end, factor=4.0)
    if kind == 1:
        return ErrorBurst(channel=name, start_at=start, end_at=end, ratio=rng.random())
    if kind == 2:
        every_s, down_s = rng.choice([(float("inf"), float("inf")), (10.0, 4.0)])
        how = rng.choice(list(Breakdown))
        return Outage(channel=name, start_at=start, end_at=end, how=how, every_s=every_s, down_s=down_s)
    if kind == 3:
        return ColdStart(channel=name, start_at=start, end_at=end, extra_s=2.0, loading_ratio=rng.random())
    if kind == 4:
        return StreamCuts(channel=name, start_at=start, end_at=end, ratio=rng.random())
    if kind == 5:
        return HollowAnswers(channel=name, start_at=start, end_at=end, ratio=rng.random())
    return QuotaSpent(channel=name, start_at=start, end_at=end)


def requests(rng: Random, count: int) -> list[Request]:
    arrivals = sorted(START + rng.uniform(0.0, LENGTH_S) for _ in range(count))
    return [
        Request(
            id=RequestId(f"r{number}"),
            at=at,
            route=RouteName("chat"),
            input_tokens=rng.randint(10, 4000),
            output_tokens=rng.randint(1, 300),
            stream=rng.random() < 0.8,
        )
        for number, at in enumerate(arrivals)
    ]


def router(kind: str, world: World, upstreams: Upstreams, rng: Random, loss: Loss) -> Router:
    channels = {name: one.channel for name, one in world.channels.items()}
    made: dict[str, Router] = {
        "erratic": Erratic(rng),
        "round_robin": RoundRobin(list(channels)),
        "static": StaticWeights(dict.fromkeys(channels, 1.0)),
        "litellm": LiteLLM(channels),
        "peak_ewma": PeakEwma(list(channels), rng),
        "clairvoyant": Clairvoyant(upstreams, loss),
    }
    return made[kind]


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["erratic", "round_robin", "static", "litellm", "peak_ewma", "clairvoyant"]),
)
@settings(max_examples=150, deadline=None)
def test_the_oracle_is_never_beaten(seed: int, kind: str) -> None:
    rng = Random(seed)
    faults = [fault(rng.choice(NAMES), rng) for _ in range(rng.randrange(5))]
    world = World(seed, [model(name, rng) for name in NAMES], faults)
    asked = requests(rng, 120)
    loss = Loss(limit_s=1.0)
    oracle, upstreams, done = Oracle(world, loss), Upstreams(world), list[Done]()
    played = router(kind, world, upstreams, rng, loss)
    for _ in run(
        world, asked, played, chance=Random(seed), start_at=START, upstreams=upstreams, on_done=done.append
    ):
        pass
    assert len(done) == len(asked)
    for one in done:
        best = oracle.best(one.request)
        assert loss.of_done(one) >= best.loss_s - MICROSECOND, (one, best)


@pytest.mark.parametrize(
    ("waited_s", "succeeded", "wanted"),
    [(0.5, True, 0.5), (1.0, True, 1.0), (1.5, True, 2.5), (45.0, True, 31.0), (0.1, False, 31.0)],
)
def test_a_loss_is_waiting_and_a_penalty(waited_s: float, succeeded: bool, wanted: float) -> None:
    assert Loss(limit_s=1.0).of(waited_s, succeeded=succeeded) == wanted
