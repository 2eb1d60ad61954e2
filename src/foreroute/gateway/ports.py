"""What the gateway needs from the outside: something that carries a request to a channel."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from foreroute.core.channel import Channel
from foreroute.core.errors import ForerouteError
from foreroute.core.failure import FailureEvidence
from foreroute.core.plan import Timeouts


class TransportFailure(ForerouteError):  # noqa: N818 - reads as what happened
    """The exchange of bytes with a channel failed; `evidence` says how far it had come."""

    retryable = True

    def __init__(self, evidence: FailureEvidence) -> None:
        super().__init__(evidence.message)
        self.evidence = evidence


@dataclass(slots=True, kw_only=True)
class UpstreamRequest:
    """One call of a channel. `path` follows the channel's base URL and begins with a slash."""

    channel: Channel
    path: str
    body: bytes
    stream: bool
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    content_type: str = "application/json"
    connect_s: float | None = None
    """What a new connection for it took; the transport writes it here, even if the call then fails."""


class UpstreamResponse(Protocol):
    """An answer whose head has arrived. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises TransportFailure; never waits longer than the timeouts allow."""
        ...

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        """Give the connection back, or cut it if the body has not ended within `linger_s`. Never raises."""
        ...


class Authorizer(Protocol):
    """What proves to a channel's cloud who is calling, where a fixed key does not."""

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Those to add to this very request. Quick, but when credentials are missing. Raises CredentialsError."""
        ...

    def refused(self) -> None:
        """The channel answered 401 to what `headers` gave: a token may have been revoked before its time."""
        ...

    def warm(self) -> None:
        """Get ready before the first request, from the event loop. Never waits and never raises."""
        ...

    def close(self) -> None: ...


class Transport(Protocol):
    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Returns when the head of the answer is there. Raises TransportFailure."""
        ...

    async def aclose(self) -> None: ...
