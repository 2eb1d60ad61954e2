"""Hosts that vanish without a word, on virtual time: how soon it is noticed, and what is not taken for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from foreroute.gateway.lookout import Address, Lookout
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

HOST: Address = ("203.0.113.7", 443)
Story = Callable[["Far", Lookout], Awaitable[None]]


class Far:
    """A host that answers calls after a round trip, or never."""

    def __init__(self) -> None:
        self.is_there = True
        self.loses = 0
        self.calls: list[float] = []

    async def call(self, address: Address) -> bool:
        assert address == HOST
        self.calls.append(asyncio.get_running_loop().time())
        if self.loses:
            self.loses -= 1
        elif self.is_there:
            await asyncio.sleep(0.2)
            return True
        await asyncio.sleep(1.0)
        return False


def tell(story: Story) -> None:
    async def main(_loop: VirtualTimeLoop) -> None:
        far = Far()
        lookout = Lookout(far.call)
        await story(far, lookout)
        await lookout.aclose()

    run_virtual(main)


async def ask(lookout: Lookout, seconds: float) -> float:
    """Waits for an answer that takes so long; how long that was. Raises TimeoutError when the host is gone."""
    begun = asyncio.get_running_loop().time()
    heard = False
    async with asyncio.timeout(60.0) as limit:
        lookout.wait(HOST, limit)
        try:
            await asyncio.sleep(seconds)
            heard = True
        finally:
            lookout.done(HOST, limit, heard=heard)
    return asyncio.get_running_loop().time() - begun


def test_while_answers_come_nobody_is_called() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        for _ in range(50):
            await ask(lookout, 0.3)
        assert far.calls == []

    tell(story)


def test_who_waits_long_for_a_host_that_is_there_waits_on() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        assert await ask(lookout, 20.0) == pytest.approx(20.0)
        assert not lookout.is_gone(HOST)
        assert 10 < len(far.calls) < 30, "about once a second"

    tell(story)


def test_all_who_wait_for_a_host_that_has_gone_are_told_within_two_seconds() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        far.is_there = False
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(_gone(lookout)) for _ in range(5)]
        assert all(task.result() for task in asking)
        assert asyncio.get_running_loop().time() - begun < 2.0
        assert lookout.is_gone(HOST)

    tell(story)


def test_a_lost_packet_is_no_lost_region() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        far.loses = 1
        assert await ask(lookout, 5.0) == pytest.approx(5.0)
        assert not lookout.is_gone(HOST)

    tell(story)


def test_answers_to_others_prove_that_it_is_there() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        far.is_there = False  # for calls: perhaps something in between does not let them through
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(ask(lookout, 10.0))
            for _ in range(30):
                await ask(lookout, 0.3)
        assert slow.result() == pytest.approx(10.0)

    tell(story)


def test_a_host_that_is_back_is_found_within_two_seconds_though_nobody_asks() -> None:
    async def story(far: Far, lookout: Lookout) -> None:
        far.is_there = False
        assert await _gone(lookout)
        await asyncio.sleep(30.0)
        assert lookout.is_gone(HOST)
        far.is_there = True
        await asyncio.sleep(2.0 + 1.0)
        assert not lookout.is_gone(HOST)

    tell(story)


async def _gone(lookout: Lookout) -> bool:
    try:
        await ask(lookout, 50.0)
    except TimeoutError:
        return True
    return False
