"""Wishes of a request, and the routes that stand in for its own."""

from typing import Any

import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.testing.fake_provider import Fault

ROUTES = {"gpt": "ab", "small": "c", "third": "d"}
POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=9, outlier_ratio_min=1.0),
)


async def a_house(house: Any, **fields: Any) -> Any:
    return await house("abcd", routes=ROUTES, policy=POLICY, **fields)


def by_route(home: Any) -> list[tuple[str, str, int]]:
    return [(attempt.route, attempt.channel, attempt.number) for attempt in home.attempts]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked", [True, False], ids=["models", "configured"])
async def test_another_route_stands_in_and_is_recorded_under_its_own_name(house, asked, stream):
    home = await a_house(house, fallbacks={} if asked else {"gpt": ("small", "third")})
    home.set("a", status=500)
    home.set("b", status=503)
    wish = {"models": ["small", "third"]} if asked else {}
    response = await home.post(stream=stream, **wish)
    assert response.status_code == 200
    assert b"I am c" in response.content
    assert by_route(home)[:2] == [("gpt", "a", 1), ("gpt", "b", 2)]
    assert by_route(home)[-1][:2] == ("small", "c")
    assert response.headers["x-foreroute-channel"] == "c"
    assert response.headers["x-foreroute-attempts"] == str(len(home.attempts))
    assert [a.number for a in home.attempts] == list(range(1, len(home.attempts) + 1))
    assert len({a.request_id for a in home.attempts}) == 1
    assert "models" not in home.providers["c"].received[0].body
    assert home.providers["c"].received[0].model == "model-of-c"
    assert home.asked("d") == 0


async def test_every_route_is_tried_once_and_in_order(house):
    home = await a_house(house, attempts_max=1, fallbacks={"gpt": ("small",), "small": ("gpt",)})
    for name in "abcd":
        home.set(name, status=500)
    response = await home.post(models=["third", "small", "gpt", "unknown"])
    assert response.status_code == 503
    assert by_route(home) == [("gpt", "a", 1), ("third", "d", 2), ("small", "c", 3)]
    assert home.gateway.tally.failed == 1


async def test_a_route_that_answers_needs_no_other(house):
    home = await a_house(house, fallbacks={"gpt": ("small",)})
    await home.post(models=["third"])
    assert by_route(home) == [("gpt", "a", 1)]


async def test_a_fault_of_the_request_is_not_tried_elsewhere(house):
    home = await a_house(house, fallbacks={"gpt": ("small",)})
    home.set("a", status=400, error_message="That is too hot.")
    response = await home.post()
    assert (response.status_code, response.json()["error"]["message"]) == (400, "That is too hot.")
    assert by_route(home) == [("gpt", "a", 1)]


async def test_nothing_stands_in_once_content_has_left(house):
    home = await a_house(house, fallbacks={"gpt": ("small",)})
    home.set("a", fault=Fault.CUT, fault_after_chunks=2, seconds_per_chunk=0.5)
    response = await home.post(stream=True)
    assert b'data: {"error"' in response.content
    assert by_route(home) == [("gpt", "a", 1)]


async def test_an_unknown_model_may_be_stood_in_for(house):
    home = await a_house(house)
    assert (await home.post(model="nope")).status_code == 404
    assert (await home.post(model="nope", models=["small"])).status_code == 200
    assert by_route(home) == [("small", "c", 1)]


async def test_channels_at_their_limit_are_stood_in_for(house):
    home = await a_house(house, fallbacks={"gpt": ("small",)})
    for name in "ab":
        home.set(name, status=429, retry_after_s=60.0)
    for _ in range(2):
        assert b"I am c" in (await home.post()).content
    assert by_route(home)[-2:] == [("small", "c", 3), ("small", "c", 1)], "they are not asked again"


class TestWishes:
    async def test_the_wished_for_channel_is_asked_first(self, house):
        home = await a_house(house)
        assert (await home.post(provider={"order": ["b"]})).headers["x-foreroute-channel"] == "b"
        home.set("b", status=500)
        response = await home.post(provider={"order": ["b"]})
        assert response.headers["x-foreroute-channel"] == "a"
        assert [c for c, _ in home.tried()] == ["b", "b", "a"]
        assert all("provider" not in request.body for request in home.providers["a"].received)

    async def test_without_fallbacks_nobody_else_is_asked(self, house):
        home = await a_house(house)
        home.set("b", status=500)
        wish = {"order": ["b"], "allow_fallbacks": False}
        response = await home.post(provider=wish)
        assert response.status_code == 503
        assert {c for c, _ in home.tried()} == {"b"}

    async def test_wishes_that_nobody_meets_are_refused_clearly(self, house):
        home = await a_house(house)
        for wish in ({"only": ["nobody"]}, {"ignore": ["openai"]}, {"max_price": {"prompt": 1}}):
            response = await home.post(provider=wish)
            assert response.status_code == 400
            assert response.json()["error"]["code"] == "no_matching_channel"
            assert response.headers["x-should-retry"] == "false"
        assert home.attempts == []

    async def test_wishes_hold_for_the_routes_that_stand_in_too(self, house):
        home = await a_house(house)
        response = await home.post(provider={"only": ["c", "d"], "ignore": ["c"]}, models=["small", "third"])
        assert response.headers["x-foreroute-channel"] == "d"
        assert by_route(home) == [("third", "d", 1)]

    async def test_an_unknown_wish_is_refused_with_its_name(self, house):
        home = await a_house(house)
        response = await home.post(provider={"zdr": True})
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "provider.zdr"


async def test_sticky_prompts_stay_with_their_channel_and_others_spread(house):
    home = await house(sticky=True, priorities={"a": 0, "b": 0})
    where: dict[int, set[str]] = {}
    for turn in range(3):
        for number in range(12):
            start = [{"role": "system", "content": f"Number {number}. " * 200}]
            response = await home.post(messages=[*start, {"role": "user", "content": f"turn {turn}"}])
            where.setdefault(number, set()).add(response.headers["x-foreroute-channel"])
    assert all(len(channels) == 1 for channels in where.values())
    assert {channel for channels in where.values() for channel in channels} == {"a", "b"}


async def test_a_follow_up_goes_to_the_channel_that_gave_the_answer(house):
    home = await house(priorities={"a": 0, "b": 0})
    for stream in (False, True):
        answers: dict[str, str] = {}
        while len(answers) < 2:
            response = await home.post("/v1/responses", input="x", stream=stream)
            channel = response.headers["x-foreroute-channel"]
            text = response.text if stream else response.json()["id"]
            answers[channel] = text.split('"id":"')[1].split('"')[0] if stream else text
        for channel, name in answers.items():
            for _ in range(5):
                response = await home.post("/v1/responses", input="x", previous_response_id=name)
                if list(answers.values()).count(name) == 1:
                    assert response.headers["x-foreroute-channel"] == channel
