"""The official Anthropic client in front of the fake provider."""

from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from foreroute.testing.fake_provider import Fault

HELLO: Any = [{"role": "user", "content": "Hello?"}]
ASK: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": HELLO}
WEATHER: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
MESSAGE_KEYS = {
    "id",
    "type",
    "role",
    "model",
    "content",
    "stop_reason",
    "stop_sequence",
    "stop_details",
    "container",
    "usage",
}
USAGE_KEYS = {
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens_details",
    "server_tool_use",
    "service_tier",
    "inference_geo",
}
TEXT_EVENTS = [
    "message_start",
    "content_block_start",
    "ping",
    *["content_block_delta"] * 3,
    "content_block_stop",
    "message_delta",
    "message_stop",
]


class Place(BaseModel):
    name: str
    height_m: float


async def test_a_plain_message_has_every_key_and_counts_cached_tokens_apart(fake):
    fake.set(
        input_tokens=100, cached_input_tokens=40, cache_write_tokens=7, output_tokens=30, reasoning_tokens=10
    )
    response = await fake.http.post("/messages", json=ASK)
    body = response.json()
    assert set(body) == MESSAGE_KEYS
    assert set(body["usage"]) == USAGE_KEYS
    message = await fake.anthropic.messages.create(**ASK)
    assert (message.content[0].text, message.stop_reason) == ("I am the fake.", "end_turn")
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (53, 30)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (40, 7)
    assert usage.output_tokens_details.thinking_tokens == 10
    assert message._request_id.startswith("req_")
    assert "anthropic-version" in fake.last.headers


async def test_a_stream_has_its_events_in_order(fake):
    async with fake.http.stream("POST", "/messages", json={**ASK, "stream": True}) as response:
        lines = [line async for line in response.aiter_lines()]
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == TEXT_EVENTS
    async with fake.anthropic.messages.stream(**ASK) as stream:
        assert "".join([text async for text in stream.text_stream]) == "I am the fake."
        final = await stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)


async def test_tools_plain_streamed_and_answered(fake):
    plain = await fake.anthropic.messages.create(**ASK, tools=[WEATHER])
    (call,) = plain.content
    assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "value"})
    assert plain.stop_reason == "tool_use"
    async with fake.anthropic.messages.stream(**ASK, tools=[WEATHER]) as stream:
        parts = [event.partial_json async for event in stream if event.type == "input_json"]
        final = await stream.get_final_message()
    assert len(parts) > 1
    assert final.content[0].input == {"city": "value"}
    result: Any = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]
    done = await fake.anthropic.messages.create(
        **{
            **ASK,
            "messages": [
                *HELLO,
                {"role": "assistant", "content": plain.content},
                {"role": "user", "content": result},
            ],
        },
        tools=[WEATHER],
    )
    assert done.content[0].text == "I am the fake."


async def test_an_answer_fits_the_schema_that_was_asked_for(fake):
    parsed = await fake.anthropic.messages.parse(**ASK, output_format=Place)
    assert parsed.parsed_output == Place(name="value", height_m=1.5)


async def test_tokens_are_counted(fake):
    short = await fake.anthropic.messages.count_tokens(model="m", messages=HELLO)
    longer = await fake.anthropic.messages.count_tokens(model="m", messages=HELLO, system="Be brief. " * 20)
    assert 0 < short.input_tokens < longer.input_tokens - 40
    fake.set(input_tokens=123)
    assert (await fake.anthropic.messages.count_tokens(model="m", messages=HELLO)).input_tokens == 123


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.APIStatusError),
        (422, "invalid_request_error", anthropic.UnprocessableEntityError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (503, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
async def test_errors_are_anthropics_own(fake, status, kind, error):
    fake.set(status=status, error_message="No.")
    for call in (
        fake.anthropic.messages.create(**ASK),
        fake.anthropic.messages.count_tokens(model="m", messages=HELLO),
    ):
        with pytest.raises(error) as caught:
            await call
        body = caught.value.body
        assert (body["type"], body["error"]) == ("error", {"type": kind, "message": "No."})
        assert body["request_id"] == caught.value.response.headers["request-id"]


async def test_a_message_without_a_limit_is_refused(fake):
    refused = await fake.http.post("/messages", json={"model": "m", "messages": HELLO})
    assert refused.status_code == 400
    assert refused.json()["error"] == {
        "type": "invalid_request_error",
        "message": "max_tokens: Field required",
    }


async def test_an_error_in_the_middle_of_a_stream(fake):
    fake.set(fault=Fault.ERROR_EVENT, fault_after_chunks=2, error_type="overloaded_error")
    async with fake.anthropic.messages.stream(**ASK) as stream:
        texts = stream.text_stream
        assert [await anext(texts), await anext(texts)] == ["I am", " the"]
        with pytest.raises(anthropic.APIStatusError) as caught:
            await anext(texts)
    body: Any = caught.value.body
    assert body["error"]["type"] == "overloaded_error"
