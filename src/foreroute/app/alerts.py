# ruff: noqa: PLC0415 - the HTTP client and Apprise are loaded when a receiver needs them
"""Settings to alerting: the desk, its outbox, and a sender for each receiver."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Final

from foreroute.alerts.delivery import Sender
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertRoute, AlertSettings
from foreroute.core.accounts import SharedHealth
from foreroute.core.errors import ConfigError, StoreError
from foreroute.core.ports import Clock, RecordStore
from foreroute.settings.cross_alerts import is_http
from foreroute.settings.model import AlertReceiverSettings, AlertsSettings, Settings

_log: Final = logging.getLogger("foreroute.alerts")
_LAST_WORDS_S: Final = 8.0
_FILE_BYTES_MAX: Final = 64_000


def build_desk(
    settings: Settings,
    records: RecordStore,
    clock: Clock,
    shared: Callable[[], SharedHealth | None] = lambda: None,
) -> AlertDesk | None:
    """None where alerts are switched off. Raises ConfigError for a receiver that cannot be, MissingExtra."""
    section = settings.alerts
    if not section.enabled:
        return None
    outbox = Outbox(senders_of(settings), records, clock, Random())
    return AlertDesk(alert_settings(section), records, outbox, clock, shared)


def alert_settings(section: AlertsSettings) -> AlertSettings:
    return AlertSettings(
        firing_after_s=section.firing_after,
        resolved_after_s=section.resolved_after,
        impact_warning=section.impact_warning,
        impact_critical=section.impact_critical,
        receivers=tuple(receiver.name for receiver in section.receivers),
        routes=tuple(
            AlertRoute(
                match=route.match,
                receivers=route.receivers,
                group_by=route.group_by,
                group_wait_s=route.group_wait,
                group_interval_s=route.group_interval,
                repeat_interval_s=route.repeat_interval,
                go_on=route.go_on,
            )
            for route in section.routes
        ),
    )


def senders_of(settings: Settings) -> dict[str, Sender]:
    """Raises ConfigError, MissingExtra. Calls nobody."""
    link = dashboard_link(settings)
    return {receiver.name: _sender(receiver, link) for receiver in settings.alerts.receivers}


def dashboard_link(settings: Settings) -> str:
    """Empty when nobody can see a dashboard."""
    if settings.alerts.external_url is not None:
        return settings.alerts.external_url
    section = settings.dashboard
    return f"http://{section.host}:{section.port}/" if section.enabled and section.port else ""


async def watch(
    desk: AlertDesk, last_tick_at: Callable[[], float | None], clock: Clock, tick_s: float
) -> None:
    """Looks from outside whether the loop still ticks. On the machine's own time: a clock that stands still is a sign."""
    while True:
        await asyncio.sleep(tick_s)
        if last_tick_at() is not None:
            with contextlib.suppress(StoreError):  # the desk offers it again
                await desk.quiet(clock.now(), tick_s)


async def with_alerts(
    desk: AlertDesk | None,
    run: Callable[[], Awaitable[None]],
    *,
    last_tick_at: Callable[[], float | None],
    clock: Clock,
    tick_s: float,
    is_watched: bool,
) -> None:
    """Runs the loop with its alerts: watched from outside, and with last words when it dies."""
    if desk is None:
        await run()
        return
    await desk.start()
    watching = asyncio.ensure_future(watch(desk, last_tick_at, clock, tick_s)) if is_watched else None
    try:
        await run()
    except Exception:
        with contextlib.suppress(StoreError):
            await desk.last_words(clock.now(), tick_s, _LAST_WORDS_S)
        raise
    finally:
        if watching is not None:
            watching.cancel()
        try:
            await desk.stop()
        except StoreError as error:
            _log.warning("alerts_not_recorded", extra={"error": str(error)})


def _sender(receiver: AlertReceiverSettings, link: str) -> Sender:
    urls = _urls(receiver)
    if receiver.webhook_url is not None or receiver.webhook_url_file is not None:
        if len(urls) != 1 or not is_http(urls[0]):
            raise ConfigError(
                f"the receiver {receiver.name} has no http or https address",
                where="alerts.receivers",
                hint="one line, such as https://pager.example.com/hook",
            )
        from foreroute.alerts.webhook import WebhookSender

        return WebhookSender(urls[0], external_url=link)
    from foreroute.alerts.apprise_targets import AppriseSender

    return AppriseSender(urls, name=receiver.name, external_url=link)


def _urls(receiver: AlertReceiverSettings) -> list[str]:
    if receiver.webhook_url is not None:
        return [receiver.webhook_url.get_secret_value()]
    if receiver.apprise_urls:
        return [url.get_secret_value() for url in receiver.apprise_urls]
    path = receiver.webhook_url_file or receiver.apprise_urls_file
    assert path is not None  # noqa: S101 - the settings have exactly one of them
    lines = (line.strip() for line in _text(receiver.name, path).splitlines())
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise ConfigError(f"{path} holds no address", where=f"alerts.receivers {receiver.name}")
    return urls


def _text(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}", where=f"alerts.receivers {name}") from None
