# ruff: noqa: PLC0415 - Apprise is an extra, loaded when a report is sent
"""A report to one receiver by Apprise: mail, Slack, a webhook and many more, each named by one URL that is a secret."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from foreroute.core.errors import ConfigError, MissingExtra

_TIMEOUT_S: Final = 60.0
_LOUD: Final = ("apprise", "urllib3", "requests")
"""Loggers whose lines may hold the address of a receiver, and with it a token."""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    attachment: Attachment | None = None


class ReportPost:
    """The receivers of one report. Raises MissingExtra without the extra `alerts`, ConfigError for what is no address."""

    def __init__(self, urls: Sequence[str], *, report: str) -> None:
        library = _library()
        asset = library.AppriseAsset(storage_mode="memory")
        self._targets = [
            library.Apprise.instantiate(url, asset=asset, suppress_exceptions=True) for url in urls
        ]
        for number, target in enumerate(self._targets, start=1):
            if target is None:
                # The address itself is not shown: it holds the secret.
                raise ConfigError(
                    f"target {number} of the report {report} is no address that Apprise knows",
                    where="cost.reports",
                    hint="for example: mailtos://user:password@example.com, slack://TokenA/TokenB/TokenC/#channel",
                )

    def __len__(self) -> int:
        return len(self._targets)

    def kinds(self) -> tuple[str, ...]:
        """What each receiver is, such as `Slack`; without its address, which is a secret."""
        return tuple(str(target.service_name) for target in self._targets)

    async def send(self, target: int, letter: Letter) -> str:
        """Empty when it was taken, otherwise why not. In a thread: the library blocks."""
        sending = asyncio.ensure_future(asyncio.to_thread(self._notify, self._targets[target], letter))
        done, _ = await asyncio.wait({sending}, timeout=_TIMEOUT_S)
        if not done:
            return f"no answer within {_TIMEOUT_S:.0f} s"
        if (error := sending.exception()) is not None:
            return f"it broke off: {type(error).__name__}"
        return "" if sending.result() is True else "it was not taken"

    @staticmethod
    def _notify(target: Any, letter: Letter) -> Any:
        """A receiver that takes no files gets the text alone."""
        attached = None
        if letter.attachment is not None and target.attachment_support:
            attached = _attached(letter.attachment)
        return target.notify(title=letter.subject, body=letter.text, body_format="text", attach=attached)


def _attached(attachment: Attachment) -> Any:
    library, memory = _library(), import_module("apprise.attachment.memory")
    file = memory.AttachMemory(
        content=attachment.content.encode(), name=attachment.name, mimetype=attachment.media_type
    )
    return library.AppriseAttachment(file)


def _library() -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtra("apprise", "alerts", "a report in cost.reports") from None
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise
