"""Smuggling, splitting, oversize, slowness and bombs, as raw bytes."""

import asyncio
import gzip
import zlib

import pytest
from tests.security.conftest import OpenFront, chat, request

from foreroute.serving import Patience

OK = b"HTTP/1.1 200"


def answers(got: bytes) -> int:
    """How many answers came on the connection."""
    return got.count(b"HTTP/1.1 ")


async def test_a_sound_request_is_served(open_front: OpenFront) -> None:
    front = await open_front()
    got = await front.say(request(chat()))
    assert got.startswith(OK)
    assert front.provider.requests_total == 1


SMUGGLED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 4",
        b"content-length: 4\r\ncontent-length: 60",
        b"content-length: 4, 60",
        b"content-length: +4",
        b"content-length: 0x4",
        b"content-length: -1",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: xchunked",
        b"transfer-encoding : chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
        b"x: y\r\n continued: chunked\r\ntransfer-encoding:\r\n\tchunked",
        b"x\x00y: z\r\ncontent-length: 4",
        b"x: a\rb\r\ncontent-length: 4",
        b"x: a\nb: c\r\ncontent-length: 4",
        b": nothing\r\ncontent-length: 4",
    ],
)
async def test_an_ambiguous_length_never_makes_two_requests_of_one(
    open_front: OpenFront, head: bytes
) -> None:
    front = await open_front()
    raw = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
    got = await front.say(raw)
    assert not got.count(OK)
    assert answers(got) <= 1, got
    assert front.provider.requests_total == 0


async def test_chunks_that_do_not_add_up_are_refused(open_front: OpenFront) -> None:
    front = await open_front()
    got = await front.say(request(b"", b"transfer-encoding: chunked") + b"5\r\nhelloworld\r\n0\r\n\r\n")
    assert not got.count(OK)
    assert front.provider.requests_total == 0


@pytest.mark.parametrize("twice", [b"authorization", b"host", b"content-type", b"x-api-key"])
async def test_a_header_that_may_stand_once_is_refused_when_it_stands_twice(
    open_front: OpenFront, twice: bytes
) -> None:
    """A proxy that looks at the first and a gateway that looks at the last would let different people in."""
    front = await open_front(sections={"gateway": {"api_keys": ["${KEY}"]}}, environment={"KEY": "fr-good"})
    good = b"authorization: Bearer fr-good"
    got = await front.say(request(chat(), good, twice + b": one", twice + b": two"))
    assert got.startswith(b"HTTP/1.1 400"), got
    assert front.provider.requests_total == 0


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/files/../../admin",
        b"/v1/files/..%2f..%2fadmin",
        b"/v1/files/%2e%2e/%2e%2e/admin",
        b"/v1/files/x%3fadmin=1",
        b"/v1/files/x%23y",
        b"/v1/files/x%0d%0aevil:%201",
        b"/v1/files/x%00",
        b"/v1/files//evil.example/x",
        b"/v1/files/@evil.example",
        b"/v1/fine_tuning/jobs",
        b"/v1/organization/admin_api_keys",
        b"http://169.254.169.254/v1/files/latest",
    ],
)
async def test_no_path_reaches_what_is_not_passed_through(open_front: OpenFront, path: bytes) -> None:
    front = await open_front()
    got = await front.say(request(b"", path=path, method=b"GET"))
    assert b"evil" not in got.split(b"\r\n\r\n")[0]
    for one in front.provider.received:
        assert one.path.startswith("/files/"), one.path
        assert ".." not in one.path
    assert not front.provider.received or path.startswith(b"http:")


async def test_what_a_client_names_in_headers_splits_no_upstream_request(open_front: OpenFront) -> None:
    front = await open_front()
    got = await front.say(request(chat(), b"openai-beta: a\x0bb", b"idempotency-key: x\x85evil: 1"))
    assert answers(got) == 1
    for one in front.provider.received:
        assert "evil" not in one.headers


async def test_a_header_of_the_gateway_cannot_be_forged_by_its_client(open_front: OpenFront) -> None:
    """The provider's key is the channel's, whatever the client sends."""
    front = await open_front()
    await front.say(
        request(chat(), b"authorization: Bearer client", b"x-forwarded-for: 1.2.3.4", b"cookie: a=b")
    )
    (one,) = front.provider.received
    assert not {"authorization", "x-forwarded-for", "cookie"} & set(one.headers)


# Oversize ------------------------------------------------------------------------------------------------------------


