"""The official OpenAI client through the gateway: everything that it can ask, and what it does about failures."""

import asyncio
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from foreroute.testing.fake_provider import Fault

MODEL = "gpt-5-fake"
HELLO: Any = [{"role": "user", "content": "Hello?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
RESPONSES_TOOL: Any = {"type": "function", "name": "weather", "parameters": PARAMETERS}
SAID = "I am gpt-a."


class Place(BaseModel):
    name: str
    height_m: float


PLACE = Place(name="value", height_m=1.5)


async def chat(house, **more) -> Any:
    return await house.openai.chat.completions.create(model=MODEL, messages=HELLO, **more)


async def respond(house, **more) -> Any:
    return await house.openai.responses.create(model=MODEL, input="Hello?", **more)


both = pytest.mark.parametrize("ask", [chat, respond])


async def test_chat_plain_and_streamed(house):
    house.set("gpt-a", cached_input_tokens=4, reasoning_tokens=2, output_tokens=9)
    plain = await chat(house)
    assert plain.choices[0].message.content == SAID
    assert plain.usage.completion_tokens_details.reasoning_tokens == 2
    async with house.openai.chat.completions.stream(
        model=MODEL, messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == SAID
    assert final.usage.to_dict() == plain.usage.to_dict()


async def test_responses_plain_and_streamed(house):
    house.set("gpt-a", cached_input_tokens=4, reasoning_tokens=2, output_tokens=9)
    plain = await respond(house, instructions="Be brief.")
    assert (plain.status, plain.output_text, plain.instructions) == ("completed", SAID, "Be brief.")
    stream = await respond(house, stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events][:2] == ["response.created", "response.in_progress"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == SAID
    assert events[-1].response.usage.to_dict() == plain.usage.to_dict()


async def test_tools_in_chat(house):
    plain = await chat(house, tools=[CHAT_TOOL])
    (call,) = plain.choices[0].message.tool_calls
    async with house.openai.chat.completions.stream(model=MODEL, messages=HELLO, tools=[CHAT_TOOL]) as stream:
        final = await stream.get_final_completion()
    (streamed,) = final.choices[0].message.tool_calls
    for one in (call, streamed):
        assert (one.function.name, one.function.arguments) == ("weather", '{"city":"value"}')
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    done = await house.openai.chat.completions.create(
        model=MODEL, messages=[*HELLO, plain.choices[0].message, result], tools=[CHAT_TOOL]
    )
    assert done.choices[0].message.content == SAID


async def test_tools_in_responses(house):
    plain = await respond(house, tools=[RESPONSES_TOOL])
    async with house.openai.responses.stream(model=MODEL, input="Hello?", tools=[RESPONSES_TOOL]) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    for response in (plain, final):
        (call,) = response.output
        assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city":"value"}')


async def test_structured_answers(house):
    parsed = await house.openai.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Place)
    assert parsed.choices[0].message.parsed == PLACE
    response = await house.openai.responses.parse(model=MODEL, input="Hello?", text_format=Place)
    assert response.output_parsed == PLACE
    async with house.openai.responses.stream(model=MODEL, input="Hello?", text_format=Place) as stream:
        async for _ in stream:
            pass
        assert (await stream.get_final_response()).output_parsed == PLACE


async def test_embeddings_and_completions(house):
    for form in ("float", "base64", openai.omit):
        answer = await house.openai.embeddings.create(model=MODEL, input=["a", "b"], encoding_format=form)
        assert len(answer.data) == 2
    assert answer.data[0].embedding == pytest.approx([0.1, -0.2, 0.3])
    completion = await house.openai.completions.create(model=MODEL, prompt="Once")
    assert completion.choices[0].text == SAID


async def test_models_and_an_unknown_one(house):
    assert {model.id async for model in house.openai.models.list()} == {MODEL, "claude-opus-fake"}
    with pytest.raises(openai.NotFoundError) as caught:
        await house.openai.responses.create(model="nobody", input="Hello?")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@both
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
async def test_whatever_the_first_channel_does_before_any_content_the_second_one_answers(
    house, ask, stream, fault
):
    house.set("gpt-a", fault=fault)
    answer = await ask(house, stream=stream)
    text = await streamed_text(answer) if stream else text_of(answer)
    whole_and_sound = fault is Fault.UNFINISHED and not stream
    assert text == (SAID if whole_and_sound else "I am gpt-b.")


@both
@pytest.mark.parametrize(
    "fault", [Fault.CUT, Fault.UNFINISHED, Fault.STALL, Fault.ERROR_EVENT, Fault.TRUNCATED_JSON]
)
async def test_a_stream_that_breaks_in_the_middle_does_not_look_whole(house, ask, fault):
    house.set("gpt-a", fault=fault, fault_after_chunks=2, seconds_per_chunk=0.5)
    said, broke = "", False
    try:
        async for event in await ask(house, stream=True):
            said += text_in(event)
            broke = broke or getattr(event, "type", "") in {"error", "response.failed"}
            assert getattr(event, "type", "") not in {"response.completed", "response.incomplete"}
            assert not any(choice.finish_reason for choice in getattr(event, "choices", ()))
    except openai.APIError:
        broke = True
    assert said in {"I am ", "I am gpt-a"}
    assert broke, "the client was told"
    assert house.asked("gpt-b") == 0, "nothing is repeated once content has left"


@both
async def test_the_clients_own_timeout_is_the_clients(house, ask):
    house.set("gpt", time_to_first_chunk_s=3.0)
    with pytest.raises(openai.APITimeoutError):
        await ask(house, timeout=1.0)
    await asyncio.sleep(0.1)
    assert house.providers["gpt-a"].disconnects_total == 1, "the channel is not kept busy for nobody"


@both
async def test_silence_everywhere_is_a_timeout_of_the_gateway(house, ask):
    house.set("gpt", fault=Fault.NO_ANSWER)
    with pytest.raises(openai.InternalServerError) as caught:
        await ask(house, stream=True)
    assert caught.value.status_code == 504
    assert caught.value.code == "upstream_timeout"


@both
@pytest.mark.parametrize("status", [429, 503])
async def test_the_clients_retry_waits_for_as_long_as_it_is_told(house, ask, status):
    await ask(house)  # the client looks at its platform once, on another thread
    house.set("gpt", status=status, retry_after_s=7.0)
    loop = asyncio.get_running_loop()
    with pytest.raises(openai.APIStatusError) as caught:
        await ask(house)
    assert caught.value.status_code == status
    assert 6.0 < float(caught.value.response.headers["retry-after"]) <= 7.0
    house.openai = house.openai.with_options(max_retries=1)
    began_at = loop.time()
    loop.call_at(began_at + 6.5, lambda: house.set("gpt", status=200))
    answer = await ask(house)
    assert text_of(answer).startswith("I am gpt-")
    assert loop.time() - began_at > 6.5, "not before it makes sense"
    assert house.asked("gpt-a") + house.asked("gpt-b") == 1 + 2 + 1, "and once"


@both
async def test_a_fault_of_the_request_comes_back_as_it_is(house, ask):
    refusal = {
        "error_message": "Too hot.",
        "error_type": "invalid_request_error",
        "error_code": "invalid_value",
    }
    house.set("gpt-a", status=400, **refusal)
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(house)
    assert caught.value.code == "invalid_value"
    assert "Too hot." in caught.value.message
    assert house.asked("gpt-b") == 0


async def test_files_sound_and_the_rest_pass_through(house):
    heard = await house.openai.audio.transcriptions.create(model=MODEL, file=("a.mp3", b"\x00\xff" * 999))
    assert heard.text == SAID
    assert b"\x00\xff" * 999 in house.providers["gpt-a"].received[-1].raw
    spoken = await house.openai.audio.speech.create(model=MODEL, voice="alloy", input="Hi")
    assert (await spoken.aread()).startswith(b"ID3")
    moderation = await house.openai.moderations.create(model=MODEL, input="a")
    assert moderation.results[0].flagged is False
    image = await house.openai.images.generate(model=MODEL, prompt="a dot")
    assert image.data[0].b64_json.startswith("iVBORw0KGgo")


def text_of(answer) -> str:
    return str(answer.output_text if hasattr(answer, "output_text") else answer.choices[0].message.content)


def text_in(event) -> str:
    """The content of one event of either API."""
    if hasattr(event, "choices"):
        return "".join(choice.delta.content or "" for choice in event.choices)
    return str(event.delta) if event.type == "response.output_text.delta" else ""


async def streamed_text(stream) -> str:
    return "".join([text_in(event) async for event in stream])
