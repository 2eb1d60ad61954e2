"""Credentials that are renewed before they run out: on virtual time, to the second."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from foreroute.core.errors import CredentialsError
from foreroute.regions.clouds.lease import Lease, Renewal
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual


class Desk:
    """Gives tokens that live for an hour, unless it is shut."""

    def __init__(self, now: Callable[[], float], life_s: float = 3600.0) -> None:
        self._now = now
        self._life_s = life_s
        self.asked_at: list[float] = []
        self.is_shut = False

    def fetch(self) -> Lease[str]:
        self.asked_at.append(self._now())
        if self.is_shut:
            raise OSError("the desk is shut")
        return Lease(f"token-{len(self.asked_at)}", self._now() + self._life_s)


async def at_once(fetch: Callable[[], Lease[str]]) -> Lease[str]:
    """Virtual time does not wait for threads of others."""
    await asyncio.sleep(0)
    return fetch()


def live(story: Callable[[Desk, Renewal[str]], Coroutine[Any, Any, None]], life_s: float = 3600.0) -> Desk:
    desks: list[Desk] = []

    async def main(loop: VirtualTimeLoop) -> None:
        desk = Desk(loop.time, life_s)
        desks.append(desk)
        renewal = Renewal(name="there", fetch=desk.fetch, now=loop.time, apart=at_once)
        await story(desk, renewal)
        renewal.close()

    run_virtual(main)
    return desks[0]


def test_many_who_ask_at_once_are_one_question() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        assert await asyncio.gather(*(renewal.value() for _ in range(50))) == ["token-1"] * 50

    assert len(live(story).asked_at) == 1


def test_a_token_is_renewed_ahead_of_its_end_though_nobody_asks() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        await renewal.value()
        await asyncio.sleep(3 * 3600)
        assert await renewal.value() == f"token-{len(desk.asked_at)}"

    asked = live(story).asked_at
    assert [round(later - before) for before, later in pairwise(asked)] == [
        2880,
        2880,
        2880,
    ]


@pytest.mark.parametrize("life_s", [4.0, 60.0, 400.0, 3600.0, 86_400.0])
def test_whatever_its_life_nobody_waits_for_a_second_one(life_s: float) -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        await renewal.value()
        for _ in range(40):
            await asyncio.sleep(life_s / 3.7)
            asked = len(desk.asked_at)
            await renewal.value()
            assert len(desk.asked_at) == asked

    live(story, life_s)


def test_while_the_desk_is_shut_what_lives_serves_and_then_there_is_an_error() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        assert await renewal.value() == "token-1"
        desk.is_shut = True
        await asyncio.sleep(3500)
        assert await renewal.value() == "token-1"
        await asyncio.sleep(200)
        with pytest.raises(
            CredentialsError, match="the account there could not be renewed: OSError: the desk is shut"
        ):
            await renewal.value()
        desk.is_shut = False
        await asyncio.sleep(61)
        before = len(desk.asked_at)
        assert (await renewal.value()).startswith("token-")
        assert len(desk.asked_at) == before, "it had come back by itself"

    asked = live(story).asked_at
    tries = [at for at in asked if 2880 <= at < 3500]
    assert 10 < len(tries) < 20, "it tries again, and less and less often"


def test_what_is_refused_is_fetched_anew() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        assert await renewal.value() == "token-1"
        renewal.refused()
        assert await renewal.value() == "token-2"

    live(story)


def test_a_closed_one_still_answers_but_renews_nothing() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        await renewal.value()
        renewal.close()
        await asyncio.sleep(7200)
        assert len(desk.asked_at) == 1
        assert await renewal.value() == "token-2"

    live(story)


def test_warming_up_fetches_before_anybody_asks() -> None:
    async def story(desk: Desk, renewal: Renewal[str]) -> None:
        renewal.warm()
        renewal.warm()
        await asyncio.sleep(1)
        assert desk.asked_at == [0.0]
        renewal.warm()
        assert await renewal.value() == "token-1"

    live(story)