async def test_a_head_without_end_is_cut_off(open_front: OpenFront) -> None:
    front = await open_front(patience=Patience(head_bytes_max=8192))
    line = b"x-filler: " + b"a" * 1000 + b"\r\n"
    got = await front.say(b"GET /health/liveness HTTP/1.1\r\n", *[line] * 400)
    assert got.startswith(b"HTTP/1.1 431") or got == b"", got


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health/liveness HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /health/liveness HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 300 + b"\r\n",
    ],
)
async def test_a_head_that_is_too_large_is_refused(open_front: OpenFront, raw: bytes) -> None:
    front = await open_front()
    got = await front.say(raw)
    assert got.startswith(b"HTTP/1.1 431"), got[:200]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_refused(open_front: OpenFront, announced: bool) -> None:
    front = await open_front(sections={"gateway": {"body_max": "10kB"}})
    body = chat("x" * 50_000)
    if announced:
        got = await front.say(request(body))
    else:
        chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        got = await front.say(request(b"", b"transfer-encoding: chunked") + chunk)
    assert got.startswith(b"HTTP/1.1 413"), got[:200]
    assert front.provider.requests_total == 0


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_body_is_not_unpacked(open_front: OpenFront, coding: str) -> None:
    front = await open_front()
    plain = chat("x" * 10_000_000)
    body = zlib.compress(plain) if coding == "deflate" else gzip.compress(plain, 1)
    assert len(body) < 200_000
    got = await front.say(request(body, b"content-encoding: " + coding.encode()))
    assert got.startswith(b"HTTP/1.1 415"), got[:300]
    assert b"compress" in got
    assert front.provider.requests_total == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b'{"a":' * 200_000,
        b'{"model":"chat","messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"model":"chat","messages":[],"n":1' + b"0" * 100_000 + b"}",
        b'{"model":"chat","messages":[],"n":1e400}',
        b'{"model":"chat","messages":[],' + b",".join(b'"%d":0' % n for n in range(200_000)) + b"}",
        b'{"model":"chat","messages":[{"role":"user","content":"\\ud800"}]}',
        b"\xff\xfe\x00",
        b"null",
        b'"' + b"\\" * 100_001,
    ],
)
async def test_json_that_is_a_bomb_gets_an_answer_and_no_crash(
    open_front: OpenFront, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    front = await open_front()
    got = await front.say(request(body))
    assert got.startswith((b"HTTP/1.1 4", OK)), got[:200]
    assert "request_crashed" not in caplog.text
    alive = await front.say(request(b"", path=b"/health/liveness", method=b"GET"))
    assert alive.startswith(OK)


# Slowness ------------------------------------------------------------------------------------------------------------

QUICK = Patience(head_s=0.3, body_s=0.3, body_bytes_min=1000)


async def dripped(port: int, first: bytes, drop: bytes) -> tuple[bytes, bool]:
    """What comes back, and whether the gateway has hung up, when bytes come one by one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)

    async def drip() -> None:
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.05)

    dripping = asyncio.ensure_future(drip())
    try:
        got = await asyncio.wait_for(reader.read(), 10.0)
    except TimeoutError:
        return b"", False
    except ConnectionError:
        got = b""
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.close()
    return got, True


async def test_a_head_that_comes_byte_by_byte_is_given_up(open_front: OpenFront) -> None:
    front = await open_front(patience=QUICK)
    got, gone = await dripped(front.port, b"GET /health/liveness HTTP/1.1\r\nx: ", b"a")
    assert gone
    assert got.startswith(b"HTTP/1.1 408")


async def test_a_connection_that_says_nothing_is_closed(open_front: OpenFront) -> None:
    front = await open_front(patience=QUICK)
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    assert await asyncio.wait_for(reader.read(), 10.0) == b""
    writer.close()


async def test_a_body_that_comes_byte_by_byte_is_given_up(open_front: OpenFront) -> None:
    front = await open_front(patience=QUICK)
    _, gone = await dripped(front.port, request(b"", b"content-length: 100000"), b"a")
    assert gone
    assert front.data.gateway.tally.unread == 1
    assert front.provider.requests_total == 0


async def test_a_body_in_good_pace_is_not_given_up(open_front: OpenFront) -> None:
    front = await open_front(patience=Patience(head_s=0.3, body_s=0.2, body_bytes_min=100))
    body = chat("x" * 3000)
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(request(body)[: -len(body)])
    for at in range(0, len(body), 300):
        writer.write(body[at : at + 300])
        await asyncio.sleep(0.05)
    assert (await asyncio.wait_for(reader.read(12), 10.0)) == OK
    writer.close()


async def test_a_second_request_on_a_connection_has_its_own_time(open_front: OpenFront) -> None:
    front = await open_front(patience=QUICK)
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(request(b"", path=b"/health/liveness", method=b"GET"))
    assert (await asyncio.wait_for(reader.read(4096), 10.0)).startswith(OK)
    writer.write(b"GET /health/")
    got = await asyncio.wait_for(reader.read(), 10.0)
    assert got.startswith(b"HTTP/1.1 408")
    writer.close()


async def test_an_answer_that_is_a_bomb_is_not_unpacked_either(open_front: OpenFront) -> None:
    """The gateway asks for no compression and undoes none: what a provider packs reaches the client as it is."""
    front = await open_front()
    await front.say(request(chat()))
    (one,) = front.provider.received
    assert one.headers.get("accept-encoding") == "identity"
