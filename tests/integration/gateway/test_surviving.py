"""What a user of the official client sees when channels fail."""

import asyncio
from dataclasses import replace
from typing import Any

import openai
import pytest

from foreroute.core.attempt import Outcome
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.testing.fake_provider import Fault

HELLO = [{"role": "user", "content": "Hello?"}]


def outcomes(home: Any) -> list[tuple[int, str, Outcome]]:
    return [(a.number, a.channel, a.outcome) for a in home.attempts]


async def ask(home: Any, **more: Any) -> Any:
    return await home.client.chat.completions.with_raw_response.create(model="gpt", messages=HELLO, **more)


async def _collect(stream: Any, seen: list[Any]) -> None:
    async for chunk in stream:
        seen.append(chunk)  # noqa: PERF401 - what came before the error is wanted


async def listen(home: Any) -> str:
    stream = await home.client.chat.completions.create(model="gpt", messages=HELLO, stream=True)
    return "".join([c.choices[0].delta.content or "" async for c in stream])


@pytest.mark.parametrize(
    "fault",
    [Fault.HOLLOW_HTML, Fault.EMPTY_CHOICES, Fault.ERROR_EVENT, Fault.TRUNCATED_JSON, Fault.CUT, Fault.STALL],
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_200_that_is_no_answer_fails_over(house, fault, streaming):
    home = await house()
    home.set("a", fault=fault)
    if streaming:
        assert await listen(home) == "I am b, really."
    else:
        answer = await ask(home)
        assert answer.parse().choices[0].message.content == "I am b, really."
        assert answer.headers["x-foreroute-reason"] == "failover"
        assert answer.headers["x-foreroute-attempts"] == "2"
    assert [(n, c) for n, c, _ in outcomes(home)] == [(1, "a"), (2, "b")]
    assert home.attempts[0].outcome in {Outcome.FAILURE, Outcome.TIMEOUT}
    assert home.attempts[0].failure_class is not None
    assert home.attempts[1].outcome is Outcome.SUCCESS


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_channels_own_trouble_is_not_the_clients(house, status):
    home = await house()
    home.set("a", status=status)
    assert (await ask(home)).parse().choices[0].message.content == "I am b, really."
    first = home.attempts[0]
    assert first.status == status
    assert first.outcome is (Outcome.THROTTLED if status == 429 else Outcome.FAILURE)


async def test_no_answer_in_time_fails_over(house):
    home = await house()
    home.set("a", fault=Fault.NO_ANSWER)
    assert await listen(home) == "I am b, really."
    assert home.attempts[0].outcome is Outcome.TIMEOUT
    assert home.attempts[0].duration_s == pytest.approx(5.0, abs=0.01), "first_chunk_s"
    assert home.attempts[0].time_to_first_chunk_s is None


async def test_a_bad_request_returns_as_the_upstream_said_it(house):
    home = await house()
    home.set("a", status=400, error_message="max_tokens is too large", error_type="invalid_request_error")
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(home)
    assert "max_tokens is too large" in str(caught.value.body)
    assert caught.value.response.headers["x-foreroute-channel"] == "a"
    assert outcomes(home) == [(1, "a", Outcome.IGNORED)]


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.UNFINISHED, Fault.TRUNCATED_JSON])
async def test_a_stream_that_breaks_off_says_so_and_never_ends_as_if_whole(house, fault):
    home = await house()
    home.set("a", fault=fault, fault_after_chunks=2, seconds_per_chunk=1.0)
    seen: list[Any] = []
    stream = await home.client.chat.completions.create(model="gpt", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        await _collect(stream, seen)
    assert "".join(c.choices[0].delta.content or "" for c in seen) == "I am a, really"
    assert all(chunk.choices[0].finish_reason is None for chunk in seen)
    (attempt,) = home.attempts
    assert attempt.outcome is Outcome.FAILURE
    assert attempt.usage.output_tokens == 2, "the tokens that were seen"
    assert home.gateway.tally.failed == 1


async def test_a_broken_stream_on_the_wire(house):
    home = await house()
    home.set("a", fault=Fault.ERROR_EVENT, fault_after_chunks=2, seconds_per_chunk=1.0)
    body = {"model": "gpt", "messages": HELLO, "stream": True}
    response = await home.http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    assert response.content.count(b'data: {"error"') == 1
    assert b"[DONE]" not in response.content
    assert b"The provider says no." in response.content


async def test_a_stall_ends_by_the_stall_timer(house):
    home = await house()
    home.set("a", fault=Fault.STALL, fault_after_chunks=2, seconds_per_chunk=1.0)
    with pytest.raises(openai.APIError):
        await listen(home)
    (attempt,) = home.attempts
    assert attempt.outcome is Outcome.TIMEOUT
    assert attempt.duration_s == pytest.approx(1.0 + 3.0, abs=0.01)


async def test_the_client_leaving_cancels_the_upstream(house):
    home = await house()
    home.set("a", seconds_per_chunk=1.0, chunks=("one",) * 50)
    stream = await home.client.chat.completions.create(model="gpt", messages=HELLO, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.response.aclose()
    await asyncio.sleep(0.5)
    (attempt,) = home.attempts
    assert attempt.outcome is Outcome.IGNORED
    assert attempt.usage.output_tokens == 1
    assert home.providers["a"].disconnects_total == 1
    assert home.gateway.standings(0.0)["a"].in_flight == 0


async def test_the_client_leaving_before_the_answer_begins(house):
    home = await house()
    home.set("a", time_to_first_chunk_s=4.0)
    with pytest.raises(openai.APITimeoutError):
        await ask(home, timeout=1.0)
    await asyncio.sleep(0.1)
    assert outcomes(home) == [(1, "a", Outcome.IGNORED)]
    assert home.attempts[0].duration_s == pytest.approx(1.0, abs=0.1)
    assert home.providers["a"].disconnects_total == 1


async def test_everybody_throttled_tells_when_to_come_back(house):
    home = await house()
    home.set("a", status=429, retry_after_s=9.0)
    home.set("b", status=429, retry_after_s=7.0)
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(home)
    assert caught.value.response.headers["retry-after"] == "7"
    assert len(home.attempts) == 2

    with pytest.raises(openai.RateLimitError) as caught:
        await ask(home)
    assert len(home.attempts) == 2, "they asked to be left alone, and are"
    assert caught.value.response.headers["retry-after"] == "7"
    assert home.gateway.tally.refused == 1

    home.set("b", status=200)
    await asyncio.sleep(4.5)
    assert (await ask(home)).parse().choices[0].message.content == "I am b, really."


async def test_everybody_down_is_a_503(house):
    home = await house()
    home.set("a", status=503)
    home.set("b", status=500)
    with pytest.raises(openai.InternalServerError) as caught:
        await ask(home)
    assert caught.value.status_code == 503
    assert caught.value.code == "upstream_unavailable"
    assert caught.value.response.headers["x-foreroute-attempts"] == "3", "the last one again, after a backoff"


async def test_the_breaker_keeps_a_dead_channel_out_and_lets_it_back(house):
    home = await house()
    home.set("a", status=500)
    for _ in range(5):
        assert (await ask(home)).parse().choices[0].message.content == "I am b, really."
    asked = [attempt.channel for attempt in home.attempts]
    assert asked == ["a", "b", "a", "b", "b", "b", "b"], "after two failures beside its peer's successes"
    assert home.attempts[-1].reason == "spillover"

    home.set("a", status=200)
    await asyncio.sleep(10.1)
    for _ in range(3):
        answer = await ask(home)
    assert answer.headers["x-foreroute-channel"] == "a"


async def test_a_channel_that_is_not_there_at_all(house):
    home = await house("a")
    home.gateway._works.fleet.channels["a"] = _elsewhere(home.gateway._works.fleet.channels["a"])
    with pytest.raises(openai.InternalServerError) as caught:
        await ask(home)
    assert caught.value.status_code == 503
    assert {a.failure_class for a in home.attempts} == {FailureClass.CONNECTION_REFUSED_OR_RESET}
    assert {a.reason for a in home.attempts} == {"only"}


def _elsewhere(channel: Channel) -> Channel:
    return replace(channel, base_url="http://127.0.0.1:9/v1")


async def test_many_requests_lose_no_attempt(house):
    home = await house("abc")
    home.set("a", status=500)
    home.set("b", time_to_first_chunk_s=0.05)
    answers = await asyncio.gather(*(ask(home) for _ in range(200)))
    assert len(answers) == 200
    assert home.gateway.requests_total == 200
    assert home.gateway.attempts_total == len(home.attempts)
    assert len({(a.request_id, a.number) for a in home.attempts}) == len(home.attempts)
    received = sum(provider.requests_total for provider in home.providers.values())
    assert received == len(home.attempts)
