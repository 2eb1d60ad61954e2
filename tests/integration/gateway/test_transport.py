"""Channels that break HTTP itself, on raw sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from foreroute.core.channel import Channel
from foreroute.core.failure import Phase
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.plan import Timeouts
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.transport import AiohttpTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
Asked = Callable[..., Awaitable[list[bytes]]]


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Sends a request to a server that answers with these bytes and then holds the line, or hangs up."""
    transport = AiohttpTransport({ChannelId("a"): "very-secret"})
    servers: list[asyncio.Server] = []
    release = asyncio.Event()

    async def ask(
        *parts: bytes | float, hold: bool = True, stream: bool = True, got: list[bytes] | None = None
    ) -> list[bytes]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            if got is not None:
                got.append(request)
            for part in parts:
                if isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    writer.write(part)
            if hold:
                await release.wait()
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        port = servers[-1].sockets[0].getsockname()[1]
        channel = Channel(
            id=ChannelId("a"),
            provider="p",
            cloud="c",
            region=RegionId("r"),
            model="m",
            base_url=f"http://127.0.0.1:{port}/v1",
        )
        response = await transport.send(
            UpstreamRequest(
                channel=channel,
                path="/chat/completions",
                body=b"{}",
                stream=stream,
                timeouts=Timeouts(connect_s=1.0, first_chunk_s=4.0, stall_s=2.0, total_s=9.0),
            )
        )
        try:
            return [chunk async for chunk in response.chunks()]
        finally:
            await response.aclose()

    yield ask
    release.set()
    for server in servers:
        server.close()
    await transport.aclose()
    await asyncio.sleep(0.01)


async def fails(asking: Awaitable[list[bytes]]) -> tuple[Phase, float]:
    started = asyncio.get_running_loop().time()
    with pytest.raises(TransportFailure) as caught:
        await asking
    assert "very-secret" not in repr(caught.value.evidence)
    return caught.value.evidence.phase, round(asyncio.get_running_loop().time() - started, 1)


async def test_an_illegal_chunk_header_in_the_middle_cannot_hang_us(asked: Asked) -> None:
    phase, after_s = await fails(asked(HEAD, b"5\r\nhello\r\n", 1.0, b"ZZZ\r\nrubbish"))
    assert phase is Phase.STREAM
    assert after_s <= 2.0


async def test_silence_before_and_after_the_head(asked: Asked) -> None:
    assert await fails(asked()) == (Phase.HEADERS, 4.0)
    assert await fails(asked(HEAD)) == (Phase.FIRST_CHUNK, 4.0)
    assert await fails(asked(HEAD, b"5\r\nhello\r\n")) == (Phase.STREAM, 2.0)
    assert await fails(asked(stream=False)) == (Phase.HEADERS, 9.0)


async def test_hanging_up_at_each_stage(asked: Asked) -> None:
    assert await fails(asked(hold=False)) == (Phase.HEADERS, 0.0)
    assert (await fails(asked(HEAD, b"5\r\nhel", hold=False)))[0] in {Phase.FIRST_CHUNK, Phase.STREAM}
    assert (await fails(asked(b"220 smtp ready\r\n\r\n", hold=False)))[0] is Phase.HEADERS


async def test_nobody_listens() -> None:
    transport = AiohttpTransport({})
    channel = Channel(
        id=ChannelId("a"),
        provider="p",
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://127.0.0.1:9/v1",
    )
    request = UpstreamRequest(channel=channel, path="/x", body=b"", stream=False, timeouts=Timeouts())
    with pytest.raises(TransportFailure) as caught:
        await transport.send(request)
    assert caught.value.evidence.phase is Phase.CONNECT
    assert caught.value.evidence.exception_chain[0][0] == "ClientConnectorError"
    await transport.aclose()


async def test_what_is_sent(asked: Asked) -> None:
    got: list[bytes] = []
    chunks = await asked(HEAD, b"5\r\nhello\r\n0\r\n\r\n", got=got)
    assert b"".join(chunks) == b"hello"
    head = got[0].lower()
    assert head.startswith(b"post /v1/chat/completions http/1.1\r\n")
    assert b"authorization: bearer very-secret\r\n" in head
    assert b"accept-encoding: identity\r\n" in head
    assert b"user-agent" not in head


async def test_a_redirect_is_not_followed(asked: Asked) -> None:
    answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"
    assert await asked(answer) == []
