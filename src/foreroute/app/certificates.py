"""When the certificates of the channels' servers end: asked once a day, by a handshake and nothing else."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Clock

_log: Final = logging.getLogger("foreroute.certificates")
_FIRST_S: Final = 300.0
"""After the start: a server that is up only for a moment asks nobody."""
_EVERY_S: Final = 86_400.0
_WAIT_S: Final = 10.0
_HAS_EXPIRED: Final = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""


async def watch_certificates(
    channels: Sequence[Channel],
    note: Callable[[ChannelId, float], None],
    clock: Clock,
    context: ssl.SSLContext | None = None,
) -> None:
    """Tells `note` (channel, end of its certificate) for every https channel, day after day, until cancelled. Ends at once
    without any.
    """
    if not _hosts(channels):
        return
    due_at = clock.now() + _FIRST_S
    while True:
        await clock.sleep_until(due_at)
        due_at += _EVERY_S
        await note_certificates(channels, note, clock.now(), context)


async def note_certificates(
    channels: Sequence[Channel],
    note: Callable[[ChannelId, float], None],
    at: float,
    context: ssl.SSLContext | None = None,
) -> None:
    """One round. A server that cannot be reached, or not without a proxy, is passed over."""
    made = await asyncio.to_thread(ssl.create_default_context) if context is None else context
    for (host, port), names in _hosts(channels).items():
        ends_at = await _end_of(host, port, made, at)
        if ends_at is not None:
            for name in names:
                note(name, ends_at)


def _hosts(channels: Sequence[Channel]) -> dict[tuple[str, int], list[ChannelId]]:
    by_host: dict[tuple[str, int], list[ChannelId]] = {}
    for channel in channels:
        parts = urlsplit(channel.base_url)
        if parts.scheme == "https" and parts.hostname:
            by_host.setdefault((parts.hostname, parts.port or 443), []).append(channel.id)
    return by_host


async def _end_of(host: str, port: int, context: ssl.SSLContext, at: float) -> float | None:
    """The end of the certificate that the server shows; `at` if it has ended already; None if it shows none."""
    try:
        async with asyncio.timeout(_WAIT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return at if error.verify_code == _HAS_EXPIRED else None
    except (OSError, TimeoutError) as error:
        _log.debug("certificate_not_seen", extra={"host": host, "error": str(error)})
        return None
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.transport.abort()
    return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown and "notAfter" in shown else None
