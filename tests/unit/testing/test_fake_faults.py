"""Every fault in every dialect, seen as bytes on the wire."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from foreroute.testing.fake_provider import Fault

HELLO: Any = [{"role": "user", "content": "Hello?"}]
REQUESTS: dict[str, dict[str, Any]] = {
    "/chat/completions": {"model": "m", "messages": HELLO},
    "/completions": {"model": "m", "prompt": "Once"},
    "/responses": {"model": "m", "input": "Hello?"},
    "/messages": {"model": "m", "messages": HELLO, "max_tokens": 10},
}
UNSTREAMED: dict[str, dict[str, Any]] = {
    "/embeddings": {"model": "m", "input": "Hello?"},
    "/messages/count_tokens": {"model": "m", "messages": HELLO},
    "/moderations": {"model": "m", "input": "Hello?"},
}
ENDS = {
    "/chat/completions": "[DONE]",
    "/completions": "[DONE]",
    "/responses": "response.completed",
    "/messages": "message_stop",
}
HOLLOW = {
    "/chat/completions": "choices",
    "/completions": "choices",
    "/responses": "output",
    "/messages": "content",
    "/embeddings": "data",
}
stream_paths = pytest.mark.parametrize("path", REQUESTS)
all_paths = pytest.mark.parametrize("path", [*REQUESTS, *UNSTREAMED])


async def whole(fake, path) -> httpx2.Response:
    response: httpx2.Response = await fake.http.post(path, json={**REQUESTS, **UNSTREAMED}[path])
    return response


async def streamed(fake, path) -> tuple[str, Exception | None]:
    """What came, and how it ended."""
    text, end = "", None
    try:
        async with fake.http.stream("POST", path, json={**REQUESTS[path], "stream": True}) as response:
            assert response.status_code == 200
            async for part in response.aiter_text():
                text += part
    except httpx2.HTTPError as error:
        end = error
    return text, end


def says(text: str) -> str:
    """The content of a stream, whatever its dialect."""
    found = ""
    for line in text.splitlines():
        if not line.startswith("data: {") or not line.endswith("}"):
            continue
        event = json.loads(line[6:])
        for choice in event.get("choices", ()):
            found += choice.get("text") or choice.get("delta", {}).get("content") or ""
        if str(event.get("type", "")).endswith(".delta"):
            found += event["delta"]
        found += event["delta"].get("text", "") if event.get("type") == "content_block_delta" else ""
    return found


@stream_paths
async def test_without_a_fault_a_stream_is_whole(fake, path):
    text, end = await streamed(fake, path)
    assert end is None
    assert says(text) == "I am the fake."
    assert ENDS[path] in text


@stream_paths
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.CUT, httpx2.RemoteProtocolError),
        (Fault.STALL, httpx2.ReadTimeout),
        (Fault.UNFINISHED, None),
        (Fault.TRUNCATED_JSON, None),
        (Fault.ERROR_EVENT, None),
    ],
)
async def test_a_stream_breaks_after_its_chunks(fake, path, after, fault, error):
    fake.set(fault=fault, fault_after_chunks=after)
    text, end = await streamed(fake, path)
    assert type(end) is (error or type(None))
    assert says(text) == "".join(("I am", " the", " fake.")[:after])
    assert ENDS[path] not in text
    last = text.rstrip().rpartition("data: ")[2]
    if fault is Fault.TRUNCATED_JSON:
        with pytest.raises(json.JSONDecodeError):
            json.loads(last)
    if fault is Fault.ERROR_EVENT:
        assert "The provider says no." in last
        json.loads(last)


@all_paths
async def test_a_whole_answer_breaks(fake, path):
    sound = await whole(fake, path)
    for fault, error in ((Fault.CUT, httpx2.RemoteProtocolError), (Fault.STALL, httpx2.ReadTimeout)):
        fake.set(fault=fault)
        with pytest.raises(error):
            await whole(fake, path)
    fake.set(fault=Fault.TRUNCATED_JSON)
    cut = await whole(fake, path)
    assert cut.status_code == 200
    assert 0 < len(cut.content) < len(sound.content)
    fake.set(fault=Fault.NO_ANSWER)
    with pytest.raises(httpx2.ReadTimeout):
        await whole(fake, path)
    await asyncio.sleep(0.01)
    assert fake.provider.disconnects_total == 2, "the silences"


@all_paths
async def test_html_is_no_answer(fake, path):
    fake.set(fault=Fault.HOLLOW_HTML)
    answer = await whole(fake, path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize("path", HOLLOW)
async def test_an_answer_with_nothing_in_it(fake, path):
    fake.set(fault=Fault.EMPTY_CHOICES)
    answer = await whole(fake, path)
    assert answer.status_code == 200
    assert answer.json()[HOLLOW[path]] == []
    if path in REQUESTS:
        text, end = await streamed(fake, path)
        assert end is None
        assert says(text) == ""
        assert ENDS[path] in text, "it ends as if all were well"


@all_paths
async def test_an_error_inside_a_200(fake, path):
    fake.set(fault=Fault.ERROR_EVENT)
    answer = await whole(fake, path)
    assert answer.status_code == 200
    body = answer.json()
    assert body["error"]["message"] == "The provider says no."
    if path == "/responses":
        assert body["status"] == "failed"
    if path.startswith("/messages"):
        assert body["type"] == "error"


@all_paths
@pytest.mark.parametrize("status", [429, 503])
async def test_an_error_status_has_its_dialects_object(fake, path, status):
    fake.set(status=status, retry_after_s=2.0, fault=Fault.NONE)
    answer = await whole(fake, path)
    assert answer.status_code == status
    assert answer.headers["retry-after"] == "2"
    is_anthropic = path.startswith("/messages")
    assert set(answer.json()) == ({"type", "error", "request_id"} if is_anthropic else {"error"})
    assert ("request-id" in answer.headers) == is_anthropic
