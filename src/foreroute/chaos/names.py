"""Name lookup for hosts that only the chaos suite knows, and its troubles."""

import asyncio
import socket
from enum import StrEnum
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

HOST: Final = "channel.test"
_FOREVER_S: Final = 86_400.0


class NameTrouble(StrEnum):
    NONE = "none"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    SILENT = "silent"

    @property
    def is_there(self) -> bool:
        return self is not NameTrouble.NONE


class LoopbackNames(AbstractResolver):
    """`HOST` is this machine. Fails as the system's `getaddrinfo` does."""

    def __init__(self) -> None:
        self.trouble = NameTrouble.NONE
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        match self.trouble:
            case NameTrouble.NXDOMAIN:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case NameTrouble.SERVFAIL:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            case NameTrouble.SILENT:
                await asyncio.sleep(_FOREVER_S)
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None: ...
