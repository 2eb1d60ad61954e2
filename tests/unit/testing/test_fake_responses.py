"""The official OpenAI client in front of the fake provider: the Responses API."""

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from foreroute.testing.fake_provider import Fault

HELLO = "Hello?"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
REQUIRED = {
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "service_tier",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
}
TEXT_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 3,
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


class Place(BaseModel):
    name: str
    height_m: float


async def test_a_plain_answer_has_every_key_and_its_usage(fake):
    fake.set(
        input_tokens=100, cached_input_tokens=40, cache_write_tokens=7, output_tokens=30, reasoning_tokens=10
    )
    raw = await fake.openai.responses.with_raw_response.create(
        model="m", input=HELLO, instructions="Be brief.", metadata={"a": "b"}, temperature=0.5
    )
    body, answer = raw.http_response.json(), raw.parse()
    assert set(body) == REQUIRED
    assert (body["instructions"], body["metadata"], body["temperature"]) == ("Be brief.", {"a": "b"}, 0.5)
    assert (answer.status, answer.output_text) == ("completed", "I am the fake.")
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 30, 130)
    details = usage.input_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (40, 7)
    assert usage.output_tokens_details.reasoning_tokens == 10


async def test_a_stream_has_its_events_in_order_and_numbered(fake):
    stream = await fake.openai.responses.create(model="m", input=HELLO, stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == TEXT_EVENTS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].response.usage is None
    assert events[-1].response.usage.output_tokens == 3
    assert events[-1].response.output_text == "I am the fake."


async def test_the_streaming_helper_puts_the_answer_together(fake):
    async with fake.openai.responses.stream(model="m", input=HELLO, text_format=Place) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert final.output_parsed == Place(name="value", height_m=1.5)
    parsed = await fake.openai.responses.parse(model="m", input=HELLO, text_format=Place)
    assert parsed.output_parsed == final.output_parsed


async def test_tools_plain_streamed_and_answered(fake):
    plain = await fake.openai.responses.create(model="m", input=HELLO, tools=[WEATHER])
    (call,) = plain.output
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city":"value"}')
    stream = await fake.openai.responses.create(model="m", input=HELLO, tools=[WEATHER], stream=True)
    events = [event async for event in stream]
    parts = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert len(parts) > 1
    assert "".join(parts) == call.arguments
    assert [event.type for event in events[-3:]] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    done = await fake.openai.responses.create(
        model="m", input=[{"role": "user", "content": HELLO}, call.to_dict(), result], tools=[WEATHER]
    )
    assert done.output_text == "I am the fake."


async def test_an_answer_that_is_cut_by_a_limit_is_incomplete(fake):
    fake.set(finish_reason="length")
    answer = await fake.openai.responses.create(model="m", input=HELLO)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    stream = await fake.openai.responses.create(model="m", input=HELLO, stream=True)
    assert [event.type async for event in stream][-1] == "response.incomplete"


async def test_errors_and_a_failure_in_the_middle(fake):
    fake.set(status=429, error_code="rate_limit_exceeded")
    with pytest.raises(openai.RateLimitError) as caught:
        await fake.openai.responses.create(model="m", input=HELLO)
    assert caught.value.code == "rate_limit_exceeded"
    fake.set(status=200, fault=Fault.ERROR_EVENT, fault_after_chunks=2)
    stream = await fake.openai.responses.create(model="m", input=HELLO, stream=True)
    events = [event async for event in stream]
    assert events[-1].type == "response.failed"
    assert events[-1].sequence_number == len(events) - 1
    assert (events[-1].response.status, events[-1].response.error.code) == ("failed", "rate_limit_exceeded")
