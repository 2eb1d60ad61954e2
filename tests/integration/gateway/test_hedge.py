"""A first attempt that is slow to say anything gets company."""

import asyncio
from dataclasses import replace

import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.fake_provider import Fault

REASON = "x-foreroute-reason"


HEDGING = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=9, open_s=10.0, outlier_ratio_min=1.0),
    hedge_after_s=1.0,
)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("stream", [False, True])
async def test_the_slow_one_loses_and_both_are_recorded(house, stream):
    home = await house(policy=HEDGING)
    home.set("a", time_to_first_chunk_s=4.0)
    home.set("b", time_to_first_chunk_s=0.5)
    began_at = now()
    response = await home.post(stream=stream)
    assert b"I am b" in response.content
    assert now() - began_at == pytest.approx(1.5, abs=0.05)
    assert (response.headers["x-foreroute-channel"], response.headers[REASON]) == ("b", "hedge")
    assert response.headers["x-foreroute-attempts"] == "2"
    by_channel = {attempt.channel: attempt for attempt in home.attempts}
    lost, won = by_channel["a"], by_channel["b"]
    assert (lost.outcome, lost.number, lost.hedge) == ("ignored", 1, False)
    assert (won.outcome, won.number, won.hedge, won.reason) == ("success", 2, True, "hedge")
    assert lost.request_id == won.request_id
    assert lost.usage.input_tokens > 0, "what was asked is billed all the same"
    assert lost.duration_s == pytest.approx(1.5, abs=0.05)
    await asyncio.sleep(0.1)
    assert home.providers["a"].disconnects_total == 1, "its connection is closed"
    assert home.standing("a").in_flight == home.standing("b").in_flight == 0
    assert len(home.attempts) == 2


async def test_the_first_one_may_still_win(house):
    home = await house(policy=HEDGING)
    home.set("a", time_to_first_chunk_s=1.5)
    home.set("b", time_to_first_chunk_s=3.0)
    response = await home.post(stream=True)
    assert b"I am a" in response.content
    assert response.headers[REASON] == "configured"
    assert sorted((a.channel, a.outcome.value, a.hedge) for a in home.attempts) == [
        ("a", "success", False),
        ("b", "ignored", True),
    ]
    assert home.standing("b").in_flight == 0


async def test_no_hedge_when_the_first_is_in_time(house):
    home = await house(policy=HEDGING)
    home.set("a", time_to_first_chunk_s=0.9, seconds_per_chunk=2.0)
    assert b"I am a" in (await home.post(stream=True)).content, "slow later is not slow to begin"
    assert home.asked("b") == 0


async def test_no_hedge_when_nothing_else_is_free(house):
    home = await house("a", policy=HEDGING)
    home.set("a", time_to_first_chunk_s=3.0)
    assert b"I am a" in (await home.post()).content
    assert home.tried() == [("a", "success")]

    home = await house(policy=HEDGING, policies={"b": replace(HEDGING, concurrency_max=0)})
    home.set("a", time_to_first_chunk_s=3.0)
    assert b"I am a" in (await home.post()).content
    assert home.asked("b") == 0


async def test_a_channel_without_weight_is_no_hedge(house):
    home = await house(policy=HEDGING, weights={"b": 0.0})
    home.set("a", time_to_first_chunk_s=3.0)
    assert b"I am a" in (await home.post()).content
    assert home.asked("b") == 0


async def test_both_fail_and_a_third_answers(house):
    home = await house("abc", policy=HEDGING)
    home.set("a", time_to_first_chunk_s=2.0, status=500)
    home.set("b", time_to_first_chunk_s=0.3, status=503)
    response = await home.post()
    assert b"I am c" in response.content
    assert [(a.channel, a.outcome.value, a.hedge) for a in home.attempts] == [
        ("b", "failure", True),
        ("a", "failure", False),
        ("c", "success", False),
    ]
    assert all(home.standing(name).in_flight == 0 for name in "abc")


async def test_both_fail_and_nobody_is_left(house):
    home = await house(policy=replace(HEDGING, timeouts=replace(HEDGING.timeouts, first_chunk_s=2.0)))
    home.set("a", fault=Fault.NO_ANSWER)
    home.set("b", fault=Fault.NO_ANSWER)
    response = await home.post(stream=True)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "upstream_timeout")
    assert sorted(home.tried()) == [("a", "timeout"), ("b", "timeout")]


async def test_a_hedge_that_fails_leaves_the_first_one_running(house):
    home = await house(policy=HEDGING)
    home.set("a", time_to_first_chunk_s=3.0)
    home.set("b", status=500)
    began_at = now()
    assert b"I am a" in (await home.post()).content
    assert now() - began_at == pytest.approx(3.0, abs=0.05)
    assert home.tried() == [("b", "failure"), ("a", "success")]


@pytest.mark.parametrize("leaves_after_s", [0.5, 1.0, 1.2, 2.5])
async def test_the_client_leaves_while_one_or_both_run(house, leaves_after_s):
    home = await house(policy=HEDGING)
    home.set("a", time_to_first_chunk_s=4.0)
    home.set("b", time_to_first_chunk_s=4.0)
    asking = asyncio.create_task(home.post(stream=True))
    await asyncio.sleep(leaves_after_s)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.2)
    assert {outcome for _, outcome in home.tried()} == {"ignored"}
    assert len(home.attempts) == home.asked("a") + home.asked("b")
    assert home.standing("a").in_flight == home.standing("b").in_flight == 0
    assert home.providers["a"].disconnects_total == 1


async def test_hedges_are_rationed(house):
    """When everything is slow, hedging would double the load: nearly all requests go without."""
    home = await house(policy=HEDGING, settings=GatewaySettings(hedge_ratio=0.05, explore_ratio=0.0))
    home.set("a", time_to_first_chunk_s=2.0)
    home.set("b", time_to_first_chunk_s=2.0)
    for _ in range(10):
        await asyncio.gather(*(home.post() for _ in range(10)))
    assert 1 <= sum(attempt.hedge for attempt in home.attempts) <= 8, "of a hundred requests in 20 seconds"
