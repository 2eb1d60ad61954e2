"""A real Redis on a free loopback port, which can be killed, started again, frozen, filled and made a replica."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from foreroute.core.accounts import Ask, Crossing, Refusal, Spent, Standing, Ticket
from foreroute.core.keys import Scope, ScopeId
from foreroute.core.windows import Window
from foreroute.store.redis_accounts import RedisAccounts
from foreroute.store.redis_calls import LinkSettings
from foreroute.store.redis_shared import SharedSettings, close_shared, open_shared
from foreroute.store.redis_wire import RedisAddress

_T = TypeVar("_T")
PATIENT = LinkSettings(timeout_s=5.0, backoff_s=0.01, backoff_s_max=0.1, beat_s=0.5)
"""For tests that are not about time: the machine may be busy."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class RedisServer:
    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.port = folder, free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *more: str) -> None:
        command = ["/usr/bin/redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--loglevel", "warning"]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options, *more], stdout=log, stderr=log)
        while self.say("PING") != "+PONG":
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()
            time.sleep(0.01)

    def say(self, *words: str) -> str:
        """The first line of the answer, or nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as one:
                parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
                one.sendall("".join(parts).encode())
                return one.recv(4096).decode().split("\r\n")[0]
        except OSError:
            return ""

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def shared(
    url: str,
    *,
    member: str = "one",
    link: LinkSettings = PATIENT,
    prefix: str = "test",
    own_time: bool = False,
    seed: int = 1,
    now: Any = time.time,
    **more: Any,
) -> RedisAccounts:
    """Opened for the running event loop, and not up yet."""
    rng = Random(f"{member}/{seed}")
    settings = SharedSettings(
        address=RedisAddress(url), member=member, prefix=prefix, link=link, own_time=own_time, **more
    )
    accounts = open_shared(settings, now, lambda: rng.getrandbits(62))
    assert accounts.link is not None
    accounts.link.start()
    return accounts


async def until_up(accounts: RedisAccounts) -> None:
    assert accounts.link is not None
    async with asyncio.timeout(30.0):
        await accounts.link.state.ready.wait()


async def until(is_so: Callable[[], bool]) -> None:
    """Looks again and again: it is about a real server, which has its own time."""
    async with asyncio.timeout(30.0):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.002)


async def flushed(accounts: RedisAccounts) -> None:
    assert accounts.link is not None
    await accounts.link.flushed(30.0)


class InStep:
    """Shared accounts as the suite of all accounts knows them: each call waits until it is done there."""

    def __init__(self, url: str, *, prefix: str, lease_s: float) -> None:
        self._runner = asyncio.Runner()
        self.accounts = self._run(self._open(url, prefix, lease_s))

    async def _open(self, url: str, prefix: str, lease_s: float) -> RedisAccounts:
        accounts = shared(url, prefix=prefix, own_time=True, lease_s=lease_s)
        await until_up(accounts)
        return accounts

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._runner.run(work)

    def close(self) -> None:
        self._run(close_shared(self.accounts))
        self._runner.close()

    def admit(self, ask: Ask, at: float) -> Ticket | Refusal:
        return self._run(self.accounts.admit(ask, at))

    def extend(self, ticket: Ticket, more_usd: Decimal, at: float) -> bool:
        return self._run(self.accounts.extend(ticket, more_usd, at))

    def settle(self, ticket: Ticket, spent: Spent, at: float) -> tuple[Crossing, ...]:
        async def work() -> tuple[Crossing, ...]:
            self.accounts.settle(ticket, spent, at)
            await flushed(self.accounts)
            return self.accounts.crossings()

        return self._run(work())

    def restore(
        self, scope: ScopeId, window: Window, window_start: float, spent_usd: Decimal, zone: str = "UTC"
    ) -> None:
        async def work() -> None:
            self.accounts.restore(scope, window, window_start, spent_usd, zone)
            await flushed(self.accounts)

        self._run(work())

    def standing(self, scope: Scope, at: float) -> Standing:
        return self._run(self.accounts.look(scope, at))
