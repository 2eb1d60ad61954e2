"""Whether and how a channel's port answers, before any request is read."""

import asyncio
import contextlib
import select
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_FILLERS: Final = 8
_PATIENCE_S: Final = 0.02


class Door(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """Nobody listens: the system refuses."""
    BLACK_HOLE = "black_hole"
    """The queue of connections is full, so that what comes is dropped."""
    MUTE = "mute"
    """Connections are taken, and nothing is ever said."""
    PLAIN = "plain"
    """Plain HTTP where TLS is expected."""


class Certificate(StrEnum):
    GOOD = "good"
    EXPIRED = "expired"
    WRONG_HOST = "wrong_host"
    UNKNOWN_CA = "unknown_ca"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Those of one host, and what a client needs to trust the good one."""

    folder: Path

    def server(self, which: Certificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{which}.pem", self.folder / f"{which}.key")
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))


class BlackHole:
    """A listening socket whose queue is full: the handshakes of whoever comes are dropped by the system."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(0)
        self._fillers: list[socket.socket] = []
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self._fillers.append(filler)
            if not select.select([], [filler], [], _PATIENCE_S)[1]:
                return  # this one hangs, as will all after it

    def close(self) -> None:
        for one in (*self._fillers, self._socket):
            one.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(65536):
            pass
    writer.close()


async def say_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(65536)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
    writer.close()
