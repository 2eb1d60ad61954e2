"""A message on its way to one receiver: the port that takes it, and how it is written down."""

from dataclasses import dataclass
from typing import Protocol

import orjson
from pydantic import ValidationError

from foreroute.alerts.journal import OUTBOX, notice_json, notice_of
from foreroute.alerts.values import Notice
from foreroute.core.errors import ForerouteError
from foreroute.core.ports import Record


class NotSent(ForerouteError):  # noqa: N818 - reads as what it says
    """Why a message did not get through, in words that hold no address and no secret."""

    def __init__(self, message: str, *, for_good: bool = False, after_s: float | None = None) -> None:
        super().__init__(message)
        self.for_good = for_good
        """Trying again would not help."""
        self.after_s = after_s
        """The receiver asks for this pause."""


class Sender(Protocol):
    """One receiver. `send` raises NotSent, and ends by itself within a bounded time."""

    @property
    def kind(self) -> str: ...

    async def send(self, notice: Notice) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    notice: Notice
    state: str = "waiting"
    """waiting, sent, failed or dropped."""
    tries: int = 0
    error: str = ""
    sent_at: float | None = None


def record_of(delivery: Delivery) -> Record:
    body = {
        "notice": notice_json(delivery.notice),
        "state": delivery.state,
        "tries": delivery.tries,
        "error": delivery.error,
        "sent_at": delivery.sent_at,
    }
    return Record(kind=OUTBOX, id=delivery.notice.id, at=delivery.notice.at, body=orjson.dumps(body))


def delivery_of(record: Record) -> Delivery | None:
    """None for a record of another version."""
    try:
        body = orjson.loads(record.body)
        return Delivery(
            notice=notice_of(body["notice"]),
            state=str(body["state"]),
            tries=int(body["tries"]),
            error=str(body["error"]),
            sent_at=body["sent_at"],
        )
    except (ValueError, KeyError, TypeError, ValidationError):
        return None
