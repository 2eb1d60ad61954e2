"""`foreroute serve` as an operator runs it: a process of its own in front of providers on loopback, and the end of it."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai import APIConnectionError, AsyncOpenAI

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer, ProviderRequest

WORDS = ("Still", " here", ",", " whatever", " happens", ".")
HELLO: Any = [{"role": "user", "content": "Hello?"}]
END_S = 60.0
"""Nothing here takes that long, on whatever machine."""


class Serve:
    """The process. Its stderr is kept line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self.url = ""

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def kill(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def until_ready(self) -> None:
        while not self.url:
            line = await self._line()
            assert line, f"it ended instead of starting:\n{self.said}"
            if found := re.search(r"OpenAI base URL +(\S+)", line):
                self.url = found[1]

    async def end(self) -> int:
        """The exit code, once neither it nor a worker of its is left to hold stderr."""
        async with asyncio.timeout(END_S):
            while await self._line():
                pass
            return await self._process.wait()

    async def abandon(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _line(self) -> str:
        assert self._process.stderr is not None
        line = (await self._process.stderr.readline()).decode()
        self.lines.append(line)
        return line


@dataclass
class Place:
    """Where a server is to live: its file, its store, its provider."""

    config: Path
    store: Path
    provider: FakeProvider
    base_url: str
    document: dict[str, Any] = field(default_factory=dict)

    def configure(self, **sections: Any) -> None:
        channel = {
            "id": "only",
            "provider": "openai",
            "region": "here",
            "model": "gpt-4o-mini",
            "base_url": self.base_url,
        }
        document = {
            "gateway": {"port": 0},
            "dashboard": {"enabled": False},
            "store": {"path": str(self.store)},
            "channels": [channel],
            "routes": [{"model": "chat", "targets": [{"channel": "only"}]}],
            **sections,
        }
        self.config.write_text(json.dumps(document))  # JSON is YAML

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Serve]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREROUTE_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "foreroute", "serve", "--config", str(self.config)),
            stderr=asyncio.subprocess.PIPE,
            cwd=self.config.parent,
            env=environment,
        )
        server = Serve(process)
        try:
            yield server
        finally:
            await server.abandon()

    def stored(self) -> tuple[set[str], int]:
        """The requests in the ledger, and the attempts in the rollups."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as db:
            rows = [name for (name,) in db.execute("SELECT request_id FROM ledger")]
            (rolled,) = db.execute("SELECT coalesce(sum(attempts), 0) FROM rollups").fetchone()
        assert len(rows) == len(set(rows))
        return set(rows), rolled


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    says = Always(ProviderAnswer(time_to_first_chunk_s=0.01, seconds_per_chunk=0.01, chunks=WORDS))
    provider = FakeProvider(says)
    async with await serve_asgi(provider) as upstream:
        found = Place(tmp_path / "foreroute.yaml", tmp_path / "foreroute.db", provider, f"{upstream.url}/v1")
        found.configure()
        yield found


@asynccontextmanager
async def client_of(server: Serve) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


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
