"""Several gateway processes on one port, and what the control plane needs of them.

The parent steers and stores; it serves no request. Plans, keys and settings go down a pipe to each worker; attempts
come up through their journals, so that a worker that is killed loses none. A worker that dies is replaced.
"""

import asyncio
import contextlib
import fcntl
import logging
import multiprocessing
import os
import socket
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from foreroute.app.clouds import CloudAccounts
from foreroute.app.data_plane import topology_of
from foreroute.app.plane import open_journal
from foreroute.app.shared import shared_gauges, together
from foreroute.app.worker import (
    Load,
    Metrics,
    NewBudgets,
    NewKeys,
    NewPlan,
    NewSettings,
    Ready,
    accounts_file,
    work,
)
from foreroute.core.accounts import SharedHealth
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import ForerouteError
from foreroute.core.ids import ChannelId, KeyId
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Clock
from foreroute.core.windows import Window
from foreroute.gateway.transports import check_transports
from foreroute.monitor.collector import Collector
from foreroute.monitor.export import AttemptCounters, Gauge
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings.convert import channels_of, configured_plan
from foreroute.settings.model import Settings

_log: Final = logging.getLogger("foreroute.workers")
_START_S: Final = 30.0
_FAREWELL_S: Final = 15.0
_RESTART_S: Final = 1.0
_PUMP_EVERY_S: Final = 1.0
_SILENCE_S: Final = 60.0


class _Outbox:
    """What a worker is to hear, sent from a thread of its own: a worker that does not listen holds up nobody. Of each
    kind of message only the newest waits.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[type, object] = {}
        self._news = threading.Condition()
        self._closed = False
        threading.Thread(target=self._send, name="foreroute-mouth", daemon=True).start()

    def put(self, message: object) -> None:
        with self._news:
            self._waiting.pop(type(message), None)
            self._waiting[type(message)] = message
            self._news.notify()

    def close(self) -> None:
        with self._news:
            self._closed = True
            self._news.notify()

    def _send(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                messages, self._waiting = list(self._waiting.values()), {}
            try:
                for message in messages:
                    self._connection.send(message)
            except OSError:
                return  # it has died: its replacement hears it


@dataclass(slots=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    outbox: _Outbox
    heard_at: float
    """When it last said anything; the event loop's time."""
    load: Load = field(default_factory=Load)


