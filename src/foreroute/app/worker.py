"""One of several processes that serve: a gateway without a control plane, which is told what to do by its parent.

It serves on by its last plan whatever becomes of the control loop. When its parent is gone it ends.
"""

import asyncio
import logging
import select
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Final

from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.logs import set_up_logs
from foreroute.app.plane import journal_folder
from foreroute.app.shared import open_shared_state
from foreroute.clock import SystemClock
from foreroute.core.accounts import SharedHealth
from foreroute.core.budgets import ScopedBudget
from foreroute.core.errors import ForerouteError
from foreroute.core.ids import ChannelId, KeyId
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.windows import Window
from foreroute.gateway.breaker import BreakerState
from foreroute.serving import serve_asgi
from foreroute.settings.model import Settings
from foreroute.store.sqlite_accounts import SqliteAccounts

_log: Final = logging.getLogger("foreroute.workers")
_REPORT_EVERY_S: Final = 2.0
_METRICS_S: Final = 5.0
_GRACE_S: Final = 10.0


# What parent and worker say to each other ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewPlan:
    plan: RoutingPlan


@dataclass(frozen=True, slots=True)
class NewSettings:
    settings: Settings


@dataclass(frozen=True, slots=True)
class NewKeys:
    book: KeyBook
    spends: Mapping[Window, Mapping[KeyId, Decimal]]
    at: float


@dataclass(frozen=True, slots=True)
class NewBudgets:
    budgets: Sequence[ScopedBudget]
    spends: Mapping[str, Decimal]
    at: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Asked without text, answered with it."""

    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker listens, or says why it cannot."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Of one worker: attempts under way, and whose breaker is open."""

    in_flight: Mapping[ChannelId, int] = field(default_factory=dict)
    open: frozenset[ChannelId] = frozenset()
    shared: SharedHealth | None = None


def accounts_file(settings: Settings) -> Path:
    path = settings.store.path
    return path.with_name(f"{path.name}.accounts")


# The process ---------------------------------------------------------------------------------------------------------


def work(connection: Connection, settings: Settings, name: str, port: int, first: Sequence[object]) -> None:
    """The worker's whole life. `first` is what it must have heard before it serves anyone. A signal to the group is the parent's business; SIGTERM to this one ends it politely."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    set_up_logs(settings.log)
    asyncio.run(_work(connection, settings, name, port, first))


async def _work(
    connection: Connection, settings: Settings, name: str, port: int, first: Sequence[object]
) -> None:
    line = _Line(connection)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, line.ended.set)
    async with AsyncExitStack() as stack:
        try:
            data = await _open(stack, line, settings, name, port, first)
        except (ForerouteError, OSError) as error:
            line.say(Ready(str(error)))
            return
        line.listen(data)
        line.say(Ready())
        reporting = asyncio.ensure_future(_report(line, data))
        await line.ended.wait()
        reporting.cancel()


async def _open(
    stack: AsyncExitStack, line: "_Line", settings: Settings, name: str, port: int, first: Sequence[object]
) -> DataPlane:
    clock = SystemClock()
    shared, accounts = open_shared_state(settings, clock), None
    if shared is None:
        accounts = SqliteAccounts.open(accounts_file(settings))
        stack.callback(accounts.close)
    else:
        stack.push_async_callback(shared.aclose)
        await shared.start()
    data = build_data_plane(
        settings,
        clock=clock,
        rng=Random(),
        accounts=accounts,
        shared=shared,
        render_metrics=line.ask_metrics,
        locked=True,
        queue=False,
    )
    data.keep_on_disk(journal_folder(settings), name)
    stack.callback(data.intake.close)
    if data.otel is not None:
        stack.callback(data.otel.close)
    stack.push_async_callback(data.gateway.aclose)
    for message in first:
        line.hear(message, data)
    data.transport.warm()
    host = settings.gateway.host
    await stack.enter_async_context(
        await serve_asgi(data.gateway, host, port, grace_s=_GRACE_S, share_port=True)
    )
    return data


async def _report(line: "_Line", data: DataPlane) -> None:
    while True:
        now = asyncio.get_running_loop().time()
        standings = data.gateway.standings(now)
        in_flight = {channel: one.in_flight for channel, one in standings.items()}
        is_open = (channel for channel, one in standings.items() if one.breaker is BreakerState.OPEN)
        line.say(Load(in_flight, frozenset(is_open), data.shared))
        await asyncio.sleep(_REPORT_EVERY_S)


class _Line:
    """To the parent. `ended` is set when the parent says so or is gone."""

    def __init__(self, connection: Connection) -> None:
        self.ended = asyncio.Event()
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._asking: list[asyncio.Future[bytes]] = []
        self._saying = threading.Lock()

    def say(self, message: object) -> None:
        """Only while the pipe takes it at once: a parent that does not listen must not hold up the gateway."""
        with self._saying, suppress(OSError):
            if select.select([], [self._connection], [], 0.0)[1]:
                self._connection.send(message)

    async def ask_metrics(self) -> bytes:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._asking.append(answer)
        self.say(Metrics())
        try:
            async with asyncio.timeout(_METRICS_S):
                return await answer
        except TimeoutError:
            self._asking.remove(answer)
            return b"# the parent process does not answer\n"

    def listen(self, data: DataPlane) -> None:
        """On a thread of its own, which ends with the connection."""
        threading.Thread(target=self._listen, args=(data,), name="foreroute-line", daemon=True).start()

    def _listen(self, data: DataPlane) -> None:
        try:
            while True:
                self._hear(self._connection.recv(), data)
        except (EOFError, OSError):
            pass  # the parent says nothing more, or is gone
        finally:
            self._loop.call_soon_threadsafe(self.ended.set)

    def _hear(self, message: object, data: DataPlane) -> None:
        """One message that cannot be followed must not deafen the worker."""
        try:
            self.hear(message, data)
        except Exception:  # noqa: BLE001 - the boundary of the line
            _log.exception("message_not_followed", extra={"kind": type(message).__name__})

    def hear(self, message: object, data: DataPlane) -> None:
        match message:
            case NewPlan(plan):
                # After a configuration that came before it, which the gateway's loop exchanges in its turn.
                data.on_gateway(lambda: data.plans.publish(plan))
            case NewSettings(settings):
                data.reconfigure(settings)
            case NewKeys(book, spends, at):
                data.take_keys(book, spends, at)
            case NewBudgets(budgets, spent, at):
                data.take_budgets(budgets, spent, at)
            case Metrics(text):
                self._loop.call_soon_threadsafe(self._answer, text)

    def _answer(self, text: bytes) -> None:
        waiting, self._asking = self._asking, []
        for answer in waiting:
            if not answer.done():
                answer.set_result(text)
