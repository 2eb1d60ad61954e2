"""Paths that are passed on without being understood."""

import asyncio
import contextlib

import httpx2
import openai
import pytest

from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.fake_provider import Fault

SIDE_BY_SIDE = {"a": 0, "b": 0}
SOUND = ("speech.wav", b"RIFF\x00\x01\xff\xfe" * 1000)
POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=9, outlier_ratio_min=1.0),
)


async def test_a_form_reaches_the_channel_with_its_own_model_and_otherwise_byte_for_byte(house):
    home = await house("a")
    parts = {"file": SOUND, "model": (None, "gpt"), "language": (None, "en")}
    response = await home.http.post("/v1/audio/transcriptions", files=parts)
    assert response.json()["text"] == "I am a, really."
    (request,) = home.providers["a"].received
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    boundary = request.headers["content-type"].split("=")[1].encode()
    assert b'name="model"\r\n\r\nmodel-of-a\r\n--' + boundary in request.raw
    assert request.raw.count(b"gpt") == 0
    assert SOUND[1] in request.raw
    assert request.headers["content-length"] == str(len(request.raw))
    assert request.headers["authorization"] == "Bearer secret-of-a"
    (attempt,) = home.attempts
    assert (attempt.route, attempt.outcome, attempt.stream) == ("gpt", "success", False)


async def test_the_official_client_uploads_and_transcribes(house):
    home = await house("a")
    said = await home.client.audio.transcriptions.create(model="gpt", file=SOUND)
    assert said.text == "I am a, really."
    image = await home.client.images.generate(model="gpt", prompt="A cat")
    assert image.data[0].b64_json
    judged = await home.client.moderations.create(model="gpt", input=["x", "y"])
    assert len(judged.results) == 2
    assert [request.body.get("model") for request in list(home.providers["a"].received)[1:]] == [
        "model-of-a"
    ] * 2


async def test_binary_answers_come_as_they_are(house):
    home = await house("a")
    async with home.client.audio.speech.with_streaming_response.create(
        model="gpt", voice="alloy", input="Hi"
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert (await answer.read()).startswith(b"ID3\x04")
    assert home.tried() == [("a", "success")]


async def test_methods_and_queries_pass(house):
    home = await house("a")
    listed = await home.http.get("/v1/files?limit=3&after=file-1%2F")
    assert listed.json()["object"] == "list"
    deleted = await home.http.delete("/v1/files/file-1")
    assert deleted.json() == {"id": "file-1", "object": "file", "deleted": True}
    asked = home.providers["a"].received
    assert [(request.method, request.path) for request in asked] == [
        ("GET", "/files"),
        ("DELETE", "/files/file-1"),
    ]
    assert "content-type" not in asked[0].headers, "what has no body says nothing of one"
    assert (await home.http.put("/v1/files/file-1")).status_code == 405
    assert (await home.http.patch("/v1/files/file-1")).status_code == 405
    assert home.asked("a") == 2


@pytest.mark.parametrize(
    "path",
    ["/v1/organization/users", "/v1/fine_tuning/jobs", "/v1/files/../organization/users",
     "/v1/files/%2e%2e/organization/users", "/v1/files/a%2F..%2F..%2Forganization", "/v1//files", "/v1/files/",
     "/openai/deployments/gpt/organization/users", "/v1/files/%00", "/v1/files/%252e%252e"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_is_not_listed_never_reaches_a_channel(house, path, method):
    home = await house("a")
    reader, writer = await asyncio.open_connection(*home.url.removeprefix("http://").split(":"))
    writer.write(
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"unknown_url"' in answer
    assert home.asked("a") == 0


async def test_the_operator_may_list_nothing(house):
    home = await house("a", settings=GatewaySettings(passthrough=frozenset()))
    assert (await home.http.get("/v1/files")).status_code == 404
    assert (await home.post("/v1/responses", input="x")).status_code == 200, "what is understood is served"


async def test_an_object_is_asked_for_where_it_was_made(house):
    home = await house("ab", priorities=SIDE_BY_SIDE)
    made: dict[str, list[str]] = {}
    for _ in range(20):
        response = await home.http.post("/v1/files", files={"file": SOUND, "model": (None, "gpt")})
        made.setdefault(response.headers["x-foreroute-channel"], []).append(response.json()["id"])
    known = {name: ids for name, ids in made.items() if ids}
    assert len(known) == 2, "uploads spread"
    alone = {
        name: [i for i in ids if all(i not in others for n, others in known.items() if n != name)]
        for name, ids in known.items()
    }
    for name, ids in alone.items():
        for one in ids[:5]:
            for path in (f"/v1/files/{one}", f"/v1/files/{one}/content"):
                assert (await home.http.get(path)).headers["x-foreroute-channel"] == name
    assert any(alone.values())


async def test_a_channel_that_fails_is_stood_in_for(house):
    home = await house(policy=POLICY)
    home.set("a", status=500)
    response = await home.http.post("/v1/moderations", json={"model": "gpt", "input": "x"})
    assert response.status_code == 200
    assert home.tried() == [("a", "failure"), ("b", "success")]
    assert home.providers["b"].received[0].model == "model-of-b"


async def test_a_fault_of_the_request_comes_back_as_it_was_said(house):
    home = await house(policy=POLICY)
    home.set("a", status=400, error_message="No such voice.")
    with pytest.raises(openai.BadRequestError, match="No such voice"):
        await home.client.audio.speech.create(model="gpt", voice="alloy", input="Hi")
    assert home.tried() == [("a", "ignored")]


async def test_an_object_that_is_not_there_is_nobodys_failure(house):
    home = await house(policy=POLICY)
    for name in "ab":
        home.set(name, status=404, error_message="No such file.")
    response = await home.http.get("/v1/files/file-x")
    assert (response.status_code, response.json()["error"]["message"]) == (404, "No such file.")
    assert home.tried() == [("a", "ignored")]
    assert home.standing("a").breaker == "closed"


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL])
async def test_a_binary_answer_that_is_cut_midway_breaks_off_and_does_not_look_whole(house, fault):
    home = await house(policy=POLICY)
    home.set("a", fault=fault)
    with pytest.raises(httpx2.HTTPError):
        await home.http.post("/v1/audio/speech", json={"model": "gpt", "voice": "x", "input": "Hi"})
    await asyncio.sleep(0.1)
    ((channel, outcome),) = home.tried()
    assert channel == "a"
    assert outcome in {"failure", "timeout"}
    assert home.asked("b") == 0, "a part of it has left"
    assert home.standing("a").in_flight == 0
    assert home.gateway.tally.failed == 1


async def test_an_unknown_model_is_a_404_here_too(house):
    home = await house("a")
    response = await home.http.post("/v1/moderations", json={"model": "nope", "input": "x"})
    assert response.json()["error"]["code"] == "model_not_found"
    assert home.asked("a") == 0


async def test_a_large_upload_passes(house):
    home = await house("a")
    data = bytes(range(256)) * 20_000
    response = await home.http.post(
        "/v1/files", files={"file": ("x.jsonl", data), "purpose": (None, "batch")}
    )
    assert response.status_code == 200
    assert data in home.providers["a"].received[0].raw
