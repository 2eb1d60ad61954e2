"""Errors in the words of each format, whole and in the middle, and what the official clients make of them."""

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.testing.fake_provider import Fault

HELLO = [{"role": "user", "content": "Hello?"}]
POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=9, outlier_ratio_min=1.0),
)


def body_of(caught: Any) -> Any:
    return caught.value.body


async def _listen(stream: Any, seen: list[str]) -> None:
    async for event in stream:
        seen.append(event.type)  # noqa: PERF401 - what came before the error is wanted


async def mixed(house: Any, **fields: Any) -> Any:
    return await house(
        "abcd", anthropic="cd", routes={"gpt": "ab", "claude": "cd", "both": "ac"}, policy=POLICY, **fields
    )


async def test_each_format_finds_the_channels_that_speak_it(house):
    home = await mixed(house)
    chat = await home.client.chat.completions.create(model="both", messages=HELLO)
    message = await home.anthropic.messages.create(model="both", messages=HELLO, max_tokens=9)
    assert chat.choices[0].message.content == "I am a, really."
    assert message.content[0].text == "I am c, really."
    assert home.providers["c"].received[0].headers["x-api-key"] == "secret-of-c"
    assert home.providers["c"].received[0].headers["anthropic-version"]
    assert "authorization" not in home.providers["c"].received[0].headers
    assert "x-api-key" not in home.providers["a"].received[0].headers


async def test_a_route_without_such_a_channel_refuses_and_says_why(house):
    home = await mixed(house)
    with pytest.raises(openai.BadRequestError) as refused:
        await home.client.chat.completions.create(model="claude", messages=HELLO)
    assert refused.value.code == "no_matching_channel"
    with pytest.raises(anthropic.BadRequestError, match="anthropic format") as said:
        await home.anthropic.messages.create(model="gpt", messages=HELLO, max_tokens=9)
    assert body_of(said)["request_id"] == said.value.response.headers["request-id"]
    assert home.attempts == []


async def test_anthropics_errors_of_the_gateway_itself(house):
    home = await mixed(house)
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await home.anthropic.messages.create(model="nope", messages=HELLO, max_tokens=9)
    assert body_of(unknown)["error"]["type"] == "not_found_error"
    for name in "cd":
        home.set(name, status=500)
    with pytest.raises(anthropic.APIStatusError) as down:
        await home.anthropic.messages.create(model="claude", messages=HELLO, max_tokens=9)
    assert (down.value.status_code, body_of(down)["error"]["type"]) == (503, "overloaded_error")
    for name in "cd":
        home.set(name, status=429, retry_after_s=30.0)
    with pytest.raises(anthropic.RateLimitError) as busy:
        await home.anthropic.messages.create(model="claude", messages=HELLO, max_tokens=9)
    assert busy.value.response.headers["retry-after"] == "30"
    for path in ("/v1/messages/batches", "/anthropic/v1/nothing"):
        response = await home.http.get(path)
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    response = await home.http.get("/v1/messages")
    assert (response.status_code, response.json()["type"]) == (405, "error")


async def test_models_in_both_formats(house):
    home = await mixed(house)
    assert [model.id async for model in home.client.models.list()] == ["both", "claude", "gpt"]
    listed = await home.anthropic.models.list()
    assert [(model.id, model.type) for model in listed.data] == [
        ("both", "model"),
        ("claude", "model"),
        ("gpt", "model"),
    ]
    assert (await home.anthropic.models.retrieve("claude")).display_name == "claude"


FAULTS = [Fault.CUT, Fault.UNFINISHED, Fault.STALL, Fault.ERROR_EVENT, Fault.TRUNCATED_JSON]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_response_that_breaks_off_raises_in_the_official_client(house, fault):
    home = await mixed(house)
    home.set("a", fault=fault, fault_after_chunks=2, seconds_per_chunk=0.5)
    seen: list[str] = []
    stream = await home.client.responses.create(model="gpt", input="Hi", stream=True)
    with pytest.raises(openai.APIError, match=r"broke off|says no"):
        await _listen(stream, seen)
    assert seen.count("response.output_text.delta") == 2
    assert "response.completed" not in seen
    (attempt,) = home.attempts
    assert attempt.outcome in {"failure", "timeout"}
    assert attempt.usage.output_tokens == 2
    assert attempt.usage.input_tokens > 0, "estimated: the channel never said"


async def test_a_response_that_breaks_off_ends_with_a_typed_event(house):
    home = await mixed(house)
    home.set("a", fault=Fault.CUT, fault_after_chunks=2, seconds_per_chunk=0.5)
    response = await home.post("/v1/responses", input="Hi", stream=True)
    last = response.content.rstrip(b"\n").split(b"\n\n")[-1]
    assert last.startswith(b'event: error\ndata: {"type":"error","code":"stream_interrupted"')
    assert b"[DONE]" not in response.content


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_message_that_breaks_off_raises_in_the_official_client(house, fault):
    home = await mixed(house)
    home.set("c", fault=fault, fault_after_chunks=2, seconds_per_chunk=0.5)
    with pytest.raises(anthropic.APIStatusError, match=r"broke off|says no"):
        async with home.anthropic.messages.stream(model="claude", messages=HELLO, max_tokens=9) as stream:
            await stream.get_final_message()
    (attempt,) = home.attempts
    assert attempt.outcome in {"failure", "timeout"}
    assert attempt.usage.output_tokens == 2
    assert home.asked("d") == 0


@pytest.mark.parametrize("fault", [*FAULTS, Fault.HOLLOW_HTML, Fault.NO_ANSWER])
async def test_before_any_content_the_next_channel_answers(house, fault):
    home = await mixed(house)
    home.set("a", fault=fault)
    home.set("c", fault=fault)
    events = [e async for e in await home.client.responses.create(model="gpt", input="Hi", stream=True)]
    assert events[-1].response.output_text == "I am b, really."
    async with home.anthropic.messages.stream(model="claude", messages=HELLO, max_tokens=9) as stream:
        assert await stream.get_final_text() == "I am d, really."
    assert [channel for channel, _ in home.tried()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_in_the_same_buckets_whatever_the_format(house, stream):
    home = await mixed(house)
    for name in "ac":
        home.set(name, input_tokens=100, cached_input_tokens=40, cache_write_tokens=7, output_tokens=30)
    await home.post(stream=stream)
    await home.post("/v1/responses", input="Hi", stream=stream)
    await home.post("/v1/messages", model="claude", max_tokens=9, stream=stream)
    usages = [attempt.usage for attempt in home.attempts]
    assert len(set(usages)) == 1
    assert (usages[0].input_tokens, usages[0].cached_input_tokens, usages[0].cache_write_tokens) == (
        53,
        40,
        7,
    )


@pytest.mark.parametrize(("path", "model"), [("/v1/responses", "gpt"), ("/v1/messages", "claude")])
async def test_a_client_that_leaves_is_billed_for_what_it_saw(house, path, model):
    home = await mixed(house)
    for name in "ac":
        home.set(name, seconds_per_chunk=1.0, chunks=("one",) * 30)
    body = {"model": model, "messages": HELLO, "input": "Hi", "max_tokens": 99, "stream": True}
    async with home.http.stream("POST", path, json=body) as response:
        async for chunk in response.aiter_raw():
            if chunk.count(b"one") and asyncio.get_running_loop().time() > 3.5:
                break
    await asyncio.sleep(0.1)
    (attempt,) = home.attempts
    assert attempt.outcome == "ignored"
    assert attempt.usage.output_tokens == 5
    assert attempt.usage.input_tokens > 0
