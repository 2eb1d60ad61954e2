"""HTTP/1.1 to the channels, by aiohttp. Bytes pass through; every wait has its own timer.

aiohttp's reader can hang for good on an illegal chunk header in the middle of an answer, and its
read timeout does not fire then, so each read runs under `asyncio.timeout` here.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from foreroute.core.channel import Dialect, Reach
from foreroute.core.errors import CredentialsError
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Timeouts
from foreroute.gateway.last_good import LastGoodResolver
from foreroute.gateway.lookout import Address, Lookout, call
from foreroute.gateway.network import SYSTEM, Network
from foreroute.gateway.ports import Authorizer, TransportFailure, UpstreamRequest
from foreroute.gateway.reach import reach_of, why_not
from foreroute.gateway.timed_connector import TimedConnector
from foreroute.gateway.wire.evidence import exception_evidence
from foreroute.gateway.wire.paths import Endpoint

_FAILURES: Final = (aiohttp.ClientError, OSError, ValueError)
_POOL_IDLE_S: Final = 15.0
_ANTHROPIC_VERSION: Final = "2023-06-01"
_PATHS: Final = frozenset(endpoint.value for endpoint in Endpoint)
_TIMEOUTS_MAX: Final = 100
_SLICE_BYTES: Final = 256 * 1024


class AiohttpTransport:
    """Sends requests with each channel's own credentials, which live here and nowhere else."""

    def __init__(
        self,
        credentials: Mapping[ChannelId, str],
        authorizers: Mapping[ChannelId, Authorizer] | None = None,
        network: Network = SYSTEM,
    ) -> None:
        self._credentials = dict(credentials)
        self._authorizers = dict(authorizers or {})
        self._network = network
        self._usual_headers: dict[tuple[ChannelId, bool, str | None], CIMultiDict[str]] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._urls: dict[tuple[str, str], URL] = {}
        self._sessions: dict[Reach, tuple[aiohttp.ClientSession, TimedConnector]] = {}
        """No connection that one channel may have is handed to another that may not."""
        self._reaches: dict[tuple[str, Reach | None], Reach] = {}
        self._reach_of_host: dict[Address, Reach] = {}
        self._lookout = Lookout(self._is_there)
        self._resolver: LastGoodResolver | None = None

    def adopt(
        self, credentials: Mapping[ChannelId, str], authorizers: Mapping[ChannelId, Authorizer] | None = None
    ) -> None:
        """Those of a new configuration, for requests from now on."""
        self._credentials = dict(credentials)
        before, self._authorizers = self._authorizers, dict(authorizers or {})
        serving = {id(one) for one in self._authorizers.values()}
        _close(one for one in before.values() if id(one) not in serving)
        self._usual_headers.clear()

    def warm(self) -> None:
        """Lets clouds' credentials be fetched before the first request wants them. From the event loop."""
        for one in self._authorizers.values():
            one.warm()

    async def send(self, request: UpstreamRequest) -> "AiohttpResponse":
        limits = request.timeouts
        now = asyncio.get_running_loop().time()
        deadline = now + limits.total_s
        first = min(deadline, now + limits.first_chunk_s) if request.stream else deadline
        reach = self._reach(request)
        session, connector = self._sessions.get(reach) or self._open_session(reach)
        connector.wanted_by(request)
        url = self._url(request.channel.base_url, request.path)
        headers = self._headers(request)
        authorizer = self._authorizers.get(request.channel.id)
        host = (url.host or "", url.port or 0)
        self._reach_of_host[host] = reach
        if self._lookout.is_gone(host):
            raise TransportFailure(_gone(host))
        heard = False
        try:
            async with asyncio.timeout_at(first) as limit:
                self._lookout.wait(host, limit)
                if authorizer is not None:
                    headers = headers.copy()
                    headers.update(await authorizer.headers(request.method, str(url), request.body))
                response = await session.request(
                    request.method,
                    url,
                    data=_body(request.body),
                    headers=headers,
                    allow_redirects=False,
                    timeout=self._timeout(limits.connect_s),
                )
                heard = True
        except _FAILURES as error:
            if isinstance(error, TimeoutError) and self._lookout.is_gone(host):
                raise TransportFailure(_gone(host)) from error
            heard = not isinstance(error, TimeoutError)
            raise TransportFailure(_evidence_of(error, Phase.HEADERS)) from error
        except CredentialsError as error:
            raise TransportFailure(exception_evidence(error, Phase.CONNECT)) from error
        finally:
            self._lookout.done(host, limit, heard=heard)
        if response.status == 401 and authorizer is not None:
            authorizer.refused()
        return AiohttpResponse(response, limits, first_at=first, deadline=deadline)

    async def aclose(self) -> None:
        _close(self._authorizers.values())
        await self._lookout.aclose()
        sessions, self._sessions = self._sessions, {}
        for session, _ in sessions.values():
            await session.close()

    def _reach(self, request: UpstreamRequest) -> Reach:
        asked = (request.channel.base_url, request.channel.reach)
        found = self._reaches.get(asked)
        if found is None:
            found = self._reaches[asked] = reach_of(request.channel)
        return found

    def _open_session(self, reach: Reach) -> tuple[aiohttp.ClientSession, TimedConnector]:
        network, loop = self._network, asyncio.get_running_loop()
        if self._resolver is None:
            inner = network.resolver or aiohttp.DefaultResolver()
            self._resolver = LastGoodResolver(inner, now=loop.time)
        connector = TimedConnector(
            keepalive_s=_POOL_IDLE_S,
            use_dns_cache=network.keep_names,
            tls=network.tls,
            resolver=self._resolver,
            reach=reach,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent",),
        )
        self._sessions[reach] = session, connector
        return session, connector

    async def _is_there(self, address: Address) -> bool:
        """By the address that requests would use: a resolver in trouble says nothing about the host."""
        host, port = address
        if self._resolver is not None and not _is_address(host):
            try:
                host = (await self._resolver.resolve(host, port))[0]["host"]
            except (OSError, IndexError):
                return True
        if why_not(host, self._reach_of_host.get(address, Reach.PUBLIC)) is not None:
            return True
        return await call((host, port))

    def _headers(self, request: UpstreamRequest) -> CIMultiDict[str]:
        """Those of a channel are the same from request to request, but for what the client adds."""
        key = (request.channel.id, request.stream, request.content_type if request.method == "POST" else None)
        usual = self._usual_headers.get(key)
        if usual is None:
            usual = self._make_headers(request)
            if request.content_type == "application/json":  # a form has another boundary each time
                self._usual_headers[key] = usual
        if not request.headers and len(request.body) <= _SLICE_BYTES:
            return usual
        headers = CIMultiDict(request.headers)
        headers.update(usual)
        if "anthropic-version" in request.headers:
            headers["anthropic-version"] = request.headers["anthropic-version"]
        if len(request.body) > _SLICE_BYTES:
            headers["Content-Length"] = str(len(request.body))
        return headers

    def _make_headers(self, request: UpstreamRequest) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {
                "Accept": "text/event-stream" if request.stream else "application/json",
                "Accept-Encoding": "identity",
            }
        )
        if request.method == "POST":
            headers["Content-Type"] = request.content_type
        secret = self._credentials.get(request.channel.id)
        if request.channel.dialect is Dialect.ANTHROPIC:
            headers["anthropic-version"] = _ANTHROPIC_VERSION
            if secret is not None:
                headers["x-api-key"] = secret
        elif secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        return headers

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(connect_s)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=connect_s)
            self._timeouts = {connect_s: timeout} if len(self._timeouts) > _TIMEOUTS_MAX else self._timeouts
            self._timeouts[connect_s] = timeout
        return timeout

    def _url(self, base: str, path: str) -> URL:
        url = self._urls.get((base, path))
        if url is None:
            url = URL(base + path)
            if path in _PATHS:  # others hold names of objects
                self._urls[base, path] = url
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
            try:
                chunk = content.read_nowait()  # what is here already needs no timer
                if not chunk:
                    if content.at_eof():
                        return
                    async with asyncio.timeout_at(until):
                        chunk = await content.readany()
            except _FAILURES as error:
                raise TransportFailure(replace(_evidence_of(error, phase), status=self.status)) from error
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


def _close(authorizers: Iterable[Authorizer]) -> None:
    for one in authorizers:
        one.close()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _gone(host: tuple[str, int]) -> FailureEvidence:
    return exception_evidence(
        ConnectionError(f"{host[0]}:{host[1]} cannot be reached any more"), Phase.CONNECT
    )


def _body(body: bytes) -> bytes | AsyncIterator[bytes] | None:
    """Large ones in slices, so that the event loop gets its turn between them."""
    return _slices(body) if len(body) > _SLICE_BYTES else (body or None)


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), _SLICE_BYTES):
        yield body[at : at + _SLICE_BYTES]


def _evidence_of(error: Exception, phase: Phase) -> FailureEvidence:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return exception_evidence(error, Phase.CONNECT, "connecting took too long")
        case TimeoutError():
            return exception_evidence(error, phase, f"no data in time while waiting for the {phase.value}")
        case _:
            return exception_evidence(error, _phase_of(error, phase))


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
