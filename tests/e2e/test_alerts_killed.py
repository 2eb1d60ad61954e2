"""A real service, a dead channel, a real webhook receiver, and `kill -9` in between: nothing is told twice."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import END_S, Place, Serve

from foreroute.serving import serve_asgi

PROMPT = "a prompt that nobody may tell"
TICKS_AFTER = 6


@dataclass
class Hook:
    got: list[Any] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        self.got.append(json.loads(raw))
        self.came.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def about(self, source: str) -> list[Any]:
        """Each telling of an alert of this source as firing for the first time."""
        return [
            one
            for message in self.got
            if message["notificationReason"] != "reminder"
            for one in message["alerts"]
            if one["labels"]["source"] == source and one["status"] == "firing"
        ]


def configure(place: Place, url: str) -> None:
    secret = place.config.parent / "hook-url"
    secret.write_text(url)
    channel = {"provider": "openai", "region": "us", "model": "m"}
    place.configure(
        loop={"tick": "1s", "observe": "5s", "fit_workers": 0},
        channels=[{"id": "dead", "base_url": "http://127.0.0.1:1/v1", **channel}],
        routes=[{"model": "chat", "targets": [{"channel": "dead"}]}],
        alerts={
            "receivers": [{"name": "hook", "webhook_url_file": secret.name}],
            "routes": [
                {"receivers": ["hook"], "group_wait": "1s", "group_interval": "1s", "group_by": ["channel"]}
            ],
        },
    )


@asynccontextmanager
async def users(server: Serve) -> AsyncIterator[None]:
    """Ask on and on; every request fails."""

    async def ask() -> None:
        body = {"model": "chat", "messages": [{"role": "user", "content": PROMPT}]}
        async with httpx2.AsyncClient(trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    await http.post(f"{server.url}/chat/completions", json=body)
                await asyncio.sleep(0.05)

    task = asyncio.create_task(ask())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(hook: Hook, source: str) -> None:
    async with asyncio.timeout(END_S):
        while not hook.about(source):
            hook.came.clear()
            await hook.came.wait()


@pytest.mark.slow
async def test_a_service_that_is_killed_tells_an_incident_once(place: Place) -> None:
    hook = Hook()
    async with await serve_asgi(hook) as receiver:
        configure(place, f"{receiver.url}/s3cr3t")
        async with place.serve() as server:
            await server.until_ready()
            async with users(server):
                await until(hook, "incident")
                server.kill(signal.SIGKILL)
                await server.end()
        async with place.serve() as server:
            await server.until_ready()
            async with users(server):
                await asyncio.sleep(TICKS_AFTER)
            server.kill(signal.SIGTERM)
            await server.end()
            assert "s3cr3t" not in server.said
    incidents = {one["fingerprint"] for one in hook.about("incident")}
    assert len(incidents) == 1
    starts = [one["startsAt"] for one in hook.about("incident")]
    assert len(set(starts)) == 1, "the same alert goes on after the restart"
    told = [message["notificationId"] for message in hook.got if message["notificationReason"] == "firing"]
    about = [m for m in hook.got if any(a["labels"]["source"] == "incident" for a in m["alerts"])]
    assert len({m["notificationId"] for m in about if m["notificationReason"] == "firing"}) == 1
    assert len(told) - len(set(told)) <= 1
    assert PROMPT not in json.dumps(hook.got)
