"""One channel's server on loopback: a port that stays the same while everything behind it goes wrong."""

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any, Final

from foreroute.chaos.acts import Act, sound
from foreroute.chaos.door import BlackHole, Certificate, Certificates, Door, say_nothing, say_plain
from foreroute.chaos.exchange import Exchange

_PROBE: Final = "ping"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the channel got. `at`: seconds of the event loop."""

    at: float
    text: str


class Station:
    """Sound and open at first. `certificates`: it speaks TLS."""

    def __init__(self, name: str, certificates: Certificates | None = None) -> None:
        self.name = name
        self.act: Act = sound
        self.calls: list[Call] = []
        self.port = _free_port()
        self._certificates = certificates
        self._server: asyncio.Server | None = None
        self._hole: BlackHole | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def become(
        self, door: Door = Door.OPEN, certificate: Certificate = Certificate.GOOD, *, act: Act = sound
    ) -> None:
        """From now on. Connections that stand are cut, as by a restart."""
        await self.close()
        self.act = act
        if door is Door.CLOSED:
            return
        if door is Door.BLACK_HOLE:
            self._hole = BlackHole(self.port)
            return
        handler = {Door.MUTE: say_nothing, Door.PLAIN: say_plain}.get(door, self._serve)
        speaks_tls = door is Door.OPEN and self._certificates is not None
        context = self._certificates.server(certificate) if speaks_tls and self._certificates else None
        self._server = await asyncio.start_server(handler, "127.0.0.1", self.port, ssl=context, backlog=1024)

    def become_sound(self) -> None:
        """From the next request on; connections stay."""
        self.act = sound

    def has_served_since(self, at: float) -> bool:
        """Whether a user's request has come since then; the gateway's own probes only say `ping`."""
        return any(call.at >= at and call.text != _PROBE for call in reversed(self.calls))

    async def close(self) -> None:
        if self._hole is not None:
            self._hole.close()
            self._hole = None
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await read_request(reader)) is not None:
                exchange = Exchange(writer)
                self.calls.append(Call(asyncio.get_running_loop().time(), question(request)))
                await self._answer(exchange, request, reader)
                if exchange.is_over:
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass  # the gateway has left
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, exchange: Exchange, request: dict[str, Any], reader: asyncio.StreamReader
    ) -> None:
        """Until the answer is given, or whoever asked has left."""
        acting = asyncio.ensure_future(self.act(exchange, request))
        leaving = asyncio.ensure_future(_until_gone(reader))
        try:
            await asyncio.wait({acting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not acting.done():
                exchange.cut()
        finally:
            acting.cancel()
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await acting


async def _until_gone(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 - a stream tells nobody of its end
        await asyncio.sleep(0.5)


async def read_request(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The body of the next request; None when no more comes."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            read: dict[str, Any] = json.loads(await reader.readexactly(int(line.partition(":")[2])))
            return read
    raise OSError("a request without content-length")


def question(request: dict[str, Any]) -> str:
    return next((str(one["content"]) for one in request["messages"] if one.get("role") == "user"), "")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