class Workers:
    """Lives on the parent's event loop; what `Plane` promises may be asked from any thread."""

    def __init__(self, settings: Settings, clock: Clock, gauges: Sequence[Gauge]) -> None:
        """Raises ForerouteError for what no worker could follow."""
        check_transports(channels_of(settings))
        CloudAccounts(clock.now).prepare(settings)
        self.channels: tuple[Channel, ...] = channels_of(settings)
        self.configured: RoutingPlan = self._configured(settings, clock)
        self.plans = self
        self._clock = clock
        self._settings = settings
        self._counters = AttemptCounters([*self._gauges(), *shared_gauges(lambda: self.shared), *gauges])
        self.intake = Intake(Collector(), self._counters)
        self._workers: dict[int, _Worker] = {}
        self._told: dict[type, object] = {}
        """The last of each kind of message: what a worker that starts later must hear first."""
        self._telling = threading.Lock()
        self._started = 0
        self._ending = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._port_holder: socket.socket | None = None
        self._store_lock: int | None = None
        self.port = 0

    # Plane and PlanPublisher ------------------------------------------------------------------------------------------

    @property
    def shared(self) -> SharedHealth | None:
        return together(worker.load.shared for worker in list(self._workers.values()))

    def publish(self, plan: RoutingPlan) -> None:
        self._tell(NewPlan(plan))

    def take_keys(self, book: KeyBook, spends: Mapping[Window, Mapping[KeyId, Decimal]], at: float) -> None:
        self._tell(NewKeys(book, spends, at))

    def take_budgets(self, budgets: Sequence[ScopedBudget], spends: Mapping[str, Decimal], at: float) -> None:
        self._tell(NewBudgets(budgets, spends, at))

    def keep_on_disk(self, folder: Path, source: str) -> JournalReader:
        open_journal(folder, source).close()  # the workers will need to
        return JournalReader(folder, own=source)

    # Life -------------------------------------------------------------------------------------------------------------

    def reconfigure(self, settings: Settings) -> None:
        """Raises ForerouteError, before anything changes, for what no worker could follow."""
        channels = channels_of(settings)
        check_transports(channels)
        CloudAccounts(self._clock.now).prepare(settings)
        self.channels, self.configured = channels, self._configured(settings, self._clock)
        self._settings = settings
        with self._telling:
            self._told.pop(NewPlan, None)
        self._tell(NewSettings(settings))

    async def start(self) -> str:
        """Returns the address. Raises ForerouteError when a worker cannot start."""
        section = self._settings.gateway
        self._port_holder = holder = _hold(section.host, section.port)
        self._store_lock = _lock(self._settings.store.path)
        _forget_accounts(accounts_file(self._settings))
        self.port = holder.getsockname()[1]
        await asyncio.gather(*(self._start_one(number) for number in range(section.workers)))
        self._spawn(self._pump())
        host = f"[{section.host}]" if ":" in section.host else section.host
        return f"http://{host}:{self.port}"

    async def stop(self) -> None:
        """Lets requests end; after a while they are cut."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        workers = list(self._workers.values())
        for worker in workers:
            worker.outbox.close()
            worker.process.terminate()
        for worker in workers:
            await asyncio.to_thread(worker.process.join, _FAREWELL_S)
            if worker.process.is_alive():
                worker.process.kill()
                await asyncio.to_thread(worker.process.join)
            worker.connection.close()
        if self._port_holder is not None:
            self._port_holder.close()
        if self._store_lock is not None:
            os.close(self._store_lock)

    def close(self) -> None:
        """Nothing is left: each worker has closed its own."""

    @property
    def plane(self) -> "Workers":
        return self

    def _configured(self, settings: Settings, clock: Clock) -> RoutingPlan:
        return configured_plan(settings, at=clock.now(), rank=topology_of(settings).rank)

    async def _start_one(self, number: int) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._started += 1
        name = f"worker-{self._clock.now():.3f}-{self._started}"
        with self._telling:
            first = tuple(self._told.values())
        process = multiprocessing.get_context("spawn").Process(
            target=work,
            args=(theirs, self._settings, name, self.port, first),
            name=f"foreroute-worker-{number}",
        )
        await asyncio.to_thread(process.start)
        theirs.close()
        try:
            ready = await asyncio.to_thread(_first_word, ours)
        except EOFError:
            ready = Ready("a worker ended before it was ready")
        if ready.problem is not None:
            process.kill()
            raise ForerouteError(ready.problem)
        loop = asyncio.get_running_loop()
        worker = _Worker(process, ours, _Outbox(ours), loop.time())
        with self._telling:
            self._workers[number] = worker
            for message in self._told.values():
                worker.outbox.put(message)
        threading.Thread(target=self._hear, args=(worker, loop), name="foreroute-ear", daemon=True).start()
        loop.add_reader(process.sentinel, self._has_ended, number, worker)

    def _has_ended(self, number: int, worker: _Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.process.sentinel)
        worker.process.join()
        worker.outbox.close()
        if self._ending:
            return
        with self._telling:
            self._workers.pop(number, None)
        _log.error("worker_died", extra={"worker": number, "exit_code": worker.process.exitcode})
        self._spawn(self._replace(number))

    async def _replace(self, number: int) -> None:
        while not self._ending:
            await asyncio.sleep(_RESTART_S)
            try:
                await self._start_one(number)
            except (ForerouteError, OSError) as error:
                _log.error("worker_not_started", extra={"worker": number, "error": str(error)})
            else:
                return

    async def _pump(self) -> None:
        """Takes in what the workers have recorded; ends those that have said nothing for long, to replace them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.to_thread(self.intake.pump)
            for number, worker in list(self._workers.items()):
                if loop.time() - worker.heard_at > _SILENCE_S:
                    _log.error("worker_silent", extra={"worker": number})
                    worker.process.kill()
            await asyncio.sleep(_PUMP_EVERY_S)

    def _spawn(self, job: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, message: object) -> None:
        with self._telling:
            self._told.pop(type(message), None)
            self._told[type(message)] = message
            for worker in self._workers.values():
                worker.outbox.put(message)

    def _hear(self, worker: _Worker, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = worker.connection.recv()
                worker.heard_at = loop.time()
                match message:
                    case Load() as load:
                        worker.load = load
                    case Metrics():
                        worker.outbox.put(Metrics(self._counters.render()))

    # Gauges -----------------------------------------------------------------------------------------------------------

    def _gauges(self) -> Sequence[Gauge]:
        return (
            Gauge("foreroute_plan_version", "The plan that serves.", (), self._version),
            Gauge(
                "foreroute_share_ratio", "Share of a channel in a route.", ("route", "channel"), self._shares
            ),
            Gauge("foreroute_breaker_open", "Workers whose breaker is open.", ("channel",), self._breakers),
            Gauge("foreroute_in_flight", "Attempts under way on a channel.", ("channel",), self._in_flight),
            Gauge(
                "foreroute_workers", "Processes that serve.", (), lambda: [((), float(len(self._workers)))]
            ),
        )

    def _plan(self) -> RoutingPlan:
        told = self._told.get(NewPlan)
        return told.plan if isinstance(told, NewPlan) else self.configured

    def _version(self) -> Iterable[tuple[Sequence[str], float]]:
        yield (), float(self._plan().version)

    def _shares(self) -> Iterable[tuple[Sequence[str], float]]:
        for name, route in self._plan().routes.items():
            for target in route.targets:
                yield (name, target.channel), target.weight

    def _breakers(self) -> Iterable[tuple[Sequence[str], float]]:
        counts = Counter(channel for worker in self._workers.values() for channel in worker.load.open)
        return [((channel.id,), float(counts[channel.id])) for channel in self.channels]

    def _in_flight(self) -> Iterable[tuple[Sequence[str], float]]:
        totals: Counter[ChannelId] = Counter()
        for worker in self._workers.values():
            totals.update(worker.load.in_flight)
        return [((channel.id,), float(totals[channel.id])) for channel in self.channels]


def _hold(host: str, port: int) -> socket.socket:
    """Keeps the port for the workers without listening on it. Raises ForerouteError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        # First alone: sharing is for our own workers, not with whoever else shares this port.
        with socket.socket(family, socket.SOCK_STREAM) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        holder.close()
        raise ForerouteError(
            f"the gateway cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another one with gateway.port or --port"
        ) from None
    return holder


def _lock(store: Path) -> int:
    """Held as long as the process lives. Raises ForerouteError if another one holds it."""
    path = store.with_name(f"{store.name}.lock")
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise ForerouteError(
            f"another foreroute serves from {store} with workers already. End it, or choose another store.path"
        ) from None
    return file


def _forget_accounts(path: Path) -> None:
    """Before anyone serves: the ledger is the truth, and nobody who has reserved anything is alive."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _first_word(connection: Connection) -> Ready:
    if not connection.poll(_START_S):
        return Ready(f"a worker was not ready within {_START_S:.0f} s")
    word = connection.recv()
    return word if isinstance(word, Ready) else Ready("a worker spoke before it was ready")
