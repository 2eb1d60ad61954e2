"""The library any-llm-sdk: imported when a channel needs it, its retries off, its credentials ours."""

import asyncio
import inspect
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from foreroute.core.channel import Channel
from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.gateway.any_llm_threads import Notes, ThreadedCall

_log: Final = logging.getLogger("foreroute.gateway")
_BLOCKING: Final = frozenset({"bedrock", "sagemaker"})
"""Their client is AWS's, which knows no event loop."""
CLOUD_CREDENTIALS: Final = _BLOCKING | {"vertexai", "vertexaianthropic"}
"""Adapters that find the cloud's own credentials (role, profile, workload identity) when no `api_key` is given."""
_AWS_REGION: Final = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws|api\.aws)")
_AWS_CONNECT_S: Final = 5.0
_AWS_READ_S: Final = 600.0
"""The gateway's own timers are shorter. This one ends the thread of a whole answer that nobody waits for any more."""
_AWS_CONNECTIONS_MAX: Final = 256


class Line(Protocol):
    """To one channel's provider."""

    async def ask(self, parameters: Mapping[str, Any]) -> Any:
        """A completion, or an async iterator of chunks. Raises what the library raises."""
        ...

    async def aclose(self) -> None:
        """Never raises."""
        ...


class Library(Protocol):
    def check(self, channel: Channel) -> None:
        """Raises ConfigError when the channel's adapter is not there, or its packages are not."""
        ...

    def open(self, channel: Channel, secret: str | None) -> Line:
        """May read files, but calls nobody. Raises what the library raises."""
        ...


def adapter_names() -> tuple[str, ...]:
    """The adapters that the installed library has; none when it is not installed. Imports nothing."""
    spec = find_spec("any_llm")
    folders = spec.submodule_search_locations if spec is not None else None
    return tuple(
        sorted(
            {
                one.parent.name
                for place in folders or ()
                for one in Path(place).glob("providers/*/__init__.py")
            }
        )
    )


def find_library() -> "AnyLlm":
    """Raises MissingExtra."""
    try:
        library = import_module("any_llm")
    except ImportError:
        raise MissingExtra("any-llm-sdk", "adapters", "`adapter` of a channel") from None
    logging.getLogger("any_llm").setLevel(logging.ERROR)  # it warns of every call of a blocking client
    return AnyLlm(library.AnyLLM)


class AnyLlm:
    """The library as it is installed."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def check(self, channel: Channel) -> None:
        try:
            missing = self._library.get_provider_class(channel.adapter).MISSING_PACKAGES_ERROR
        except Exception as error:  # noqa: BLE001 - imports the provider's client, which may fail in ways of its own
            missing = error
        if missing is not None:
            raise ConfigError(
                f"the adapter {channel.adapter} cannot be used: {missing}",
                where=f"channel {channel.id}",
                hint=f"its packages: pip install 'any-llm-sdk[{channel.adapter}]'",
            )

    def open(self, channel: Channel, secret: str | None) -> Line:
        assert channel.adapter is not None  # noqa: S101 - only such channels come here
        options: dict[str, Any] = {"unified_exceptions": True}
        if channel.adapter in _BLOCKING:
            options |= _aws_options(channel)
        elif self._can_be_told(channel.adapter):
            options["max_retries"] = 0
        else:
            _log.warning("adapter_retries", extra={"channel": channel.id, "adapter": channel.adapter})
        if channel.adapter == "gemini":
            options["vertexai"] = False  # otherwise GOOGLE_GENAI_USE_VERTEXAI decides whom to call
        provider = self._library.create(
            channel.adapter, api_key=secret, api_base=channel.base_url or None, **options
        )
        return _ThreadLine(provider) if channel.adapter in _BLOCKING else _Line(provider)

    def _can_be_told(self, adapter: str) -> bool:
        return bool(self._library.get_provider_class(adapter).MAX_RETRIES_SUPPORT != "unsupported")


class _Line:
    def __init__(self, provider: Any) -> None:
        self._provider = provider

    async def ask(self, parameters: Mapping[str, Any]) -> Any:
        return await self._provider.acompletion(**parameters)

    async def aclose(self) -> None:
        client = getattr(self._provider, "client", None)
        for owner in (getattr(client, "aio", None), client):
            close = getattr(owner, "aclose", None) or getattr(owner, "close", None)
            if close is None:
                continue
            with suppress(Exception):
                done = close()
                if inspect.isawaitable(done):
                    await done


class _ThreadLine:
    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._notes = notes = Notes()

        def note_stream(parsed: Any, **_: Any) -> None:
            stream = parsed.get("stream") if isinstance(parsed, dict) else None
            if stream is not None and notes.call is not None:
                notes.call.streams(stream)

        self._note_stream = note_stream  # the client keeps a weak hold of it
        provider.client.meta.events.register("after-call", note_stream)

    async def ask(self, parameters: Mapping[str, Any]) -> Any:
        return await ThreadedCall(lambda: self._provider.acompletion(**parameters), self._notes).answer()

    async def aclose(self) -> None:
        with suppress(Exception):
            await asyncio.to_thread(self._provider.client.close)


def _aws_options(channel: Channel) -> dict[str, Any]:
    """The region is that of the address, so that requests are signed for it; elsewhere the channel's."""
    found = _AWS_REGION.search(channel.base_url)
    config = import_module("botocore.config").Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=_AWS_CONNECT_S,
        read_timeout=_AWS_READ_S,
        max_pool_connections=_AWS_CONNECTIONS_MAX,
        tcp_keepalive=True,
    )
    return {"region_name": found[1] if found else channel.region, "config": config}
