"""What a user of the official client sees when nothing goes wrong."""

import hashlib

import openai
import pytest

from foreroute.core.attempt import Outcome, PickReason, Usage
from foreroute.core.ids import KeyId
from foreroute.gateway.door import Door

HELLO = [{"role": "user", "content": "Hello?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


async def test_a_plain_answer_passes_through_and_is_recorded(house):
    home = await house()
    home.set("a", input_tokens=100, cached_input_tokens=40, output_tokens=30, reasoning_tokens=10)

    raw = await home.client.chat.completions.with_raw_response.create(model="gpt", messages=HELLO)

    answer = raw.parse()
    assert answer.choices[0].message.content == "I am a, really."
    assert answer.usage.prompt_tokens == 100
    assert home.providers["a"].received[0].model == "model-of-a"
    assert home.providers["a"].received[0].headers["authorization"] == "Bearer secret-of-a"
    assert raw.headers["x-foreroute-channel"] == "a"
    assert raw.headers["x-foreroute-reason"] == "configured"
    assert raw.headers["x-foreroute-attempts"] == "1"
    (attempt,) = home.attempts
    assert raw.headers["x-request-id"] == attempt.request_id
    assert attempt.outcome is Outcome.SUCCESS
    assert attempt.reason is PickReason.CONFIGURED
    assert attempt.usage == Usage(60, 40, 0, 30, 10)
    assert (home.gateway.requests_total, home.gateway.attempts_total) == (1, 1)


async def test_a_stream_keeps_its_order_and_its_times(house):
    home = await house()
    home.set("a", time_to_first_chunk_s=2.0, seconds_per_chunk=0.5, output_tokens=9)

    stream = await home.client.chat.completions.create(model="gpt", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "I am a, really."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"
    (attempt,) = home.attempts
    assert attempt.stream
    assert attempt.usage.output_tokens == 9, "but it is always asked of the upstream"
    assert attempt.time_to_first_chunk_s == pytest.approx(2.0, abs=0.01)
    assert attempt.duration_s == pytest.approx(3.0, abs=0.01)


async def test_usage_that_was_asked_for_reaches_the_client(house):
    home = await house()
    stream = await home.client.chat.completions.create(
        model="gpt", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3


async def test_tools_plain_and_streamed(house):
    home = await house()
    plain = await home.client.chat.completions.create(model="gpt", messages=HELLO, tools=TOOLS)
    (call,) = plain.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"value"}')

    stream = await home.client.chat.completions.create(model="gpt", messages=HELLO, tools=TOOLS, stream=True)
    chunks = [chunk async for chunk in stream]
    parts = [call for c in chunks for call in (c.choices[0].delta.tool_calls or [])]
    assert len(parts) > 2, "the arguments come in fragments"
    assert "".join(part.function.arguments for part in parts) == '{"city":"value"}'
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_embeddings_and_completions(house):
    home = await house()
    embeddings = await home.client.embeddings.create(model="gpt", input=["one", "two"])
    assert [len(item.embedding) for item in embeddings.data] == [3, 3]
    completion = await home.client.completions.create(model="gpt", prompt="Once")
    assert completion.choices[0].text == "I am a, really."
    stream = await home.client.completions.create(model="gpt", prompt="Once", stream=True)
    assert "".join([c.choices[0].text async for c in stream]) == "I am a, really."
    assert [attempt.outcome for attempt in home.attempts] == [Outcome.SUCCESS] * 3


async def test_models_are_the_routes(house):
    home = await house()
    assert [model.id async for model in home.client.models.list()] == ["gpt"]
    assert (await home.client.models.retrieve("gpt")).owned_by == "foreroute"
    with pytest.raises(openai.NotFoundError):
        await home.client.models.retrieve("nope")


async def test_an_unknown_model_is_a_404_with_openais_code(house):
    home = await house()
    with pytest.raises(openai.NotFoundError) as caught:
        await home.client.chat.completions.create(model="nope", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert home.attempts == []


async def test_keys_when_there_are_any(house):
    door = Door({hashlib.sha256(b"right").hexdigest(): KeyId("team-1")})
    home = await house(door=door, api_key="wrong")
    with pytest.raises(openai.AuthenticationError) as caught:
        await home.client.chat.completions.create(model="gpt", messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert (await home.http.get("/v1/models")).status_code == 401

    await home.client.with_options(api_key="right").chat.completions.create(model="gpt", messages=HELLO)
    assert [attempt.key_id for attempt in home.attempts] == ["team-1"]


async def test_operations_need_neither_key_nor_channel(house):
    home = await house(door=Door({"00": KeyId("x")}))
    assert (await home.http.get("/health/liveness")).json() == {"status": "alive"}
    assert (await home.http.get("/health/readiness")).json() == {"status": "ready"}
    assert (await home.http.get("/metrics")).content == b"# metrics\n"
    unknown = await home.http.get("/nowhere")
    assert unknown.status_code == 404
    assert set(unknown.json()["error"]) == {"message", "type", "param", "code"}
    assert (await home.http.get("/v1/chat/completions")).status_code == 405


async def test_request_ids_are_echoed_once(house):
    home = await house()
    send = {"json": {"model": "gpt", "messages": HELLO}, "headers": {"x-request-id": "mine-1"}}
    first = await home.http.post("/chat/completions", **send)
    second = await home.http.post("/v1/chat/completions", **send)
    third = await home.http.post(
        "/v1/chat/completions", json=send["json"], headers={"x-request-id": "no spaces please"}
    )
    assert first.headers["x-request-id"] == "mine-1"
    assert second.headers["x-request-id"] == "mine-1", "echoed, although it is no longer a name of its own"
    assert third.headers["x-request-id"].startswith("req_")
    assert len({attempt.request_id for attempt in home.attempts}) == 3


async def test_fields_nobody_knows_reach_the_channel(house):
    home = await house()
    await home.client.chat.completions.create(
        model="gpt", messages=HELLO, extra_body={"vendor": {"model": "inner", "x": [1, 2.50, None]}}
    )
    body = home.providers["a"].received[0].body
    assert body["vendor"] == {"model": "inner", "x": [1, 2.5, None]}
    assert body["messages"] == HELLO
