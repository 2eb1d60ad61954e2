"""A prompt, an answer and keys that must be found nowhere: not in logs at their loudest, metrics, the database, journals,
traces, error messages or the API. And a key that is taken back opens nothing a second later.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from tests.security.conftest import OpenFront, chat, document, request

from foreroute.core.ports import AttemptSink
from foreroute.gateway.crash import places_of
from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import FakeProvider, ProviderAnswer, ProviderRequest

PROMPT = "Zanzibar marmalade forty-two Xq7canary Żółw"
ANSWER = ("Quetzal", " umbrella", " answer9canary")
STATIC, ADMIN, UPSTREAM, AUDIT = (
    "fr-static-canary-1",
    "fr-admin-canary-2",
    "up-canary-key-3",
    "audit-canary-4",
)
PATHS = [
    "status", "sparks", "forecasts", "decisions?limit=500", "spend", "keys", "incidents", "alerts", "anomalies",
    "budgets", "cost", "playbooks", "rollout", "tuning", "experiments", "mutes", "channels/a", "cost/record",
]  # fmt: skip


class Chatty:
    """A provider that repeats the prompt and its own key in whatever goes wrong."""

    def __init__(self) -> None:
        self.number = 0

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        self.number += 1
        text = str(request.body)
        said = f"I cannot read '{PROMPT}' of {text[:300]} sent with Bearer {UPSTREAM} and api_key={UPSTREAM}"
        match self.number % 4:
            case 0:
                return ProviderAnswer(status=400, error_message=said)
            case 1:
                return ProviderAnswer(chunks=ANSWER)
            case 2:
                return ProviderAnswer(status=500, error_message=said)
            case _:
                return ProviderAnswer(status=401, error_message=said)


class Collector:
    """Takes what OpenTelemetry exports."""

    def __init__(self) -> None:
        self.got = b""

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        while True:
            message = await receive()
            self.got += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Running:
    """`foreroute serve` as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = b""
        self.gateway = self.dashboard = ""

    async def until_ready(self) -> None:
        assert self.process.stderr is not None
        async with asyncio.timeout(60.0):
            while not (self.gateway and self.dashboard):
                line = await self.process.stderr.readline()
                assert line, self.said.decode()
                self.said += line
                if found := re.search(rb"OpenAI base URL +(\S+)/v1", line):
                    self.gateway = found[1].decode()
                if found := re.search(rb"dashboard +(\S+)", line):
                    self.dashboard = found[1].decode()

    async def end(self) -> None:
        self.process.terminate()
        assert self.process.stderr is not None
        async with asyncio.timeout(60.0):
            self.said += await self.process.stderr.read()
            await self.process.wait()


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[Running]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FOREROUTE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", "foreroute", "serve", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
        cwd=config.parent,
        env=own | {"STATIC": STATIC, "ADMIN": ADMIN, "UPSTREAM": UPSTREAM, "AUDIT": AUDIT},
    )
    running = Running(process)
    try:
        await running.until_ready()
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def written(config: Path, url: str, collector: str) -> None:
    sections = {
        "gateway": {"api_keys": ["${STATIC}"], "passthrough": ["files", "audio"]},
        "dashboard": {"port": 0, "admin_key": "${ADMIN}"},
        "store": {"path": str(config.parent / "house.db"), "audit_key": "${AUDIT}"},
        "channels": [
            {
                "id": name,
                "provider": "p",
                "region": "here",
                "model": "m",
                "base_url": url,
                "api_key": "${UPSTREAM}",
            }
            for name in ("a", "b")
        ],
        "routes": [{"model": "chat", "targets": [{"channel": "a"}, {"channel": "b"}]}],
        "loop": {"tick": "10s", "collect": "1s", "fit_workers": 0},
        "log": {"level": "debug", "format": "json"},
        "otel": {"enabled": True, "endpoint": collector, "traces": True, "interval": "1s"},
    }
    config.write_bytes(document(url, config.parent / "house.db", sections))


@pytest.mark.slow
async def test_no_prompt_answer_or_key_is_found_anywhere(tmp_path: Path) -> None:
    collector, provider = Collector(), FakeProvider(Chatty())
    config = tmp_path / "foreroute.yaml"
    async with await serve_asgi(provider) as upstream, await serve_asgi(collector) as otel:
        written(config, f"{upstream.url}/v1", otel.url)
        async with serving(config) as running, aiohttp.ClientSession() as http:
            seen = await use(running, http)
            limits = await asyncio.to_thread(Path(f"/proc/{running.process.pid}/limits").read_text)
            await running.end()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert provider.requests_total > 10
    everywhere = {"log": running.said, "traces": collector.got, **seen}
    everywhere |= files_in(tmp_path, but=config)
    assert collector.got
    assert any("house.db" in name for name in everywhere)
    for place, content in everywhere.items():
        for secret in secrets_of(seen["key"].decode()):
            assert secret not in content or place == "key", (
                f"{secret!r} in {place}: {around(content, secret)!r}"
            )


def files_in(folder: Path, but: Path) -> dict[str, bytes]:
    found = [one for one in sorted(folder.rglob("*")) if one.is_file() and one != but]
    return {f"file {one.relative_to(folder)}": one.read_bytes() for one in found}


