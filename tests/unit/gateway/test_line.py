"""Waiting for a place: first come first served, and nobody sleeps through a call."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from foreroute.core.ids import ChannelId
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.line import Line

A, B = ChannelId("a"), ChannelId("b")


def waiting(
    line: Line, name: str, out: list[str], channels: Sequence[ChannelId] = (A,), s: float = 5.0
) -> asyncio.Task[None]:
    async def wait() -> None:
        await line.wait(channels, s)
        out.append(f"{name}@{asyncio.get_running_loop().time():g}")

    return asyncio.create_task(wait())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_first_come_first_served() -> None:
    line, out = Line(), list[str]()
    tasks = [waiting(line, name, out) for name in "xyz"]
    await settle()
    assert line.length == 3
    for expected in (["x@0"], ["x@0", "y@0"], ["x@0", "y@0", "z@0"]):
        line.vacancy(A)
        await settle()
        assert out == expected
    assert line.length == 0
    line.vacancy(A)  # nobody there: nothing happens
    await asyncio.gather(*tasks)


async def test_a_vacancy_calls_one_and_only_of_its_own_channel() -> None:
    line, out = Line(), list[str]()
    tasks = [waiting(line, "a", out, (A,)), waiting(line, "b", out, (B,)), waiting(line, "ab", out, (A, B))]
    await settle()
    line.vacancy(B)
    line.vacancy(B)
    await settle()
    assert out == ["b@0", "ab@0"]
    line.vacancy(A)
    await asyncio.gather(*tasks)
    assert out[-1] == "a@0"


async def test_one_who_waits_for_two_is_called_once() -> None:
    line, out = Line(), list[str]()
    first, second = waiting(line, "ab", out, (A, B)), waiting(line, "b", out, (B,))
    await settle()
    line.vacancy(A)
    line.vacancy(B)
    await settle()
    assert out == ["ab@0", "b@0"]
    await asyncio.gather(first, second)


async def test_patience_ends() -> None:
    line, out = Line(), list[str]()
    task = waiting(line, "x", out, s=2.5)
    await task
    assert out == ["x@2.5"]
    assert line.length == 0
    late = waiting(line, "y", out)
    await settle()
    line.vacancy(A)
    await late
    assert out[-1] == "y@2.5", "the call does not go to the one who has left"


async def test_who_leaves_before_the_call_is_passed_over() -> None:
    line, out = Line(), list[str]()
    leaving, staying = waiting(line, "x", out), waiting(line, "y", out)
    await settle()
    leaving.cancel()
    await settle()
    assert line.length == 1
    line.vacancy(A)
    await staying
    assert out == ["y@0"]


async def test_who_is_called_and_leaves_at_that_moment_passes_the_call_on() -> None:
    line, out = Line(), list[str]()
    leaving, staying = waiting(line, "x", out), waiting(line, "y", out)
    await settle()
    line.vacancy(A)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await settle()
    assert out == ["y@0"]
    assert line.length == 0
    await staying


@pytest.mark.parametrize("seed", range(20))
async def test_no_call_is_lost_whoever_leaves_when(seed: int) -> None:
    """As many calls as there are people who stay: everybody is called, though others leave at any moment."""
    rng, line, out = random.Random(seed), Line(), list[str]()
    staying = [waiting(line, f"s{i}", out, s=1e6) for i in range(5)]
    leaving = [waiting(line, f"l{i}", out, s=rng.choice([1e6, 1.0])) for i in range(10)]
    await settle()
    for task in rng.sample(leaving, 10):
        if rng.random() < 0.5:
            line.vacancy(A)
        task.cancel()
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(rng.choice([0.0, 0.3]))
    await asyncio.gather(*leaving, return_exceptions=True)
    for _ in staying:
        line.vacancy(A)
        await settle()
    async with asyncio.timeout(10.0):
        await asyncio.gather(*staying)
    assert line.length == 0


class TestAffinity:
    def test_the_last_word_counts(self) -> None:
        affinity = Affinity()
        affinity.note("file-1", A)
        affinity.note("file-1", B)
        assert affinity.channel_of("file-1") == B
        assert affinity.channel_of("file-2") is None
        assert affinity.channel_of(None) is None

    def test_the_oldest_is_forgotten_and_what_was_named_again_is_not_old(self) -> None:
        affinity = Affinity()
        for number in range(20_000):
            affinity.note(f"file-{number}", A)
        affinity.note("file-0", A)
        affinity.note("one more", A)
        assert affinity.channel_of("file-0") == A
        assert affinity.channel_of("file-1") is None
        assert affinity.channel_of("file-2") == A

    def test_what_is_no_id_is_not_kept(self) -> None:
        affinity = Affinity()
        affinity.note(None, A)
        affinity.note("x" * 201, A)
        assert affinity.channel_of("x" * 201) is None
