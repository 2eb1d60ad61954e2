import math
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from foreroute.core.attempt import Outcome
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.faults import ErrorBurst, SlowRamp
from foreroute.simulate.runner import play
from foreroute.simulate.traffic import Arrival, repeat, synthetic_trace
from foreroute.simulate.world import World

A, B = ChannelId("a"), ChannelId("b")


def model(name: ChannelId, **more: Any) -> ChannelModel:
    channel = Channel(
        id=name, provider="x", cloud="x", region=RegionId("r"), model="m", base_url="http://127.0.0.1"
    )
    return ChannelModel(channel=channel, first_chunk_s=0.4, spread=1.5, token_s=0.01, **more)


RAMP = SlowRamp(channel=A, start_at=600.0, peak_at=1200.0, recover_at=1800.0, end_at=2400.0, factor=3.0)


def test_a_ramp_rises_stays_and_falls() -> None:
    assert [RAMP.slowdown(at) for at in (0, 600, 900, 1200, 1500, 1800, 2100, 2400)] == [
        1,
        1,
        2,
        3,
        3,
        3,
        2,
        1,
    ]


def test_what_a_request_meets_does_not_depend_on_the_order_of_requests() -> None:
    def answers(order: list[int]) -> dict[int, float]:
        world = World(7, [model(A), model(B)], [])
        return {n: world.answer(A, f"q{n}", at=5.0 * n, input_tokens=100).first_chunk_s for n in order}

    assert answers(list(range(50))) == answers(list(reversed(range(50))))


def test_another_seed_is_another_world() -> None:
    first, second = (World(seed, [model(A)], []).answer(A, "q", at=0.0, input_tokens=9) for seed in (1, 2))
    assert first != second


def test_the_true_percentile_is_what_many_requests_show() -> None:
    world = World(1, [model(A)], [])
    seen = sorted(world.answer(A, f"q{n}", at=0.0, input_tokens=500).first_chunk_s for n in range(4000))
    assert seen[int(0.95 * len(seen))] == pytest.approx(
        world.first_chunk_p95_s(A, 0.0, input_tokens=500), rel=0.05
    )


def test_crossing_is_the_first_minute_over_the_limit() -> None:
    world = World(1, [model(A)], [RAMP])
    at = world.crossing_at(A, 0.9, start_at=0.0, end_at=3600.0, input_tokens=0)
    assert at is not None
    assert world.first_chunk_p95_s(A, at, input_tokens=0) > 0.9
    assert world.first_chunk_p95_s(A, at - 60, input_tokens=0) <= 0.9
    assert world.crossing_at(A, 9.0, start_at=0.0, end_at=3600.0, input_tokens=0) is None


def test_a_burst_fails_its_share_and_only_while_it_lasts() -> None:
    burst = ErrorBurst(channel=A, start_at=100.0, end_at=200.0, ratio=0.5)
    world = World(1, [model(A, failure_ratio=0.0), model(B, failure_ratio=0.0)], [burst])

    def failed(channel: ChannelId, at: float) -> int:
        return sum(
            world.answer(channel, f"q{n}", at=at, input_tokens=1).fault is not None for n in range(1000)
        )

    assert failed(A, 150.0) == pytest.approx(500, abs=60)
    assert (failed(A, 99.0), failed(A, 200.0), failed(B, 150.0)) == (0, 0, 0)


def test_the_daily_wave_has_the_stated_height() -> None:
    one = model(A, swing=0.3)
    factors = [one.load_factor(at * 600.0) for at in range(144)]
    assert max(factors) == pytest.approx(1.3)
    assert min(factors) == pytest.approx(0.7)


def test_playing_retries_elsewhere_and_keeps_every_attempt() -> None:
    burst = ErrorBurst(channel=A, start_at=0.0, end_at=1e9, ratio=1.0)
    world = World(1, [model(A), model(B, failure_ratio=0.0)], [burst])
    route = Route(
        name=RouteName("chat"), targets=(Target(channel=A, weight=0.5), Target(channel=B, weight=0.5))
    )
    plan = RoutingPlan(version=3, made_at=0.0, valid_until=1e9, routes={route.name: route})
    arrivals = [Arrival(float(n), 10, 5) for n in range(100)]
    attempts = list(play(world, arrivals, start_at=0.0, plan=lambda: plan, rng=Random(1)))
    final = {attempt.request_id: attempt for attempt in attempts}
    assert len(final) == 100
    assert {attempt.outcome for attempt in final.values()} == {Outcome.SUCCESS}
    assert all(attempt.channel == B for attempt in final.values())
    assert any(attempt.number == 2 for attempt in attempts)


def test_a_repeated_trace_has_no_gap_and_ends_where_told() -> None:
    arrivals = [Arrival(0.0, 1, 1), Arrival(70.0, 1, 1)]
    offsets = [arrival.offset_s for arrival in repeat(arrivals, until_s=200.0)]
    assert offsets == pytest.approx([0.0, 70.0, 70.001, 140.001, 140.002], abs=1e-6)


def test_a_synthetic_trace_has_about_the_asked_rate() -> None:
    arrivals = synthetic_trace(Random(3), per_minute=100.0, minutes=60)
    assert len(arrivals) == pytest.approx(6000, rel=0.08)
    assert all(a.offset_s <= b.offset_s for a, b in pairwise(arrivals))
    assert all(arrival.output_tokens > 0 and math.isfinite(arrival.offset_s) for arrival in arrivals)