def secrets_of(key: str) -> list[bytes]:
    escaped = orjson.dumps(PROMPT.rsplit(maxsplit=1)[-1])[1:-1]
    texts = [*PROMPT.split()[:2], "Xq7canary", "answer9canary", STATIC, ADMIN, UPSTREAM, AUDIT, key]
    return [*(text.encode() for text in texts), escaped, key.rpartition("-")[2].encode()]


def around(content: bytes, secret: bytes) -> bytes:
    at = content.find(secret)
    return content[max(0, at - 100) : at + 100]


async def use(running: Running, http: aiohttp.ClientSession) -> dict[str, bytes]:
    """What the API and the metrics say after traffic of every kind."""
    admin, caller = {"authorization": f"Bearer {ADMIN}"}, {"authorization": f"Bearer {STATIC}"}
    async with http.post(f"{running.dashboard}/api/keys", json={"name": "virtual"}, headers=admin) as made:
        key = (await made.json())["key"]
    body = orjson.loads(chat(PROMPT))
    for number in range(12):
        headers = {"authorization": f"Bearer {key}"} if number % 2 else caller
        path = "/v1/chat/completions" if number % 3 else "/v1/responses"
        sent = body if number % 3 else {"model": "chat", "input": PROMPT}
        async with http.post(
            running.gateway + path, json=sent | {"stream": number % 4 == 1}, headers=headers
        ) as got:
            await got.read()
    for wrong in (
        b"{" + PROMPT.encode(),
        orjson.dumps({"model": PROMPT, "messages": []}),
        b"\xff" + PROMPT.encode(),
    ):
        async with http.post(f"{running.gateway}/v1/chat/completions", data=wrong, headers=caller) as got:
            assert got.status >= 400
    async with http.get(f"{running.gateway}/v1/models", headers={"x-api-key": f"{STATIC}x"}) as got:
        assert got.status == 401
    async with http.post(f"{running.dashboard}/api/kill-switch", json={"on": True}, headers=admin) as got:
        assert got.status == 200
    await asyncio.sleep(3.0)  # the loop collects each second, and traces go out as often
    seen = {"key": key.encode()}
    async with http.get(f"{running.gateway}/metrics") as got:
        seen["metrics"] = await got.read()
    for path in PATHS:
        async with http.get(f"{running.dashboard}/api/{path}", headers=admin) as got:
            seen[f"api {path}"] = await got.read()
    assert sum(b'"error"' not in content[:10] for content in seen.values()) > 10
    return seen


@pytest.mark.slow
async def test_a_key_that_is_taken_back_opens_nothing_a_second_later(tmp_path: Path) -> None:
    collector, provider = Collector(), FakeProvider(Chatty())
    config = tmp_path / "foreroute.yaml"
    admin = {"authorization": f"Bearer {ADMIN}"}
    async with await serve_asgi(provider) as upstream, await serve_asgi(collector) as otel:
        written(config, f"{upstream.url}/v1", otel.url)
        async with serving(config) as running, aiohttp.ClientSession() as http:

            async def opens(key: str) -> bool:
                headers = {"authorization": f"Bearer {key}"}
                async with http.get(f"{running.gateway}/v1/models", headers=headers) as got:
                    return got.status == 200

            async def until(key: str, *, open_: bool) -> float:
                began = time.monotonic()
                while await opens(key) is not open_:
                    assert time.monotonic() - began < 1.0
                    await asyncio.sleep(0.01)
                return time.monotonic() - began

            keys = f"{running.dashboard}/api/keys"
            for take_back in ("delete", "disable", "rotate"):
                async with http.post(keys, json={"name": take_back}, headers=admin) as made:
                    answer = await made.json()
                key, name = answer["key"], answer["id"]
                await until(key, open_=True)
                match take_back:
                    case "delete":
                        asking = http.delete(f"{keys}/{name}", json={}, headers=admin)
                    case "disable":
                        asking = http.patch(f"{keys}/{name}", json={"disabled": True}, headers=admin)
                    case _:
                        asking = http.post(f"{keys}/{name}/rotate", json={}, headers=admin)
                async with asking as done:
                    assert done.status == 200, await done.text()
                await until(key, open_=False)
            await running.end()


class Broken(AttemptSink):
    def record(self, attempt: object) -> None:
        raise ValueError(f"cannot take {PROMPT}")


async def test_a_crash_is_logged_by_its_place_and_not_by_its_words(
    open_front: OpenFront, caplog: pytest.LogCaptureFixture
) -> None:
    front = await open_front()
    front.data.gateway._works.sink = Broken()
    await front.say(request(chat(PROMPT)))
    assert "request_crashed" in caplog.text
    for record in caplog.records:
        assert "Zanzibar" not in str(vars(record))
        assert record.exc_info is None or record.name != "foreroute.gateway"


def fail(secret: str) -> None:
    try:
        int(secret)
    except ValueError as error:
        raise KeyError(secret) from error


def test_a_place_tells_no_value() -> None:
    secret = "Zanzibar"
    with pytest.raises(KeyError) as failed:
        fail(secret)
    told = places_of(failed.value)
    assert told.startswith("KeyError at test_canary.py:")
    assert "; from ValueError at test_canary.py:" in told
    assert secret not in told
