"""A configuration that changes while users are served: none of them notices, and a wrong one changes nothing."""

import asyncio
import signal
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import HELLO, Place, Serve, client_of

TWO_ROUTES: Any = [{"model": name, "targets": [{"channel": "only"}]} for name in ("chat", "more")]


async def metric(server: Serve, name: str) -> float:
    async with httpx2.AsyncClient(trust_env=False) as http:
        text = (await http.get(server.url.removesuffix("/v1") + "/metrics")).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.mark.parametrize("by", ["file", "signal"])
async def test_a_new_route_serves_and_no_request_fails_meanwhile(place: Place, by: str) -> None:
    async with place.serve() as server:
        await server.until_ready()
        async with client_of(server) as client:
            done = asyncio.Event()

            async def ask() -> int:
                answered = 0
                while not done.is_set():
                    await client.chat.completions.create(model="chat", messages=HELLO)
                    answered += 1
                return answered

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            place.configure(routes=TWO_ROUTES)
            if by == "signal":
                server.kill(signal.SIGHUP)
            await server.until_it_says("config_applied")
            assert [model.id async for model in client.models.list()] == ["chat", "more"]
            await client.chat.completions.create(model="more", messages=HELLO)
            done.set()
            answered = sum(await asyncio.gather(*asking))
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    rows, rolled = place.stored()
    assert len(rows) == rolled == answered + 1


async def test_a_wrong_file_is_refused_and_the_last_good_one_serves(place: Place) -> None:
    async with place.serve() as server:
        await server.until_ready()
        place.configure(routes=[{"model": "chat", "targets": [{"channel": "nobody"}]}])
        assert "there is no channel 'nobody'" in await server.until_it_says("config_refused")
        async with client_of(server) as client:
            await client.chat.completions.create(model="chat", messages=HELLO)
        assert await metric(server, "foreroute_config_last_reload_successful") == 0.0
        place.configure(routes=TWO_ROUTES)
        await server.until_it_says("config_applied")
        assert await metric(server, "foreroute_config_last_reload_successful") == 1.0


async def test_what_only_a_restart_can_change_is_said(place: Place) -> None:
    async with place.serve() as server:
        await server.until_ready()
        place.configure(routes=TWO_ROUTES, store={"kind": "memory"})
        assert '"store"' in (await server.until_it_says("config_applied")).replace("'", '"')


async def test_the_api_says_what_it_found_and_applies_it(place: Place) -> None:
    place.configure(dashboard={"port": 0})
    async with place.serve() as server:
        await server.until_ready()
        dashboard = (await server.until_it_says("dashboard")).split()[-1]
        async with httpx2.AsyncClient(base_url=dashboard, trust_env=False) as http:
            place.configure(dashboard={"port": 0}, routes=[])
            refused = await http.post("/api/reload", json={})
            assert refused.status_code == 422
            assert "routes" in refused.json()["error"]["message"]
            place.configure(dashboard={"port": 0}, routes=TWO_ROUTES)
            accepted = await http.post("/api/reload", json={})
            assert accepted.status_code == 202, accepted.text
            await server.until_it_says("config_applied")
        async with client_of(server) as client:
            await client.chat.completions.create(model="more", messages=HELLO)
