"""Settings to the accounts that gateways share, and what they say of themselves."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from foreroute.core.accounts import SharedHealth
from foreroute.core.errors import ConfigError
from foreroute.core.ports import Clock
from foreroute.gateway.degraded import DegradedAccounts
from foreroute.monitor.export import Gauge
from foreroute.settings.model import Settings
from foreroute.settings.sharing import RedisSettings, is_redis
from foreroute.store.redis_accounts import RedisAccounts
from foreroute.store.redis_calls import LinkSettings
from foreroute.store.redis_shared import SharedSettings, close_shared, open_shared
from foreroute.store.redis_wire import RedisAddress

_log: Final = logging.getLogger("foreroute.shared")
_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class SharedState:
    """Of one gateway. `start` on its event loop."""

    accounts: DegradedAccounts
    remote: RedisAccounts

    async def start(self) -> None:
        """Waits a moment for the server. Without it the gateway serves all the same, and says so."""
        link = self.remote.link
        assert link is not None  # noqa: S101 - opened with it
        link.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await link.state.ready.wait()
        health = self.health()
        if not health.is_up:
            _log.error("shared_state_not_there", extra={"error": health.problem, "without": health.without})

    async def aclose(self) -> None:
        await close_shared(self.remote)

    def health(self) -> SharedHealth:
        return self.accounts.health()


def open_shared_state(settings: Settings, clock: Clock) -> SharedState | None:
    """None: nothing is shared. Connects to nobody yet. Raises MissingExtra, ConfigError."""
    section = settings.shared.redis
    if section is None:
        return None
    url = _url(section)
    remote = open_shared(
        SharedSettings(
            address=RedisAddress(url, _name(url), None if section.ca_file is None else str(section.ca_file)),
            member=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}",
            prefix=section.prefix,
            link=LinkSettings(timeout_s=section.timeout),
        ),
        clock.now,
        lambda: secrets.randbits(62),
    )
    return SharedState(DegradedAccounts(remote, settings.shared.budgets_when_lost), remote)


def shared_gauges(health: Callable[[], SharedHealth | None]) -> Sequence[Gauge]:
    """For `/metrics`; without shared state they have no values."""

    def of(value: Callable[[SharedHealth], float]) -> Callable[[], Iterable[tuple[Sequence[str], float]]]:
        def read() -> Iterable[tuple[Sequence[str], float]]:
            found = health()
            if found is not None:
                yield (), float(value(found))

        return read

    return (
        Gauge(
            "foreroute_shared_up",
            "1 while what gateways share can be reached.",
            (),
            of(lambda one: one.is_up),
        ),
        Gauge(
            "foreroute_shared_replicas",
            "Gateways that were seen there last.",
            (),
            of(lambda one: one.replicas),
        ),
        Gauge("foreroute_shared_due", "Settlements that are not there yet.", (), of(lambda one: one.due)),
        Gauge(
            "foreroute_shared_falls", "How often it was lost since the start.", (), of(lambda one: one.falls)
        ),
        Gauge(
            "foreroute_shared_degraded",
            "Requests that were answered without it since the start.",
            (),
            of(lambda one: one.degraded),
        ),
    )


def together(ones: Iterable[SharedHealth | None]) -> SharedHealth | None:
    """Of several processes of one gateway: the worst state, and the sums."""
    found = [one for one in ones if one is not None]
    if not found:
        return None
    worst = min(found, key=lambda one: (one.is_up, one.since_at))
    return SharedHealth(
        is_up=worst.is_up,
        since_at=worst.since_at,
        problem=worst.problem,
        replicas=max(one.replicas for one in found),
        due=sum(one.due for one in found),
        falls=sum(one.falls for one in found),
        degraded=sum(one.degraded for one in found),
        without=worst.without,
    )


def _url(section: RedisSettings) -> str:
    if section.url is not None:
        return section.url.get_secret_value()
    path = section.url_file or Path()
    try:
        url = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}", where="shared.redis.url_file") from None
    if not is_redis(url):
        raise ConfigError(
            f"{path} holds no address of a Redis",
            where="shared.redis.url_file",
            hint="one line, such as rediss://redis.internal:6379/0",
        )
    return url


def _name(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"
