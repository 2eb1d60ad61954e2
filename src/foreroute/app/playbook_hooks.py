# ruff: noqa: PLC0415 - the HTTP client is loaded when a hook is called
"""What playbooks may call outside Foreroute: addresses and programs that the settings name, with arguments fixed there."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import orjson

from foreroute import __version__
from foreroute.core.playbook_ports import Answer, Order
from foreroute.settings.finding import HookSettings

_HOUR_S: Final = 3600.0
_SAID_MAX: Final = 200
_PIECE_BYTES: Final = 65536
_KEPT_BYTES: Final = 4096
_INHERITED: Final = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TZ")


class Hooks:
    """By name. A hook that is not in the settings does not exist."""

    def __init__(self, hooks: Sequence[HookSettings]) -> None:
        self._hooks = {hook.name: hook for hook in hooks}
        self._called: dict[str, deque[float]] = {}

    def may_repeat(self, name: str) -> bool:
        return name in self._hooks and self._hooks[name].repeatable

    async def do(self, order: Order) -> Answer:
        hook = self._hooks.get(str(order.wanted["name"]))
        if hook is None:
            return Answer(ok=False, said="no such hook is allowed in heal.hooks")
        called = self._called.setdefault(hook.name, deque())
        while called and called[0] <= order.at - _HOUR_S:
            called.popleft()
        if len(called) >= hook.per_hour_max:
            return Answer(ok=False, said=f"it was called {hook.per_hour_max} times within the hour already")
        called.append(order.at)
        url = None if hook.webhook_url is None else hook.webhook_url.get_secret_value()
        return await _call(url, hook.command, order, undo=False)

    async def undo(self, order: Order) -> Answer:
        hook = self._hooks.get(str(order.wanted["name"]))
        if hook is None:
            return Answer(ok=False, said="no such hook is allowed in heal.hooks any more")
        url = None if hook.undo_webhook_url is None else hook.undo_webhook_url.get_secret_value()
        if url is None and not hook.undo_command:
            return Answer(ok=True, said="it has no undo: what it did stays")
        return await _call(url, hook.undo_command, order, undo=True)


async def _call(url: str | None, command: Sequence[str], order: Order, *, undo: bool) -> Answer:
    if url is not None:
        return await _post(url, order, undo=undo)
    return await _run(command, order, undo=undo)


async def _post(url: str, order: Order, *, undo: bool) -> Answer:
    """Redirects are not followed, proxies of the environment not used; the address stands in no answer."""
    import aiohttp

    headers = {
        "content-type": "application/json",
        "user-agent": f"foreroute/{__version__}",
        "idempotency-key": order.key,
    }
    body = orjson.dumps(told(order, undo=undo))
    timeout = aiohttp.ClientTimeout(total=order.timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        # The library's own words may hold the address, and the address may hold a secret.
        return Answer(ok=False, said=f"the hook cannot be reached ({type(error).__name__})")
    return Answer(ok=200 <= status < 300, said=f"it answers {status}")


async def _run(command: Sequence[str], order: Order, *, undo: bool) -> Answer:
    """Without a shell, in a process group of its own, which ends with the step; of its words the last are kept."""
    with _Complaint() as complaint:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=complaint.end,
                env=environment(order, os.environ, undo=undo),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return Answer(ok=False, said=f"{command[0]} cannot be started: {reason}")
        try:
            await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # children that it has left behind, too
            await process.wait()
        complaint.read()
    words = complaint.text.decode(errors="replace").strip()[-_SAID_MAX:]
    ended = f"it ended with {process.returncode}"
    return Answer(ok=process.returncode == 0, said=f"{ended}: {words}" if words else ended)


class _Complaint:
    """The end of what a program writes to stderr. A pipe of our own: asyncio's would wait for every child that holds it."""

    def __init__(self) -> None:
        self._reading, self.end = os.pipe()
        os.set_blocking(self._reading, False)
        self.text = b""

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._reading, self._piece)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        os.close(self.end)

    def read(self) -> None:
        """What is still there, once nobody writes any more."""
        while self._piece():
            pass

    def _piece(self) -> bool:
        try:
            piece = os.read(self._reading, _PIECE_BYTES)
        except BlockingIOError:
            return False
        self.text = (self.text + piece)[-_KEPT_BYTES:]
        return bool(piece)


def told(order: Order, *, undo: bool) -> dict[str, Any]:
    """The body of a call."""
    return {
        "key": order.key,
        "undo": undo,
        "run": order.run,
        "playbook": order.playbook,
        "step": order.step,
        "scope": order.scope,
        "channels": list(order.channels),
        "at": order.at,
    }


def environment(order: Order, own: Mapping[str, str], *, undo: bool) -> dict[str, str]:
    """No secret of this process goes along."""
    return {name: own[name] for name in _INHERITED if name in own} | {
        "FOREROUTE_KEY": order.key,
        "FOREROUTE_UNDO": "1" if undo else "0",
        "FOREROUTE_RUN": order.run,
        "FOREROUTE_PLAYBOOK": order.playbook,
        "FOREROUTE_STEP": order.step,
        "FOREROUTE_SCOPE": order.scope,
        "FOREROUTE_CHANNELS": ",".join(order.channels),
    }
