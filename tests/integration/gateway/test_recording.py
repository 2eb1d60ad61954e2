"""The sink has an attempt before the client can know that it is over, and has each attempt once."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.fake_provider import Fault, ProviderAnswer

POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=3, open_s=2.0),
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/audio/speech"]
)
async def test_recorded_before_the_last_byte_leaves(house, path, stream):
    home = await house("a", policy=POLICY, anthropic="a" if "messages" in path else "")
    home.set("a", seconds_per_chunk=0.5)
    assert (await home.post(path, stream=stream, max_tokens=9)).status_code == 200
    (last,) = (one for one in home.sent if one.last)
    assert last.recorded == 1
    if not stream and "audio" not in path:
        assert {one.recorded for one in home.sent} == {1}, "a whole answer leaves at once, after the record"


async def test_the_end_of_a_chat_stream_is_held_until_it_is_recorded(house):
    home = await house("a", policy=POLICY)
    home.set("a", seconds_per_chunk=0.5)
    await home.post(stream=True)
    (told,) = (one for one in home.sent if b"[DONE]" in one.body)
    assert told.recorded == 1


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.ERROR_EVENT, Fault.STALL, Fault.UNFINISHED])
async def test_recorded_before_the_client_hears_of_a_fault(house, fault):
    home = await house("a", policy=POLICY)
    home.set("a", fault=fault, fault_after_chunks=2, seconds_per_chunk=0.5)
    await home.post(stream=True)
    (told,) = (one for one in home.sent if b'"error"' in one.body)
    assert (told.last, told.recorded) == (True, 1)


async def test_all_attempts_are_recorded_before_the_refusal(house):
    home = await house("abc", policy=POLICY)
    for name in "abc":
        home.set(name, status=500)
    await home.post()
    assert {one.recorded for one in home.sent} == {3}


class Moody:
    """Answers in a different way each time, from a seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def answer(self, _request) -> ProviderAnswer:
        rng = self._rng
        return ProviderAnswer(
            chunks=("one", "two", "three"),
            time_to_first_chunk_s=rng.choice([0.0, 0.2, 1.5]),
            seconds_per_chunk=rng.choice([0.0, 0.3]),
            status=rng.choice([200] * 6 + [500, 429, 400, 401]),
            retry_after_s=rng.choice([None, 0.5]),
            fault=rng.choice(
                [Fault.NONE] * 8 + [Fault.CUT, Fault.STALL, Fault.ERROR_EVENT, Fault.HOLLOW_HTML]
            ),
            fault_after_chunks=rng.choice([0, 2]),
        )


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_leaves_when_each_attempt_is_settled_once(house, seed):
    """Streams and others, hedges, queues, probes, and clients that leave at any moment."""
    rng = random.Random(seed)
    hedging = replace(POLICY, hedge_after_s=0.3, concurrency_max=6)
    home = await house(
        "abcd",
        policy=hedging,
        anthropic="d",
        routes={"gpt": "abd", "other": "c"},
        fallbacks={"gpt": ("other",)},
        settings=GatewaySettings(probe=True, queue_s=1.0, queue_max=5, hedge_ratio=0.5),
    )
    for place, name in enumerate("abcd"):
        home.providers[name].behaviour = Moody(seed * 10 + place)
    paths = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/moderations", "/v1/audio/speech"]

    async def one() -> None:
        await asyncio.sleep(rng.uniform(0, 20))
        asking = asyncio.create_task(
            home.post(rng.choice(paths), stream=rng.random() < 0.6, input="x", max_tokens=7)
        )
        await asyncio.wait({asking}, timeout=rng.choice([0.0, 0.01, 0.2, 0.31, 1.0, 60.0]))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    await asyncio.gather(*(one() for _ in range(150)))
    await asyncio.sleep(120.0)
    asked = sum(provider.requests_total for provider in home.providers.values())
    assert len({(a.request_id, a.number) for a in home.attempts}) == len(home.attempts)
    assert home.gateway.attempts_total == len(home.attempts)
    by_outcome = Counter(attempt.outcome.value for attempt in home.attempts)
    assert by_outcome["success"] > 15
    assert by_outcome["ignored"] > 10
    assert asked <= len(home.attempts) <= asked + by_outcome["ignored"], "some left before they were sent"
    await home.gateway.aclose()
    assert {name: home.standing(name).in_flight for name in "abcd"} == dict.fromkeys("abcd", 0)
    assert home.gateway._works.line.length == 0
