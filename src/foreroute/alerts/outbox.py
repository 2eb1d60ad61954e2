"""Messages on their way: journaled, in order for each receiver, tried again with growing pauses, beside the loop.

At least once: a message is on record before it is sent, and its sending is recorded after. A process that dies in
between sends it once more, with the same id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from foreroute.alerts.delivery import Delivery, NotSent, Sender, delivery_of, record_of
from foreroute.alerts.journal import OUTBOX
from foreroute.alerts.values import Notice
from foreroute.core.errors import StoreError
from foreroute.core.ports import Clock, Record, RecordStore

_log: Final = logging.getLogger("foreroute.alerts")
_KEPT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    waiting_max: int = 200
    """Messages that wait for one receiver; the oldest are dropped beyond that, and this is shown."""
    pause_s: float = 5.0
    pause_max_s: float = 600.0
    """The pause after a failure doubles from the one up to the other."""
    give_up_s: float = 86_400.0
    """Nobody wants to be told a day later."""
    dead_after: int = 4
    """So many failures in a row and the receiver counts as dead."""


@dataclass(slots=True, kw_only=True)
class _Line:
    """One receiver's queue."""

    sender: Sender
    waiting: deque[Delivery] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing is waiting, or only for a pause to end."""
    failures: int = 0
    error: str = ""
    is_dead: bool = False
    sent: int = 0
    dropped: int = 0
    last_sent_at: float | None = None


class Outbox:
    """`start`, then `offer` at each tick; `aclose` at the end. Everything on one event loop."""

    def __init__(
        self,
        senders: Mapping[str, Sender],
        records: RecordStore,
        clock: Clock,
        rng: Random,
        settings: OutboxSettings | None = None,
    ) -> None:
        self._records, self._clock, self._rng = records, clock, rng
        self._settings = settings or OutboxSettings()
        self._lines = {name: _Line(sender=sender) for name, sender in senders.items()}
        self._tasks: list[asyncio.Task[None]] = []
        self._offered: list[Delivery] = []
        self._unwritten: dict[str, Record] = {}
        self.recent: deque[Delivery] = deque(maxlen=_KEPT)
        """What has left of late, newest last."""

    async def start(self) -> None:
        """Takes up what an earlier run has not got rid of, as far as the store can tell."""
        since_at = self._clock.now() - self._settings.give_up_s
        try:
            records = await self._records.read(OUTBOX, since_at=since_at)
        except StoreError as error:
            _log.warning("alerts_not_restored", extra={"error": str(error)})
            records = []
        for record in records:
            delivery = delivery_of(record)
            if delivery is None:
                continue
            if delivery.state != "waiting":
                self.recent.append(delivery)
            elif (line := self._lines.get(delivery.notice.receiver)) is not None:
                line.waiting.append(delivery)
        self._tasks = [asyncio.ensure_future(self._serve(line)) for line in self._lines.values()]

    def offer(self, notices: Sequence[Notice]) -> list[Record]:
        """Takes them in; returns the records that must be written before `go` lets them leave. Never blocks."""
        for notice in notices:
            if notice.receiver in self._lines:
                delivery = Delivery(notice=notice)
                self._offered.append(delivery)
                self._unwritten[notice.id] = record_of(delivery)
        return list(self._unwritten.values())

    def written(self, records: Sequence[Record]) -> None:
        """These are on record now, unless something has happened to them meanwhile."""
        for record in records:
            if self._unwritten.get(record.id) is record:
                del self._unwritten[record.id]

    def go(self) -> None:
        """What was offered is on record, or cannot be: send it."""
        offered, self._offered = self._offered, []
        for delivery in offered:
            line = self._lines[delivery.notice.receiver]
            if len(line.waiting) >= self._settings.waiting_max:
                self._drop(line)
            line.waiting.append(delivery)
        for line in self._lines.values():
            if line.waiting:
                line.idle.clear()
            line.wake.set()

    def _drop(self, line: _Line) -> None:
        """The oldest one that is not under way at this moment."""
        gone = line.waiting[1]
        del line.waiting[1]
        line.dropped += 1
        self._unwritten[gone.notice.id] = record_of(replace(gone, state="dropped"))
        _log.error("alert_dropped", extra={"receiver": gone.notice.receiver, "notice": gone.notice.id})

    def dead(self) -> dict[str, str]:
        """Receivers that messages do not reach, and why."""
        return {name: line.error for name, line in self._lines.items() if line.is_dead}

    def rows(self) -> list[dict[str, Any]]:
        """The receivers, for people."""
        return [
            {
                "name": name,
                "kind": line.sender.kind,
                "state": "dead" if line.is_dead else "failing" if line.failures else "ok",
                "waiting": len(line.waiting),
                "sent": line.sent,
                "dropped": line.dropped,
                "last_sent_at": line.last_sent_at,
                "error": line.error,
            }
            for name, line in self._lines.items()
        ]

    async def test(self, notice: Notice) -> None:
        """Sends one message now, past the queue and the journal. Raises NotSent."""
        await _send(self._lines[notice.receiver].sender, notice)

    @property
    def receivers(self) -> tuple[str, ...]:
        return tuple(self._lines)

    async def drain(self, timeout_s: float) -> None:
        """Lets what is due leave, for at most so long."""
        self.go()
        waits = [asyncio.ensure_future(line.idle.wait()) for line in self._lines.values()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=timeout_s)
            for task in late:
                task.cancel()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            await line.sender.aclose()

    async def _serve(self, line: _Line) -> None:
        while True:
            line.wake.clear()
            if not line.waiting:
                line.idle.set()
                await line.wake.wait()
                continue
            pause_s = await self._deliver(line)
            if pause_s:
                line.idle.set()
                await asyncio.sleep(pause_s)

    async def _deliver(self, line: _Line) -> float:
        """Sends the head of the queue. Returns how long to wait before anything else."""
        delivery = line.waiting[0]
        at = self._clock.now()
        pause_s = 0.0
        try:
            await _send(line.sender, delivery.notice)
        except NotSent as error:
            delivery = replace(delivery, tries=delivery.tries + 1, error=str(error))
            pause_s = self._failed(line, error)
            if error.for_good or at - delivery.notice.at > self._settings.give_up_s:
                delivery = replace(delivery, state="failed")
        else:
            done_at = self._clock.now()
            delivery = replace(delivery, state="sent", tries=delivery.tries + 1, error="", sent_at=done_at)
            line.failures, line.error, line.is_dead = 0, "", False
            line.sent += 1
            line.last_sent_at = done_at
        if delivery.state == "waiting":
            line.waiting[0] = delivery
        else:
            line.waiting.popleft()
            self.recent.append(delivery)
        await self._write(record_of(delivery))
        return pause_s

    def _failed(self, line: _Line, error: NotSent) -> float:
        settings = self._settings
        line.failures += 1
        line.error = str(error)
        if error.for_good or line.failures >= settings.dead_after:
            line.is_dead = True
        _log.warning("alert_not_sent", extra={"error": str(error), "failures": line.failures})
        pause_s = min(settings.pause_s * 2.0 ** min(line.failures - 1, 20), settings.pause_max_s)
        return max(pause_s * self._rng.uniform(0.8, 1.2), min(error.after_s or 0.0, settings.pause_max_s))

    async def _write(self, record: Record) -> None:
        """A store that is down costs the record, not the message; it is written with the next one."""
        self._unwritten[record.id] = record
        records = tuple(self._unwritten.values())
        try:
            await self._records.append(records)
        except StoreError as error:
            _log.warning("alert_not_recorded", extra={"error": str(error)})
        else:
            self.written(records)


async def _send(sender: Sender, notice: Notice) -> None:
    try:
        await sender.send(notice)
    except NotSent:
        raise
    except Exception as error:  # noqa: BLE001 - the receiver's boundary: its fault must not end the others' messages
        raise NotSent(f"it failed with {type(error).__name__}") from None
