"""After a pause that a channel has asked for, one request at a time finds out; a silent limit is felt out."""

import asyncio
import random

from foreroute.gateway.settings import GatewaySettings


async def test_one_request_finds_out_whether_a_pause_is_over(house):
    home = await house("a", settings=GatewaySettings(queue_s=5.0))
    home.set("a", status=429, retry_after_s=4.0)
    await home.post()
    waiting = [asyncio.ensure_future(home.post()) for _ in range(8)]
    await asyncio.sleep(4.5)
    assert home.asked("a") == 2, "not all nine at once"
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_those_who_wait_are_served_when_it_is_over(house):
    home = await house("a", settings=GatewaySettings(queue_s=5.0))
    home.set("a", status=429, retry_after_s=4.0)
    await home.post()
    home.set("a", status=200)
    answers = await asyncio.gather(*(home.post() for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}


async def test_all_waits_of_a_request_together_are_bounded(house):
    home = await house("a", settings=GatewaySettings(queue_s=5.0))
    home.set("a", status=429, retry_after_s=3.0)
    await home.post()
    began = asyncio.get_running_loop().time()
    assert (await home.post()).status_code == 429
    assert asyncio.get_running_loop().time() - began <= 5.1


async def test_a_refusal_that_names_no_time_is_not_met_at_every_request(house):
    home = await house(priorities={"a": 0, "b": 0})
    home.set("a", status=429)
    rng = random.Random(1)
    for _ in range(120):
        await asyncio.sleep(rng.uniform(0.2, 0.8))
        assert (await home.post()).headers["x-foreroute-channel"] == "b"
    assert home.asked("a") < 12


async def test_a_poisonous_request_opens_no_breaker_and_is_not_tried_for_ever(house):
    home = await house(priorities={"a": 0, "b": 0})
    for name in "ab":
        home.set(name, status=500)
    for _ in range(8):
        answer = await home.post(messages=[{"role": "user", "content": "the same again"}])
        assert (answer.status_code, answer.headers["x-foreroute-attempts"]) == (503, "2")
    assert {home.standing(name).breaker_opened_total for name in "ab"} == {0}
