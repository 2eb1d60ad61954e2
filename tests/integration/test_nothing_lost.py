"""Ten thousand requests over real HTTP, with every kind of trouble: each attempt is counted once, everywhere."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from foreroute.testing.fake_provider import Fault, ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

REQUESTS = 10_000
EVERY_S = 0.05
CHUNKS = ("Nothing", " is", " lost.")
TROUBLES: Mapping[str, Mapping[str, float]] = {
    "steady": {},
    "failing": {"error": 0.06},
    "throttling": {"throttle": 0.05},
    "cutting": {"cut": 0.06},
    "hollow": {"hollow": 0.04, "error": 0.02},
}
ANSWERS = {
    "fine": ProviderAnswer(time_to_first_chunk_s=0.2, seconds_per_chunk=0.1, chunks=CHUNKS),
    "error": ProviderAnswer(time_to_first_chunk_s=0.1, status=500),
    "throttle": ProviderAnswer(time_to_first_chunk_s=0.05, status=429, retry_after_s=2.0),
    "cut": ProviderAnswer(
        time_to_first_chunk_s=0.2, chunks=CHUNKS, fault=Fault.CUT, fault_after_chunks=1, seconds_per_chunk=0.1
    ),
    "hollow": ProviderAnswer(time_to_first_chunk_s=0.1, fault=Fault.HOLLOW_HTML),
}


class Troubled:
    """What happens to a request depends on the channel and the request's name alone."""

    def __init__(self, channel: str) -> None:
        self._channel = channel

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        if "user" not in request.body:
            return ANSWERS["fine"]  # the gateway asks whether the channel is back
        chance = Random(f"{self._channel}/{request.body['user']}").random()
        for trouble, part in TROUBLES[self._channel].items():
            if chance < part:
                return ANSWERS[trouble]
            chance -= part
        return ANSWERS["fine"]


class Users:
    """Every third request is plain; every twentieth stream is left at its first chunk, every fiftieth plain one early."""

    def __init__(self, house) -> None:
        self._house = house
        self.ends: Counter[str] = Counter()

    async def one(self, number: int) -> None:
        stream = number % 3 != 0
        body = {
            "model": "chat",
            "stream": stream,
            "user": f"u{number}",
            "messages": [{"role": "user", "content": "Hello?"}],
        }
        if not stream and number % 50 == 0:
            return await self._impatient(body)
        async with self._house.http.post("v1/chat/completions", json=body) as response:
            if stream and number % 20 == 1:
                await response.content.readany()
                response.close()
                self.ends["left a stream"] += 1
                return None
            text = await response.read()
        broken = response.status == 200 and stream and b'"error"' in text
        self.ends["broken stream" if broken else str(response.status)] += 1
        return None

    async def _impatient(self, body) -> None:
        try:
            async with (
                asyncio.timeout(0.1),
                self._house.http.post("v1/chat/completions", json=body) as response,
            ):
                await response.read()
        except TimeoutError:
            self.ends["left early"] += 1


@pytest.mark.slow
def test_each_attempt_is_counted_once_also_when_the_control_plane_restarts(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        behaviours = {channel: Troubled(channel) for channel in TROUBLES}
        async with open_house(loop, behaviours, {"loop": {"fit_workers": 0}}) as house:
            first = await house.start_control("first")
            users = Users(house)
            traffic = asyncio.create_task(at_pace(users.one, REQUESTS, EVERY_S))
            await asyncio.sleep(210.5)
            await first.end()
            between = house.data.gateway.attempts_total
            await asyncio.sleep(5.0)
            assert house.data.gateway.attempts_total > between
            second = await house.start_control("second")
            await traffic
            await second.end()
            counts = await house.count(second)

            assert users.ends.total() == house.data.gateway.requests_total == REQUESTS
            assert counts.gateway == counts.rollups == counts.ledger
            assert counts.gateway > REQUESTS
            assert min(counts.successes, counts.failures, counts.throttles, counts.ignored) > 50
            assert users.ends["200"] > 0.9 * REQUESTS
            assert (
                min(users.ends["broken stream"], users.ends["left a stream"], users.ends["left early"]) > 50
            )
            assert first.ticks == 3
            assert second.ticks >= 4

    run_virtual(main)
