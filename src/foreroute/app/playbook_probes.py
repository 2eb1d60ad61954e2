# ruff: noqa: PLC0415 - the HTTP client is loaded when a probe needs it
"""Looks at a channel from the control plane: whether a connection can be made, whether its key is good."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_ports import Answer, Order
from foreroute.heal.playbooks.steps import ProbeKind

_ONE_S: Final = 5.0


class Probes:
    def __init__(self, channels: Sequence[Channel], credentials: Mapping[ChannelId, str]) -> None:
        self._channels = {channel.id: channel for channel in channels}
        self._credentials = credentials

    async def look(self, order: Order) -> Answer:
        """Well when every channel answered well often enough."""
        times, least = int(float(order.wanted["times"])), int(float(order.wanted["ok_min"]))
        kind = ProbeKind(str(order.wanted["kind"]))
        said, well = [], True
        for name in order.channels:
            channel = self._channels.get(name)
            found = [] if channel is None else [await self._one(kind, channel) for _ in range(times)]
            good = sum(1 for one in found if not one)
            well = well and good >= least
            wrong = next((one for one in found if one), "")
            said.append(f"{name}: {good} of {times} well" + (f" ({wrong})" if wrong else ""))
        return Answer(ok=well, said="; ".join(said), probe_ok=well)

    async def _one(self, kind: ProbeKind, channel: Channel) -> str:
        """What is wrong; empty when it went well."""
        try:
            async with asyncio.timeout(_ONE_S):
                return await (_connect(channel) if kind is ProbeKind.TCP else self._models(channel))
        except TimeoutError:
            return f"no answer within {_ONE_S:g} s"

    async def _models(self, channel: Channel) -> str:
        import aiohttp

        headers = _headers(channel, self._credentials.get(channel.id))
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                session.get(f"{channel.base_url}/models", headers=headers, allow_redirects=False) as answer,
            ):
                return "" if answer.status < 300 else f"it answers {answer.status}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__


def _headers(channel: Channel, secret: str | None) -> dict[str, str]:
    if secret is None:
        return {}
    if channel.dialect is Dialect.ANTHROPIC:
        return {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {secret}"}


async def _connect(channel: Channel) -> str:
    parts = urlsplit(channel.base_url)
    secure = parts.scheme == "https"
    context = await asyncio.to_thread(ssl.create_default_context) if secure else None
    try:
        _, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=context
        )
    except ssl.SSLError as error:
        return error.reason or "TLS failed"
    except OSError as error:
        return error.strerror or type(error).__name__
    writer.transport.abort()
    return ""
