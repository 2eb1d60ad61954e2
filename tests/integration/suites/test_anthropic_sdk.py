"""The official Anthropic client through the gateway."""

import asyncio
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from foreroute.testing.fake_provider import Fault

MODEL = "claude-opus-fake"
HELLO: Any = [{"role": "user", "content": "Hello?"}]
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": HELLO}
WEATHER: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SAID = "I am claude-a."


class Place(BaseModel):
    name: str
    height_m: float


async def streamed_text(house) -> str:
    async with house.anthropic.messages.stream(**ASK) as stream:
        text = "".join([text async for text in stream.text_stream])
        final = await stream.get_final_message()
    assert final.content[0].text == text
    assert final.stop_reason == "end_turn"
    return text


async def test_messages_plain_and_streamed(house):
    house.set("claude-a", input_tokens=100, cached_input_tokens=40, cache_write_tokens=7, output_tokens=9)
    message = await house.anthropic.messages.create(**ASK)
    assert message.content[0].text == SAID
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (
        53,
        40,
        7,
    )
    assert await streamed_text(house) == SAID
    for asked in house.providers["claude-a"].received:
        assert asked.model == "model-of-claude-a"
        assert asked.headers["x-api-key"] == "secret-of-claude-a"
        assert "anthropic-version" in asked.headers
        assert "none" not in asked.headers.get("authorization", ""), "the client's key stays here"


async def test_tools(house):
    plain = await house.anthropic.messages.create(**ASK, tools=[WEATHER])
    async with house.anthropic.messages.stream(**ASK, tools=[WEATHER]) as stream:
        final = await stream.get_final_message()
    for message in (plain, final):
        (call,) = message.content
        assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "value"})
        assert message.stop_reason == "tool_use"


async def test_structured_answers(house):
    parsed = await house.anthropic.messages.parse(**ASK, output_format=Place)
    assert parsed.parsed_output == Place(name="value", height_m=1.5)


async def test_tokens_are_counted(house):
    house.set("claude-a", input_tokens=123)
    counted = await house.anthropic.messages.count_tokens(model=MODEL, messages=HELLO)
    assert counted.input_tokens == 123


async def test_an_unknown_model_is_said_in_anthropics_words(house):
    with pytest.raises(anthropic.NotFoundError) as caught:
        await house.anthropic.messages.create(**{**ASK, "model": "nobody"})
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    assert caught.value.response.headers["request-id"] == body["request_id"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if fault not in {Fault.NONE, Fault.EMPTY_CHOICES}]
)
async def test_whatever_the_first_channel_does_before_any_content_the_second_one_answers(
    house, stream, fault
):
    house.set("claude-a", fault=fault)
    if stream:
        text = await streamed_text(house)
    else:
        text = (await house.anthropic.messages.create(**ASK)).content[0].text
    whole_and_sound = fault is Fault.UNFINISHED and not stream
    assert text == (SAID if whole_and_sound else "I am claude-b.")


@pytest.mark.parametrize(
    "fault", [Fault.CUT, Fault.UNFINISHED, Fault.STALL, Fault.ERROR_EVENT, Fault.TRUNCATED_JSON]
)
async def test_a_stream_that_breaks_in_the_middle_does_not_look_whole(house, fault):
    house.set("claude-a", fault=fault, fault_after_chunks=2, seconds_per_chunk=0.5)
    async with house.anthropic.messages.stream(**ASK) as stream:
        assert await anext(stream.text_stream) == "I am "
        with pytest.raises(anthropic.APIStatusError) as caught:
            await stream.until_done()
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert set(body["error"]) >= {"type", "message"}
    assert house.asked("claude-b") == 0, "nothing is repeated once content has left"


async def test_a_message_that_ends_without_a_word_is_one(house):
    house.set("claude-a", fault=Fault.EMPTY_CHOICES)
    plain = await house.anthropic.messages.create(**ASK)
    async with house.anthropic.messages.stream(**ASK) as stream:
        final = await stream.get_final_message()
    for message in (plain, final):
        assert (message.content, message.stop_reason) == ([], "end_turn")


async def test_the_clients_own_timeout_is_the_clients(house):
    house.set("claude", time_to_first_chunk_s=3.0)
    with pytest.raises(anthropic.APITimeoutError):
        await house.anthropic.messages.create(**ASK, timeout=1.0)
    await asyncio.sleep(0.1)
    assert house.providers["claude-a"].disconnects_total == 1


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, None)])
async def test_the_clients_retry_waits_for_as_long_as_it_is_told(house, status, kind):
    await house.anthropic.messages.create(**ASK)  # the client looks at its platform once, on another thread
    house.set("claude", status=status, retry_after_s=7.0)
    loop = asyncio.get_running_loop()
    with pytest.raises(anthropic.APIStatusError) as caught:
        await house.anthropic.messages.create(**ASK)
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert kind is None or (caught.value.status_code, body["error"]["type"]) == (status, kind)
    assert caught.value.status_code in {429, 503, 529}
    assert 6.0 < float(caught.value.response.headers["retry-after"]) <= 7.0
    began_at = loop.time()
    loop.call_at(began_at + 6.5, lambda: house.set("claude", status=200))
    message = await house.anthropic.with_options(max_retries=1).messages.create(**ASK)
    assert message.content[0].text.startswith("I am claude-")
    assert loop.time() - began_at > 6.5, "not before it makes sense"
    assert house.asked("claude-a") + house.asked("claude-b") == 1 + 2 + 1, "and once"


async def test_a_fault_of_the_request_comes_back_as_it_is(house):
    house.set("claude-a", status=400, error_message="messages: at least one is needed.")
    with pytest.raises(anthropic.BadRequestError) as caught:
        await house.anthropic.messages.create(**ASK)
    body: Any = caught.value.body
    assert body["error"] == {"type": "invalid_request_error", "message": "messages: at least one is needed."}
    assert house.asked("claude-b") == 0


async def test_a_route_of_the_other_dialect_is_refused_clearly(house):
    with pytest.raises(anthropic.APIStatusError) as caught:
        await house.anthropic.messages.create(**{**ASK, "model": "gpt-5-fake"})
    body: Any = caught.value.body
    assert 400 <= caught.value.status_code < 500
    assert body["type"] == "error"
    assert house.asked("gpt-a") == house.asked("gpt-b") == 0
