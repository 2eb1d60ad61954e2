"""When every channel is full or asked for a short pause, requests wait, within bounds."""

import asyncio
from dataclasses import replace

import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings

ONE_AT_A_TIME = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=60.0, stall_s=30.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=9),
    concurrency_max=1,
)


def now() -> float:
    return round(asyncio.get_running_loop().time(), 1)


async def timed(home, *, stream=False) -> tuple[float, int]:
    response = await home.post(stream=stream)
    return now(), response.status_code


@pytest.mark.parametrize("stream", [False, True])
async def test_who_waits_is_served_when_one_ends_first_come_first_served(house, stream):
    home = await house("a", policy=ONE_AT_A_TIME)
    home.set("a", time_to_first_chunk_s=1.0)
    done = await asyncio.gather(*(timed(home, stream=stream) for _ in range(4)))
    assert done == [(1.0, 200), (2.0, 200), (3.0, 200), (4.0, 200)]
    assert [attempt.reason for attempt in home.attempts] == ["only"] * 4
    assert home.standing("a").in_flight == 0
    began = [asked.received_at for asked in home.providers["a"].received]
    assert began == pytest.approx([0, 1, 2, 3], abs=0.05), "never two at once"


async def test_patience_ends(house):
    home = await house("a", policy=ONE_AT_A_TIME, settings=GatewaySettings(queue_s=2.5))
    home.set("a", time_to_first_chunk_s=10.0)
    first = asyncio.create_task(timed(home))
    await asyncio.sleep(0.1)
    response = await home.post()
    assert now() == pytest.approx(2.6)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    assert response.headers["retry-after"] == "1"
    assert response.headers["x-foreroute-attempts"] == "0"
    assert await first == (10.0, 200)
    assert home.gateway.tally.refused == 1


async def test_the_line_is_bounded(house):
    home = await house("a", policy=ONE_AT_A_TIME, settings=GatewaySettings(queue_max=2))
    home.set("a", time_to_first_chunk_s=1.0)
    done = await asyncio.gather(*(timed(home) for _ in range(5)))
    assert sorted(done) == [(0.0, 429), (0.0, 429), (1.0, 200), (2.0, 200), (3.0, 200)]


async def test_no_line_at_all(house):
    home = await house("a", policy=ONE_AT_A_TIME, settings=GatewaySettings(queue_max=0))
    home.set("a", time_to_first_chunk_s=1.0)
    assert sorted(await asyncio.gather(timed(home), timed(home))) == [(0.0, 429), (1.0, 200)]


async def test_who_leaves_the_line_frees_it_for_the_next(house):
    home = await house("a", policy=ONE_AT_A_TIME)
    home.set("a", time_to_first_chunk_s=1.0)
    first = asyncio.create_task(timed(home))
    await asyncio.sleep(0.1)
    leaving = asyncio.create_task(timed(home))
    await asyncio.sleep(0.1)
    last = asyncio.create_task(timed(home))
    await asyncio.sleep(0.1)
    leaving.cancel()
    assert await first == (1.0, 200)
    assert await last == (2.0, 200)
    await asyncio.gather(leaving, return_exceptions=True)
    assert home.asked("a") == 2
    assert home.gateway._works.line.length == 0


async def test_a_short_pause_is_waited_for(house):
    home = await house("a", policy=replace(ONE_AT_A_TIME, concurrency_max=None))
    home.set("a", status=429, retry_after_s=3.0)
    assert (await home.post()).status_code == 429
    home.set("a", status=200, retry_after_s=None)
    assert await timed(home) == (3.0, 200)
    assert home.tried() == [("a", "throttled"), ("a", "success")]


async def test_a_long_pause_is_not_waited_for(house):
    home = await house("a", policy=replace(ONE_AT_A_TIME, concurrency_max=None))
    home.set("a", status=429, retry_after_s=30.0)
    assert (await home.post()).status_code == 429
    response = await home.post()
    assert (now(), response.status_code) == (0.0, 429)
    assert response.headers["retry-after"] == "30"
    assert home.asked("a") == 1


async def test_the_soonest_of_two_is_waited_for(house):
    home = await house(policy=replace(ONE_AT_A_TIME, concurrency_max=None))
    home.set("a", status=429, retry_after_s=4.0)
    home.set("b", status=429, retry_after_s=2.0)
    assert (await home.post()).status_code == 429
    home.set("a", status=200)
    home.set("b", status=200)
    response = await home.post()
    assert (now(), response.headers["x-foreroute-channel"]) == (2.0, "b")


async def test_a_channel_that_is_free_is_taken_rather_than_the_line(house):
    home = await house(policy=ONE_AT_A_TIME)
    home.set("a", time_to_first_chunk_s=5.0)
    done = await asyncio.gather(timed(home), timed(home))
    assert sorted(done) == [(0.0, 200), (5.0, 200)]
    assert {attempt.channel: attempt.reason for attempt in home.attempts}["b"] == "spillover"


async def test_a_crowd_loses_nobody_and_never_exceeds_the_limit(house):
    home = await house(
        policy=replace(ONE_AT_A_TIME, concurrency_max=3), settings=GatewaySettings(queue_s=60.0)
    )
    home.set("a", time_to_first_chunk_s=0.3)
    home.set("b", time_to_first_chunk_s=0.5)
    done = await asyncio.gather(*(timed(home, stream=bool(i % 2)) for i in range(60)))
    assert {status for _, status in done} == {200}
    assert now() < 5.0, "all places were used all the time"
    for name in "ab":
        began = sorted(
            (attempt.started_at, +1) for attempt in home.attempts if attempt.channel == name
        ) + sorted((attempt.ended_at, -1) for attempt in home.attempts if attempt.channel == name)
        level = 0
        for _, change in sorted(began):
            level += change
            assert level <= 3
    assert home.gateway._works.line.length == 0
