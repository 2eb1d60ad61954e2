# ruff: noqa: PLC0415 - Apprise is an extra, loaded when a receiver asks for it
"""Messages by Apprise: mail, Slack, Teams, Telegram and many more, each named by one URL that is a secret."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from foreroute.alerts.delivery import NotSent
from foreroute.alerts.values import Notice, Reason, Severity
from foreroute.alerts.words import body, subject
from foreroute.core.errors import ConfigError, MissingExtra

_TIMEOUT_S: Final = 60.0
_LOUD: Final = ("apprise", "urllib3", "requests")
"""Loggers whose lines may hold the address of a receiver, and with it a token."""


class AppriseSender:
    """One receiver of one or several targets. Raises MissingExtra without the extra, ConfigError for what is no target."""

    kind = "apprise"

    def __init__(self, urls: Sequence[str], *, name: str, external_url: str) -> None:
        self._external_url = external_url
        self._library = _library()
        self._targets = self._library.Apprise(asset=self._library.AppriseAsset(storage_mode="memory"))
        for number, url in enumerate(urls):
            if not self._targets.add(url):
                # The address itself is not shown: it holds the secret.
                raise ConfigError(
                    f"target {number + 1} of the receiver {name} is no address that Apprise knows",
                    where="alerts.receivers",
                    hint="for example: mailtos://user:password@example.com, slack://TokenA/TokenB/TokenC/#channel",
                )
        self._busy: asyncio.Future[Any] | None = None
        self._took: tuple[str, set[int]] = ("", set())
        """The message under way, and the targets that have it: they do not get it again when another one fails."""

    async def send(self, notice: Notice) -> None:
        """In a thread: the library blocks. One that hangs is not joined by a second one."""
        if self._busy is not None and not self._busy.done():
            raise NotSent("the message before is still on its way")
        self._busy = asyncio.ensure_future(asyncio.to_thread(self._notify, notice))
        done, _ = await asyncio.wait({self._busy}, timeout=_TIMEOUT_S)
        if not done:
            raise NotSent(f"no answer within {_TIMEOUT_S:.0f} s")
        if self._busy.exception() is not None or self._busy.result() is not True:
            raise NotSent("at least one of its targets did not take the message")

    async def aclose(self) -> None:
        if self._busy is not None and self._busy.done() and not self._busy.cancelled():
            self._busy.exception()  # looked at, so that nobody complains

    def _notify(self, notice: Notice) -> Any:
        if self._took[0] != notice.id:
            self._took = notice.id, set()
        took = self._took[1]
        for number, target in enumerate(self._targets.servers):
            if number not in took and target.notify(
                title=subject(notice),
                body=body(notice, self._external_url),
                notify_type=self._type(notice),
                body_format="text",
            ):
                took.add(number)
        return len(took) == len(self._targets.servers)

    def _type(self, notice: Notice) -> Any:
        kinds = self._library.NotifyType
        if notice.reason is Reason.TEST:
            return kinds.INFO
        if notice.is_over:
            return kinds.SUCCESS
        return kinds.FAILURE if notice.severity is Severity.CRITICAL else kinds.WARNING


def _library() -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtra("apprise", "alerts", "a receiver with apprise_urls") from None
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise
