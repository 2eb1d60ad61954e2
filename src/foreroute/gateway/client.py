"""The client's side of a request: its body, and whether it still listens."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from foreroute.gateway.delivery import Delivery, Receive
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, limit: int
) -> bytes | ErrorAnswer | None:
    """The request's body; an error if it is too large or compressed; None if the client left."""
    packed = headers.get(b"content-encoding", b"identity")
    if packed.strip().lower() not in (b"", b"identity"):
        return errors.compressed(packed.decode("latin-1"))
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        return errors.too_large(limit)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body = message.get("body", b"")
        size += len(body)
        if size > limit:
            return errors.too_large(limit)
        parts.append(body)
        if not message.get("more_body", False):
            return body if len(parts) == 1 else b"".join(parts)


OnDisconnect = Callable[[Callable[[], None]], None]
"""Names a function to be called when the client is gone before its response has ended."""


async def while_client_listens(
    serving: Coroutine[Any, Any, None],
    receive: Receive,
    delivery: Delivery,
    on_disconnect: OnDisconnect | None = None,
) -> None:
    """Run `serving` here, and cancel it when the client leaves before its answer has ended.

    Our own server calls when that happens; with any other one, a task has to wait for it.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - an ASGI application runs in a task
    left = False

    def leave() -> None:
        nonlocal left
        if not delivery.ended:
            left = True
            task.cancel()

    watcher = None
    if on_disconnect is None:
        watcher = asyncio.create_task(_until_gone(receive, leave))
    else:
        on_disconnect(leave)
    try:
        await serving
    except asyncio.CancelledError:
        if not left or task.uncancel() > 0:
            raise
    finally:
        if watcher is not None:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher


async def _until_gone(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()
