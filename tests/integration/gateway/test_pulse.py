"""Signs of life: a stream that has nothing to send for ten seconds gets a comment, and nothing else changes."""

import asyncio
from typing import Any

import openai
import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.testing.fake_provider import Fault

COMMENT = b": still working\n\n"
PATIENT = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=35.0, stall_s=35.0, total_s=300.0),
    breaker=BreakerPolicy(consecutive_failures_max=9),
)


def comments(home: Any) -> list[float]:
    return [round(one.at, 2) for one in home.sent if one.body == COMMENT]


async def streamed(home: Any, path: str = "/v1/chat/completions", **fields: Any) -> bytes:
    response = await home.post(path, stream=True, **fields)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    content: bytes = response.content
    return content


async def test_comments_before_the_head_and_between_events_and_no_byte_of_the_answer_is_lost(house):
    home = await house("a", policy=PATIENT)
    plain = await streamed(home)
    home.set("a", time_to_first_chunk_s=25.0, seconds_per_chunk=12.0)
    started_at = asyncio.get_running_loop().time()
    noisy = await streamed(home)
    assert [at - started_at for at in comments(home)] == pytest.approx([10, 20, 35, 47], abs=0.1)
    events = [event for event in noisy.split(b"\n\n") if not event.startswith(b":")]
    assert len(events) == len(plain.split(b"\n\n"))
    assert all(event.startswith(b"data: ") for event in events if event)
    assert noisy.startswith(COMMENT)
    assert noisy.endswith(b"data: [DONE]\n\n")
    assert home.tried() == [("a", "success")] * 2


async def test_a_lively_stream_gets_none(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=9.0, seconds_per_chunk=9.0)
    assert COMMENT not in await streamed(home)


async def test_an_answer_that_is_not_streamed_gets_none(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=25.0)
    response = await home.post()
    assert response.json()["choices"][0]["message"]["content"] == "I am a, really."
    assert comments(home) == []


async def test_failing_over_is_still_possible_after_a_comment(house):
    home = await house(policy=PATIENT)
    home.set("a", fault=Fault.NO_ANSWER)
    stream = await home.client.chat.completions.create(
        model="gpt", messages=[{"role": "user", "content": "?"}], stream=True
    )
    assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "I am b, really."
    assert home.tried() == [("a", "timeout"), ("b", "success")]
    assert len(comments(home)) == 3


@pytest.mark.parametrize("status", [500, 400])
async def test_an_error_after_a_comment_arrives_as_an_event(house, status):
    home = await house("a", policy=PATIENT, attempts_max=1)
    home.set("a", time_to_first_chunk_s=12.0, status=status, error_message="Something is wrong")
    body = await streamed(home)
    comment, event, rest = body.split(b"\n\n")
    assert (comment + b"\n\n", rest) == (COMMENT, b"")
    assert event.startswith(b'data: {"error":{')
    assert (b"Something is wrong" in event) == (status == 400), "the client's own fault is said as it was"
    with pytest.raises(openai.APIError):
        async for _ in await home.client.chat.completions.create(model="gpt", messages=[], stream=True):
            pass


@pytest.mark.parametrize(
    ("path", "head"),
    [("/v1/responses", b'event: error\ndata: {"type":"error","code":"upstream_unavailable"'),
     ("/v1/messages", b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"')],
)  # fmt: skip
async def test_an_error_after_a_comment_in_the_callers_format(house, path, head):
    home = await house("a", policy=PATIENT, attempts_max=1, anthropic="a" if "messages" in path else "")
    home.set("a", time_to_first_chunk_s=12.0, status=500)
    body = await streamed(home, path, max_tokens=9)
    assert body.startswith(COMMENT + head)
    assert body.count(b"\n\n") == 2


async def test_a_client_that_leaves_after_a_comment_is_recorded_once(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=30.0)
    body = {"model": "gpt", "messages": [], "stream": True}
    async with home.http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert await anext(response.aiter_raw()) == COMMENT
    await asyncio.sleep(0.1)
    assert home.tried() == [("a", "ignored")]
    await asyncio.sleep(60.0)
    assert len(comments(home)) == 1, "nobody is left to be told"
    assert home.standing("a").in_flight == 0
