"""Requests that have to stay somewhere, while channels break, hang, refuse and slow down: none of them ever leaves.

RESIDENCY_REQUESTS sets how many are sent.
"""

import os
import secrets
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from foreroute.core.ids import RegionId
from foreroute.core.keys import KeyBook, Team, TeamId
from foreroute.gateway.keyring import new_key
from foreroute.testing.fake_provider import Fault, ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

BATCH = 500
REQUESTS = int(os.environ.get("RESIDENCY_REQUESTS", "1500"))
REGIONS = {f"{region}-{number}": region for region in ("eu", "us", "ap") for number in (1, 2)}
RESIDENCY = {"gdpr": ["eu"], "west": ["eu", "us"]}
ROUTES: dict[str, dict[str, Any]] = {
    "anywhere": {"fallbacks": ["european"], "hedge_after": "400ms", "attempts_max": 4},
    "european": {"regions": ["eu"], "fallbacks": ["anywhere"], "attempts_max": 4},
    "pacific": {"regions": ["ap", "us"], "fallbacks": ["european", "anywhere"], "sticky": True},
}


class Troubled:
    """Well for a while, then broken in one way or another; each channel on its own, whole regions now and then."""

    def __init__(self, region: str, seed: int) -> None:
        self._region = region
        self._seed = seed

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        spell = int(request.received_at // 5)
        if Random(f"{self._region}/{spell}").random() < 0.08:
            return ProviderAnswer(status=503, time_to_first_chunk_s=0.05)
        mood = Random(f"{self._seed}/{spell}").random()
        if mood < 0.1:
            return ProviderAnswer(status=429 if mood < 0.05 else 500, retry_after_s=1.0)
        if mood < 0.15:
            return ProviderAnswer(fault=Fault.CUT, fault_after_chunks=0)
        return ProviderAnswer(time_to_first_chunk_s=2.0 if mood < 0.3 else 0.1)


def callers(at: float) -> tuple[KeyBook, dict[str, frozenset[str] | None]]:
    """A key for every mixture of own regions, team and tag, and where it may be served (None: anywhere)."""
    teams = (
        Team(
            id=TeamId("bound"),
            name="bound",
            created_at=at,
            regions=frozenset({RegionId("eu"), RegionId("ap")}),
        ),
        Team(id=TeamId("free"), name="free", created_at=at),
    )
    keys, plain = [], {}
    for own in ((), ("eu",), ("us",), ("us", "ap")):
        for team in (None, *teams):
            for tags in ((), ("gdpr",), ("west", "other")):
                secret, key = new_key(secrets.token_bytes, name="key", at=at)
                keys.append(
                    replace(
                        key, regions=frozenset(map(RegionId, own)), team=team.id if team else None, tags=tags
                    )
                )
                says = [set(one) for one in (own, team.regions if team else ()) if one]
                says += [set(RESIDENCY[tag]) for tag in tags if tag in RESIDENCY]
                plain[secret] = frozenset(set.intersection(*says)) if says else None
    return KeyBook(keys=tuple(keys), teams=teams), plain


@pytest.mark.slow
def test_no_request_ever_leaves_where_it_has_to_stay(open_house: Any, at_pace: Any) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        behaviours = {name: Troubled(region, number) for number, (name, region) in enumerate(REGIONS.items())}
        routes = [
            {
                "model": name,
                "targets": [{"channel": one, "priority": n % 2} for n, one in enumerate(REGIONS)],
                **more,
            }
            for name, more in ROUTES.items()
        ]
        sections = {"routes": routes, "residency": RESIDENCY, "loop": {"fit_workers": 0}}
        async with open_house(loop, behaviours, sections, REGIONS) as house:
            book, plain = callers(house.now())
            house.data.take_keys(book, {}, house.now())
            may: dict[str, frozenset[str] | None] = {}
            ends: Counter[int] = Counter()
            rng = Random(7)

            async def ask(number: int) -> None:
                secret, route = rng.choice(list(plain)), rng.choice(list(ROUTES))
                own, here = plain[secret], frozenset(ROUTES[route].get("regions", ()))
                allowed = own if not here else here if own is None else own & here
                body = {
                    "model": route,
                    "messages": [{"role": "user", "content": f"prompt {number % 20}"}],
                    "stream": rng.random() < 0.5,
                }
                headers = {"authorization": f"Bearer {secret}"}
                async with house.http.post("v1/chat/completions", json=body, headers=headers) as answer:
                    may[answer.headers["x-request-id"]] = allowed
                    text = await answer.read()
                    ends[answer.status] += 1
                    if answer.status == 403:
                        assert b'"residency"' in text
                        assert allowed == frozenset(), f"{route} may be served in {allowed}, and was refused"

            seen: Counter[str] = Counter()
            for start in range(0, REQUESTS, BATCH):
                await at_pace(ask, min(BATCH, REQUESTS - start), 0.05)
                for attempt in house.data.intake.drain():
                    if attempt.request_id.startswith("probe_"):
                        continue  # the gateway's own: nobody's words are in them
                    allowed = may[attempt.request_id]
                    seen["attempts"] += 1
                    seen["hedges"] += attempt.hedge
                    seen["failed"] += attempt.failure_class is not None
                    assert allowed is None or REGIONS[attempt.channel] in allowed
                may.clear()
            assert sum(ends.values()) == REQUESTS
            assert seen["failed"] > REQUESTS / 20, "there was trouble"
            assert seen["hedges"], "and some were asked twice"
            assert ends[200] > REQUESTS / 3
            assert ends[403], "some may be served nowhere"

    run_virtual(main)
