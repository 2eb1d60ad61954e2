"""HTTP/1.1 to the channels, by aiohttp. Bytes pass through; every wait has its own timer.

aiohttp's reader can hang for good on an illegal chunk header in the middle of an answer, and its
read timeout does not fire then, so each read runs under `asyncio.timeout` here.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import aiohttp
from yarl import URL

from foreroute.core.failure import Phase
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Timeouts
from foreroute.gateway.evidence import exception_evidence
from foreroute.gateway.ports import TransportFailure, UpstreamRequest

_POOL_IDLE_S = 15.0


class AiohttpTransport:
    """Sends requests with each channel's own credentials, which live here and nowhere else."""

    def __init__(self, credentials: Mapping[ChannelId, str]) -> None:
        self._authorization = {channel: f"Bearer {secret}" for channel, secret in credentials.items()}
        self._urls: dict[tuple[str, str], URL] = {}
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: UpstreamRequest) -> "AiohttpResponse":
        limits = request.timeouts
        now = asyncio.get_running_loop().time()
        deadline = now + limits.total_s
        first = min(deadline, now + limits.first_chunk_s) if request.stream else deadline
        with _failures_as_evidence(Phase.HEADERS):
            async with asyncio.timeout_at(first):
                response = await self._open_session().request(
                    "POST",
                    self._url(request.channel.base_url, request.path),
                    data=request.body,
                    headers=self._headers(request),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect_s),
                )
        return AiohttpResponse(response, limits, first_at=first, deadline=deadline)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_POOL_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent",),
            )
        return self._session

    def _headers(self, request: UpstreamRequest) -> dict[str, str]:
        headers = {
            **request.headers,
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if request.stream else "application/json",
            "Accept-Encoding": "identity",
        }
        if (authorization := self._authorization.get(request.channel.id)) is not None:
            headers["Authorization"] = authorization
        return headers

    def _url(self, base: str, path: str) -> URL:
        url = self._urls.get((base, path))
        if url is None:
            url = self._urls[(base, path)] = URL(base + path)
        return url


class AiohttpResponse:
    """An answer whose head has arrived."""

    def __init__(
        self, response: aiohttp.ClientResponse, limits: Timeouts, *, first_at: float, deadline: float
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._limits = limits
        self._first_at = first_at
        self._deadline = deadline

    async def chunks(self) -> AsyncIterator[bytes]:
        content, clock = self._response.content, asyncio.get_running_loop()
        until, phase = self._first_at, Phase.FIRST_CHUNK
        while True:
            with _failures_as_evidence(phase, status=self.status):
                async with asyncio.timeout_at(until):
                    chunk = await content.readany()
            if not chunk:
                return
            yield chunk
            until, phase = min(self._deadline, clock.time() + self._limits.stall_s), Phase.STREAM

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        if linger_s and not self._response.content.at_eof():
            await self._read_to_end(linger_s)
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()

    async def _read_to_end(self, linger_s: float) -> None:
        try:
            async with asyncio.timeout(linger_s):
                while await self._response.content.readany():
                    pass
        except (aiohttp.ClientError, OSError, TimeoutError):
            return  # the connection is closed instead of kept: that is all it costs


@contextmanager
def _failures_as_evidence(phase: Phase, status: int | None = None) -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise TransportFailure(
            exception_evidence(error, Phase.CONNECT, "connecting took too long")
        ) from error
    except TimeoutError as error:
        evidence = exception_evidence(error, phase, f"no data in time while waiting for the {phase.value}")
        raise TransportFailure(replace(evidence, status=status)) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        evidence = exception_evidence(error, _phase_of(error, phase))
        raise TransportFailure(replace(evidence, status=status)) from error


def _phase_of(error: Exception, otherwise: Phase) -> Phase:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Phase.DNS
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return Phase.TLS
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return Phase.CONNECT
        case _:
            return otherwise
