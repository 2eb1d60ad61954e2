"""One contract for every cloud, and for an endpoint without one: the same gateway, the same client, another proof."""

from pathlib import Path

import pytest

from foreroute.core.failure import FailureClass

from .conftest import OpenHouse
from .guards import AwsGuard, GcpGuard, Guard, KeyGuard, TokenGuard


async def test_answers_come_whole_and_streamed(guard: Guard, open_house: OpenHouse) -> None:
    async with open_house(guard) as house:
        assert await house.ask() == "Hello from the provider."
        stream = await house.client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        text = "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])
        assert text == "Hello from the provider."
        attempts = house.data.intake.drain()
    assert [(one.channel, one.failure_class) for one in attempts] == [("cloud", None)] * 2
    assert not any("of-the-client" in value for headers in guard.seen for value in headers.values())


async def test_a_large_body_is_proved_as_it_is(guard: Guard, open_house: OpenHouse) -> None:
    async with open_house(guard) as house:
        await house.client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "word " * 500_000}]
        )
        assert [one.channel for one in house.data.intake.drain()] == ["cloud"]


async def test_embeddings_go_the_same_way(guard: Guard, open_house: OpenHouse) -> None:
    async with open_house(guard) as house:
        found = await house.client.embeddings.create(model="chat", input="hi", encoding_format="float")
        assert found.data[0].embedding
        assert [one.channel for one in house.data.intake.drain()] == ["cloud"]


async def test_who_is_refused_is_told_apart_and_the_request_is_served_elsewhere(
    guard: Guard, open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(guard) as house:
        match guard:
            case AwsGuard():
                guard.secret = "another"
            case KeyGuard():
                guard.value = "another"
            case _:
                monkeypatch.setattr(guard, "admits", lambda *_: False)
        assert await house.ask() == "Hello from the provider."
        attempts = house.data.intake.drain()
    assert [(one.channel, one.failure_class) for one in attempts] == [
        ("cloud", FailureClass.AUTHENTICATION),
        ("spare", None),
    ]


async def test_a_token_is_asked_for_once(token_guard: TokenGuard, open_house: OpenHouse) -> None:
    async with open_house(token_guard) as house:
        for _ in range(3):
            await house.ask()
        assert token_guard.desk.given == ["token-1"]
        assert {one.channel for one in house.data.intake.drain()} == {"cloud"}


async def test_a_token_that_was_revoked_is_replaced(open_house: OpenHouse, tmp_path: Path) -> None:
    with GcpGuard.open(tmp_path) as guard:
        async with open_house(guard) as house:
            await house.ask()
            guard.desk.good.clear()
            assert await house.ask() == "Hello from the provider."
            authorizer = house.data.clouds.prepare(house.settings)["cloud"]
            assert await authorizer.headers("POST", "http://unused", b"") == {
                "Authorization": "Bearer token-2"
            }


async def test_while_no_token_is_to_be_had_the_others_serve(
    token_guard: TokenGuard, open_house: OpenHouse
) -> None:
    token_guard.desk.is_open = False
    async with open_house(token_guard) as house:
        assert await house.ask() == "Hello from the provider."
        first, second = house.data.intake.drain()
        assert (first.channel, second.channel) == ("cloud", "spare")
        assert first.failure_class is not None
        token_guard.desk.is_open = True
        authorizer = house.data.clouds.prepare(house.settings)["cloud"]
        assert await authorizer.headers("POST", "http://unused", b"") == {"Authorization": "Bearer token-1"}


async def test_a_token_that_lives_serves_while_the_desk_is_shut(
    token_guard: TokenGuard, open_house: OpenHouse
) -> None:
    async with open_house(token_guard) as house:
        await house.ask()
        token_guard.desk.is_open = False
        await house.ask()
        assert {one.channel for one in house.data.intake.drain()} == {"cloud"}
