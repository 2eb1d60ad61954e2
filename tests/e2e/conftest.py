"""`foreroute serve` as an operator runs it: a process of its own in front of providers on loopback."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from playwright.sync_api import Browser, expect, sync_playwright
from tests.e2e.visit import FLAGS, Visit

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

WORDS = ("Still", " here", ",", " whatever", " happens", ".")
HELLO: Any = [{"role": "user", "content": "Hello?"}]
END_S = 60.0
"""Nothing here takes that long, on whatever machine."""
expect.set_options(timeout=20_000)


class Serve:
    """The process. Its stderr is kept line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self.url = ""

    @property
    def pid(self) -> int:
        return self._process.pid

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

    async def until_it_says(self, word: str, *, within_s: float = END_S) -> str:
        """The next line with the word in it."""
        async with asyncio.timeout(within_s):
            while True:
                line = await self._line()
                assert line, f"it ended without saying {word!r}:\n{self.said}"
                if word in line:
                    return line

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
    async def serve(self, *arguments: str) -> AsyncIterator[Serve]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREROUTE_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "foreroute", "serve", "--config", str(self.config), *arguments),
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    visit = Visit(browser, url)
    yield visit
    visit.context.close()
    assert visit.problems == []
    assert {address.split("/")[2] for address in visit.asked} == {url.split("/")[2]}, "nothing of elsewhere"
