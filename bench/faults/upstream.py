"""The upstream that misbehaves: a process of its own, one port per fault and channel, no code of any gateway."""

import asyncio
import contextlib
import json
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

from bench.faults.catalogue import FAULTS, Fault
from bench.faults.grade import Attempt
from foreroute.chaos.acts import Act, sound
from foreroute.chaos.exchange import Exchange
from foreroute.chaos.refusals import overloaded
from foreroute.chaos.station import question

BAD: Final = "bad"
GOOD: Final = "good"
WARM: Final = "warm"
"""A model without faults, to warm a gateway up with."""

Ports = dict[tuple[str, str], int]
"""Fault id and channel → port."""


class Upstream:
    """The benchmark's end of it."""

    def __init__(self, pipe: Connection, ports: Ports) -> None:
        self._pipe = pipe
        self.ports = ports

    def take(self, fault: str) -> list[Attempt]:
        """The calls since the last time that this was asked; the fault begins anew."""
        self._pipe.send(fault)
        return [Attempt(*attempt) for attempt in self._pipe.recv()]


@contextmanager
def upstream(faults: Sequence[Fault]) -> Iterator[Upstream]:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, [fault.id for fault in faults]), daemon=True)
    process.start()
    try:
        yield Upstream(mine, mine.recv())
    finally:
        process.terminate()
        process.join()


class _Scene:
    """One fault and what has happened to it."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        self.attempts: list[tuple[str, str]] = []

    def act(self, channel: str) -> Act:
        """How to answer the newest attempt."""
        fault = self.fault
        if fault is None:
            return sound
        if fault.id == "503_once":
            return overloaded if len(self.attempts) == 1 else sound
        is_faulty = not fault.healthy and (channel == BAD or fault.everywhere)
        return fault.act if is_faulty else sound


def _serve(pipe: Connection, names: list[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_main(pipe, [fault for fault in FAULTS if fault.id in names]))


async def _main(pipe: Connection, faults: list[Fault]) -> None:
    scenes = {fault.id: _Scene(fault) for fault in faults} | {WARM: _Scene(None)}
    ports: Ports = {}
    servers = []
    for name, scene in scenes.items():
        for channel in (BAD, GOOD):
            server = await asyncio.start_server(partial(_connection, scene, channel), "127.0.0.1", 0)
            ports[name, channel] = server.sockets[0].getsockname()[1]
            servers.append(server)
    pipe.send(ports)

    def take() -> None:
        scene = scenes[pipe.recv()]
        pipe.send(scene.attempts)
        scene.attempts = []

    asyncio.get_running_loop().add_reader(pipe.fileno(), take)
    await asyncio.Event().wait()


async def _connection(
    scene: _Scene, channel: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while (head := await _head(reader)) is not None:
            exchange = Exchange(writer)
            if not head.startswith("POST "):
                await exchange.plain(
                    200, {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}]}
                )
                continue
            request = json.loads(await reader.readexactly(_length(head)))
            scene.attempts.append((channel, question(request)))
            await scene.act(channel)(exchange, request)
            if exchange.is_over:
                return
    except (OSError, asyncio.IncompleteReadError):
        pass  # the gateway has left
    finally:
        writer.close()


async def _head(reader: asyncio.StreamReader) -> str | None:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None


def _length(head: str) -> int:
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            return int(line.partition(":")[2])
    raise OSError("a request without content-length")
