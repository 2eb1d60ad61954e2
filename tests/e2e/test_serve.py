"""`foreroute serve` as an operator runs it: a process of its own in front of providers on loopback, and the end of it."""

import asyncio
import signal
import socket
from collections.abc import Callable

import pytest
from openai import APIConnectionError, AsyncOpenAI
from tests.e2e.conftest import HELLO, WORDS, Place, client_of

from foreroute.testing.fake_provider import Always, ProviderAnswer, ProviderRequest


async def test_it_serves_the_official_client_and_keeps_its_last_minute(place: Place) -> None:
    async with place.serve() as server:
        await server.until_ready()
        async with client_of(server) as client:
            answer = await client.chat.completions.create(model="chat", messages=HELLO)
            assert answer.choices[0].message.content == "".join(WORDS)
            stream = await client.chat.completions.create(model="chat", messages=HELLO, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(parts) == "".join(WORDS)
            assert [model.id async for model in client.models.list()] == ["chat"]
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    requests, rolled = place.stored()
    assert len(requests) == rolled == 2
    assert "Traceback" not in server.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stream_in_flight_is_finished_before_it_ends(place: Place, number: signal.Signals) -> None:
    place.provider.behaviour = Always(ProviderAnswer(seconds_per_chunk=0.2, chunks=WORDS))
    async with place.serve() as server:
        await server.until_ready()
        async with client_of(server) as client:
            stream = await client.chat.completions.create(model="chat", messages=HELLO, stream=True)
            first = await anext(stream)
            server.kill(number)
            rest = [chunk async for chunk in stream]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in (first, *rest))
            assert text == "".join(WORDS)
            assert rest[-1].choices[0].finish_reason == "stop"
        assert await server.end() == 0, server.said
    requests, rolled = place.stored()
    assert len(requests) == rolled == 1


def missing_folder(place: Place) -> str:
    place.configure(store={"path": str(place.store.parent / "nowhere" / "foreroute.db")})
    return "nowhere/foreroute.db cannot be opened"


def another_file(place: Place) -> str:
    place.store.write_text("Shopping list: bread, milk, and patience.\n" * 50)
    return "is damaged or not a Foreroute database"


@pytest.mark.parametrize("spoil", [missing_folder, another_file])
async def test_a_store_that_cannot_be_used_is_said_in_one_sentence(
    place: Place, spoil: Callable[[Place], str]
) -> None:
    complaint = spoil(place)
    async with place.serve() as server:
        assert await server.end() == 1
    errors = [line for line in server.lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert complaint in errors[0]
    assert "Traceback" not in server.said


async def test_a_busy_port_is_said_in_one_sentence(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place.configure(gateway={"port": port})
        async with place.serve() as server:
            assert await server.end() == 1
    errors = [line for line in server.lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"the gateway cannot listen on 127.0.0.1:{port}" in errors[0]
    assert "Traceback" not in server.said


@pytest.mark.slow
async def test_after_a_kill_in_the_middle_of_traffic_all_that_was_answered_is_there_once(
    place: Place,
) -> None:
    answered = 0
    place.configure(loop={"tick": "1s"})
    async with place.serve() as server:
        await server.until_ready()
        async with client_of(server) as client, asyncio.TaskGroup() as group:
            while len(place.stored()[0]) < 50:
                await client.chat.completions.create(model="chat", messages=HELLO)
                answered += 1
            for _ in range(7):  # likely after the last tick: the journal alone knows them
                await client.chat.completions.create(model="chat", messages=HELLO)
                answered += 1
            place.provider.behaviour = busy = Busy()
            for _ in range(10):
                group.create_task(cut_off(client))
            await busy.asked.wait()
            server.kill(signal.SIGKILL)
        assert await server.end() == -signal.SIGKILL
    before, _ = place.stored()
    assert 50 <= len(before) <= answered

    place.provider.behaviour = Always(ProviderAnswer(chunks=WORDS))
    async with place.serve() as server:
        await server.until_ready()
        async with client_of(server) as client:
            for _ in range(20):
                await client.chat.completions.create(model="chat", messages=HELLO)
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    after, rolled_after = place.stored()
    assert before < after
    assert len(after) == rolled_after == answered + 20
    assert not list(place.store.parent.glob("*.journal/*")), "nothing waits to be stored"


class Busy:
    """Has been asked, and will not answer soon."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        self.asked.set()
        return ProviderAnswer(time_to_first_chunk_s=600.0)


async def cut_off(client: AsyncOpenAI) -> None:
    with pytest.raises(APIConnectionError):
        await client.chat.completions.create(model="chat", messages=HELLO)
