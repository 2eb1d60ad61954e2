"""Where connections to channels may lead: by the address that is connected to, whatever names are resolved to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from tests.security.conftest import OpenFront, chat, document, request

from foreroute.core.channel import Channel, Reach
from foreroute.core.errors import ConfigError
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.plan import Timeouts
from foreroute.gateway.network import Network
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.reach import implied_reach, why_not
from foreroute.gateway.transport import AiohttpTransport
from foreroute.settings import parse_settings

METADATA = [
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1",
    "10.0.0.5",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd12::1",
    "::ffff:10.0.0.5",
]
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14"]


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("reach", [Reach.PUBLIC, Reach.PRIVATE])
def test_metadata_and_link_local_are_reached_by_neither(address: str, reach: Reach) -> None:
    assert why_not(address, reach) is not None
    assert why_not(address, Reach.ANY) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_private_channels(address: str) -> None:
    assert why_not(address, Reach.PUBLIC) is not None
    assert why_not(address, Reach.PRIVATE) is None


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("reach", list(Reach))
def test_public_addresses_are_for_all(address: str, reach: Reach) -> None:
    assert why_not(address, reach) is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_nobodys_addresses(address: str) -> None:
    assert why_not(address, Reach.PRIVATE) is not None


@given(st.ip_addresses())
def test_every_address_has_an_answer_and_a_narrower_reach_never_reaches_more(address: object) -> None:
    if why_not(str(address), Reach.PUBLIC) is None:
        assert why_not(str(address), Reach.PRIVATE) is None


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("https://api.openai.com/v1", Reach.PUBLIC),
        ("http://127.0.0.1:11434/v1", Reach.PRIVATE),
        ("http://[fd12::1]:8000/v1", Reach.PRIVATE),
        ("http://8.8.8.8/v1", Reach.PUBLIC),
        ("http://ollama:11434/v1", Reach.PRIVATE),
        ("http://vllm.models.svc.cluster.local/v1", Reach.PRIVATE),
        ("http://gpu.internal./v1", Reach.PRIVATE),
        ("http://localhost.evil.example/v1", Reach.PUBLIC),
    ],
)
def test_an_address_says_which_network_is_meant(url: str, reach: Reach) -> None:
    assert implied_reach(url) is reach


# On sockets ----------------------------------------------------------------------------------------------------------


class Rebound(AbstractResolver):
    """A name that means another address each time that it is asked for."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def inside() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A service of the gateway's own network, which nobody outside is to reach."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        heard.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def asked(port: int, host: str, reach: Reach | None = None) -> UpstreamRequest:
    channel = Channel(
        id=ChannelId("a"), provider="p", cloud="c", region=RegionId("r"), model="m",
        base_url=f"http://{host}:{port}/v1", reach=reach,
    )  # fmt: skip
    limits = Timeouts(connect_s=2.0, first_chunk_s=5.0, stall_s=5.0, total_s=5.0)
    return UpstreamRequest(
        channel=channel, path="/chat/completions", body=b"{}", stream=False, timeouts=limits
    )


async def test_a_name_that_is_rebound_to_an_inner_address_is_not_called() -> None:
    async with inside() as (port, heard):
        transport = AiohttpTransport({}, network=Network(resolver=Rebound("127.0.0.1"), keep_names=False))
        with pytest.raises(TransportFailure) as failed:
            await transport.send(asked(port, "api.provider.example"))
        await transport.aclose()
        assert "private" in failed.value.evidence.message
        assert "reach" in failed.value.evidence.message
        assert not heard


async def test_the_second_answer_of_a_resolver_is_looked_at_too() -> None:
    """A guard that resolves by itself, and lets the library resolve again, would let this one pass."""
    async with inside() as (port, heard):
        names = Rebound("93.184.215.14", "127.0.0.1")
        assert (await names.resolve("api.provider.example"))[0]["host"] == "93.184.215.14"
        transport = AiohttpTransport({}, network=Network(resolver=names, keep_names=False))
        with pytest.raises(TransportFailure):
            await transport.send(asked(port, "api.provider.example"))
        await transport.aclose()
        assert not heard


async def test_a_connection_of_a_private_channel_is_not_lent_to_a_public_one() -> None:
    async with inside() as (port, heard):
        transport = AiohttpTransport({}, network=Network(resolver=Rebound("127.0.0.1")))
        response = await transport.send(asked(port, "gpu.example", Reach.PRIVATE))
        await response.aclose()
        with pytest.raises(TransportFailure):
            await transport.send(asked(port, "gpu.example"))
        await transport.aclose()
        assert heard.count(b"") == 1


async def test_a_metadata_service_that_is_written_out_is_refused_when_the_file_is_read() -> None:
    raw = document("http://169.254.169.254/latest", Path("x.db"), {})
    with pytest.raises(ConfigError, match=r"link-local.*\n?.*reach: any"):
        parse_settings(raw, name="test", environment={})


def test_only_listed_upstreams_may_be_named() -> None:
    path = Path("x.db")
    listed = {"gateway": {"upstreams": ["*.openai.com", "127.0.0.1"]}}
    parse_settings(document("https://api.openai.com/v1", path, listed), name="t", environment={})
    with pytest.raises(ConfigError, match=r"api\.openai\.com\.evil\.example.*gateway\.upstreams"):
        parse_settings(
            document("https://api.openai.com.evil.example/v1", path, listed), name="t", environment={}
        )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_provider_is_not_followed(open_front: OpenFront, status: int) -> None:
    async with inside() as (port, heard):

        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 {status} Elsewhere\r\nlocation: http://127.0.0.1:{port}/v1/secret\r\n"
            writer.write(head.encode() + b"content-length: 0\r\n\r\n")
            writer.close()

        leading = await asyncio.start_server(lead, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{leading.sockets[0].getsockname()[1]}/v1"
        channels = [{"id": "a", "provider": "p", "region": "here", "model": "m", "base_url": url}]
        front = await open_front(sections={"channels": channels})
        got = await front.say(request(chat()))
        leading.close()
        assert got.startswith(b"HTTP/1.1 503"), got[:300]
        assert b"secret" not in got
        assert not heard
