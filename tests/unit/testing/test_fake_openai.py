"""The official OpenAI client in front of the fake provider: chat, completions, embeddings, and the rest of the paths."""

from enum import StrEnum
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from foreroute.testing.fake_provider import Always, FakeProvider
from foreroute.testing.streaming_asgi import stream as ask

HELLO: Any = [{"role": "user", "content": "Hello?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
        },
    },
}
CLOCK: Any = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}


class Mood(StrEnum):
    CALM = "calm"
    WILD = "wild"


class Place(BaseModel):
    name: str
    mood: Mood
    neighbours: list["Place"]
    height_m: float | None


async def test_chat_and_its_usage(fake):
    fake.set(
        input_tokens=100, cached_input_tokens=40, cache_write_tokens=7, output_tokens=30, reasoning_tokens=10
    )
    answer = await fake.openai.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].message.content == "I am the fake."
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 30, 130)
    assert usage.prompt_tokens_details.cached_tokens == 40
    assert usage.prompt_tokens_details.cache_write_tokens == 7
    assert usage.completion_tokens_details.reasoning_tokens == 10


async def test_several_choices(fake):
    plain = await fake.openai.chat.completions.create(model="m", messages=HELLO, n=3)
    assert [choice.index for choice in plain.choices] == [0, 1, 2]
    stream = await fake.openai.chat.completions.create(model="m", messages=HELLO, n=2, stream=True)
    texts, ends = ["", ""], []
    async for chunk in stream:
        (choice,) = chunk.choices
        texts[choice.index] += choice.delta.content or ""
        ends += [choice.index] if choice.finish_reason else []
    assert texts == ["I am the fake."] * 2
    assert ends == [0, 1]


async def test_the_streaming_helper_puts_the_answer_together(fake):
    async with fake.openai.chat.completions.stream(
        model="m", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "I am the fake."
    assert final.usage.completion_tokens == 3
    deltas = [event.delta for event in events if event.type == "content.delta"]
    assert [delta for delta in deltas if delta] == ["I am", " the", " fake."]


async def test_tools_are_called_with_arguments_that_fit_and_only_until_their_result_is_there(fake):
    asked = await fake.openai.chat.completions.create(model="m", messages=HELLO, tools=[WEATHER, CLOCK])
    (call,) = asked.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"value","days":3}')
    assert asked.choices[0].finish_reason == "tool_calls"
    named = await fake.openai.chat.completions.create(
        model="m",
        messages=HELLO,
        tools=[WEATHER, CLOCK],
        tool_choice={"type": "function", "function": {"name": "clock"}},
    )
    assert named.choices[0].message.tool_calls[0].function.name == "clock"
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    done = await fake.openai.chat.completions.create(
        model="m", messages=[*HELLO, asked.choices[0].message, result], tools=[WEATHER]
    )
    assert done.choices[0].message.content == "I am the fake."


async def test_an_answer_fits_the_schema_that_was_asked_for(fake):
    plain = await fake.openai.chat.completions.parse(model="m", messages=HELLO, response_format=Place)
    place = plain.choices[0].message.parsed
    assert place == Place(name="value", mood=Mood.CALM, neighbours=[], height_m=1.5)
    async with fake.openai.chat.completions.stream(
        model="m", messages=HELLO, response_format=Place
    ) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == place


@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings_in_both_forms(fake, form):
    answer = await fake.openai.embeddings.create(model="m", input=["one", "two"], encoding_format=form)
    assert [item.index for item in answer.data] == [0, 1]
    first = answer.data[0].embedding
    assert isinstance(first, str) == (form == "base64")
    default = await fake.openai.embeddings.create(model="m", input="one")
    assert default.data[0].embedding == pytest.approx([0.1, -0.2, 0.3])
    assert fake.last.body["encoding_format"] == "base64", "the client asks for it and decodes"


async def test_the_older_completions(fake):
    answer = await fake.openai.completions.create(model="m", prompt="Once")
    assert answer.choices[0].text == "I am the fake."
    stream = await fake.openai.completions.create(model="m", prompt="Once", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "I am the fake."


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
async def test_errors_are_complete(fake, status, error):
    fake.set(status=status, error_message="No.", error_code="some_code", retry_after_s=1.5)
    with pytest.raises(error) as caught:
        await fake.openai.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.code == "some_code"
    assert caught.value.response.headers["retry-after"] == "1.5"
    assert set(caught.value.response.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_request_that_a_provider_would_refuse_is_refused(fake):
    no_model = await fake.http.post("/chat/completions", json={"messages": HELLO})
    broken = await fake.http.post("/chat/completions", content=b"{")
    assert (no_model.status_code, broken.status_code) == (400, 400)
    assert (await fake.http.post("/nowhere", json={})).status_code == 404
    assert (await fake.http.get("/chat/completions")).status_code == 404


async def test_moderations_images_and_sound(fake):
    moderation = await fake.openai.moderations.create(model="m", input=["a", "b"])
    assert [result.flagged for result in moderation.results] == [False, False]
    image = await fake.openai.images.generate(model="m", prompt="a dot")
    assert image.data[0].b64_json.startswith("iVBORw0KGgo")
    async with fake.openai.audio.speech.with_streaming_response.create(
        model="m", voice="alloy", input="Hi"
    ) as speech:
        assert speech.headers["content-type"] == "audio/mpeg"
        assert (await speech.read()).startswith(b"ID3")
    heard = await fake.openai.audio.transcriptions.create(model="m", file=("a.mp3", b"\x00\xff" * 100))
    assert heard.text == "I am the fake."
    assert fake.last.body == {}
    assert b"\x00\xff" * 100 in fake.last.raw


async def test_files_batches_and_ranking(fake):
    made = await fake.openai.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert made.status == "processed"
    assert (await fake.openai.files.retrieve("file-7")).id == "file-7"
    assert (await fake.openai.files.delete("file-7")).deleted
    assert [file.object async for file in fake.openai.files.list()] == ["file"]
    batch = await fake.openai.batches.create(
        input_file_id=made.id, endpoint="/v1/embeddings", completion_window="24h"
    )
    assert (batch.endpoint, batch.input_file_id) == ("/v1/embeddings", made.id)
    assert (await fake.openai.batches.cancel(batch.id)).status == "cancelling"
    ranked = await fake.http.post("/rerank", json={"model": "m", "query": "q", "documents": ["a", "b"]})
    assert [one["index"] for one in ranked.json()["results"]] == [0, 1]
    assert fake.last.method == "POST"


async def test_paths_that_were_not_wanted_are_not_there():
    provider = FakeProvider(Always(), others=())
    async with ask(provider, "POST", "/v1/moderations", body=b"{}") as answer:
        assert answer.status == 404
    async with ask(provider, "GET", "/v1/files/file-1") as answer:
        assert answer.status == 404


async def test_models_are_listed(fake):
    assert [model.id async for model in fake.openai.models.list()] == ["fake-model"]
