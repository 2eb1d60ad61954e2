"""Calls to a server that must answer in time: what they are, how long is waited for them, and what their errors say."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from foreroute.core.errors import StoreUnavailable

_PASSES: Final = 8
"""So many turns of the event loop an answer may still take when its time is over: it may be here, and not read yet."""

Command = Sequence[str]
Reply = list[str]


class Wire(Protocol):
    """An open connection. `send` answers each command by its reply, or by the error that the server said."""

    async def send(self, commands: Sequence[Command]) -> list[Any]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    timeout_s: float = 0.05
    connect_timeout_s: float = 2.0
    beat_s: float = 2.0
    """How often it says that it is there."""
    backoff_s: float = 0.05
    backoff_s_max: float = 2.0
    steady_s: float = 5.0
    """After so long without a fall the next one is met with a short wait again."""
    posted_max: int = 10_000
    """So many posted calls are kept while it is down; of older ones the ledger alone knows."""


@dataclass(slots=True, eq=False)
class Call:
    """`command` is made when it is sent. `answered` hears the reply of one that was posted."""

    command: Callable[[], Command]
    future: "asyncio.Future[Reply] | None" = None
    answered: Callable[[Reply], None] | None = None
    is_sent: bool = False
    tries: int = 0


@dataclass(slots=True)
class LinkState:
    is_up: bool = False
    since_at: float = 0.0
    problem: str = "no connection was made yet"
    falls: int = 0
    dropped: int = 0
    """Posted calls that were given up."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is up."""


async def within(future: "asyncio.Future[Any]", seconds: float) -> bool:
    """Whether it is done in time. An event loop that was busy itself reads what has come before it gives up."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[bool] = loop.create_future()

    def late(passes: int) -> None:
        if over.done():
            return
        if passes:
            loop.call_soon(late, passes - 1)
        else:
            over.set_result(False)

    def done(_: object) -> None:
        if not over.done():
            over.set_result(True)

    future.add_done_callback(done)
    timer = loop.call_later(seconds, late, _PASSES)
    try:
        return await over
    finally:
        timer.cancel()
        future.remove_done_callback(done)


_DOWN: Final = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "OUTOFMEMORY",
    "READONLY",
    "UNBLOCKED",
)


def is_down(reply: Exception) -> bool:
    """Whether it is the server's state, and not the call, that is to blame."""
    text = f"{type(reply).__name__} {reply}".upper()
    return any(code in text for code in _DOWN)


def fail(call: Call, problem: str) -> None:
    if call.future is not None and not call.future.done():
        call.future.set_exception(StoreUnavailable(problem))
