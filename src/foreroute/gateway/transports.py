"""Which way a request goes to its channel: as it is over HTTP, or through an adapter."""

from collections.abc import Callable, Iterable, Mapping

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.gateway.any_llm import AnyLlmTransport
from foreroute.gateway.any_llm_library import Library, find_library
from foreroute.gateway.network import SYSTEM, Network
from foreroute.gateway.ports import Authorizer, UpstreamRequest, UpstreamResponse
from foreroute.gateway.transport import AiohttpTransport


def check_transports(channels: Iterable[Channel]) -> None:
    """Whether what the channels need is installed, without making anything. Raises MissingExtra and ConfigError."""
    adapted = [channel for channel in channels if channel.adapter is not None]
    if adapted:
        library = find_library()
        for channel in adapted:
            library.check(channel)


class ChannelTransports:
    """The transport of every channel. The adapters' library is looked for when the first channel needs it."""

    def __init__(
        self,
        channels: Mapping[ChannelId, Channel],
        credentials: Mapping[ChannelId, str],
        find: Callable[[], Library] = find_library,
        *,
        authorizers: Mapping[ChannelId, Authorizer] | None = None,
        network: Network = SYSTEM,
    ) -> None:
        """Raises MissingExtra and ConfigError."""
        self._find = find
        self._plain = AiohttpTransport(credentials, authorizers, network)
        self._adapted: AnyLlmTransport | None = None
        self._library: Library | None = None
        self.prepare(channels)
        self._adopt_adapted(channels, credentials)

    def prepare(self, channels: Mapping[ChannelId, Channel]) -> None:
        """From any thread: what a configuration needs beyond what is there. Raises MissingExtra and ConfigError; what
        serves stays as it is.
        """
        adapted = [one for one in channels.values() if one.adapter is not None]
        library = self._find() if adapted and self._library is None else self._library
        for one in adapted:
            assert library is not None  # noqa: S101 - found above
            library.check(one)
        self._library = library

    def adopt(
        self,
        channels: Mapping[ChannelId, Channel],
        credentials: Mapping[ChannelId, str],
        authorizers: Mapping[ChannelId, Authorizer] | None = None,
    ) -> None:
        """Those of a new configuration that has been prepared for, for requests from now on."""
        self._plain.adopt(credentials, authorizers)
        self._adopt_adapted(channels, credentials)

    def warm(self) -> None:
        self._plain.warm()

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        if request.channel.adapter is None:
            return await self._plain.send(request)
        assert self._adapted is not None  # noqa: S101 - no configuration is adopted without
        return await self._adapted.send(request)

    async def aclose(self) -> None:
        await self._plain.aclose()
        if self._adapted is not None:
            await self._adapted.aclose()

    def _adopt_adapted(
        self, channels: Mapping[ChannelId, Channel], credentials: Mapping[ChannelId, str]
    ) -> None:
        if self._adapted is not None:
            self._adapted.adopt(channels, credentials)
        elif self._library is not None:
            self._adapted = AnyLlmTransport(self._library, channels, credentials)
