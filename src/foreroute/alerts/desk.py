"""Where alerts live while the service runs: told by each tick, changed by people, remembered across restarts."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.alerts.engine import AlertState, advance, remarked
from foreroute.alerts.evidence import Evidence
from foreroute.alerts.journal import changes, restored, tick_record
from foreroute.alerts.matchers import matcher
from foreroute.alerts.notify import routes_in_force
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Alert, Notice, Phase, Reason, Severity, Silence, Source
from foreroute.core.accounts import SharedHealth
from foreroute.core.errors import StoreError
from foreroute.core.feedback import AlertFeedback, Vote
from foreroute.core.fields import BadField
from foreroute.core.ports import Clock, Record, RecordStore

_log: Final = logging.getLogger("foreroute.alerts")
SILENCE_MAX_S: Final = 30 * 86_400.0
_SILENCES_MAX: Final = 200
_QUIET_TICKS: Final = 3
_UNWRITTEN_MAX: Final = 5000


class AlertDesk:
    """One change at a time. What a store does not take is offered again; messages go out meanwhile."""

    def __init__(
        self,
        settings: AlertSettings,
        records: RecordStore,
        outbox: Outbox,
        clock: Clock,
        shared: Callable[[], SharedHealth | None] = lambda: None,
    ) -> None:
        self.settings, self.outbox = settings, outbox
        self._records, self._clock, self._shared = records, clock, shared
        self._state = AlertState()
        self._unwritten: dict[tuple[str, str], Record] = {}
        self._turn = asyncio.Lock()
        self._quiet_since_at: float | None = None

    @property
    def state(self) -> AlertState:
        return self._state

    @property
    def feedback(self) -> AlertFeedback:
        """For detectors, which may move their thresholds by it."""
        return self._state.feedback

    async def start(self) -> None:
        """Takes up what an earlier run has left. Without the store it begins from nothing: better told twice than never."""
        try:
            found = await restored(self._records)
        except StoreError as error:
            _log.warning("alerts_not_restored", extra={"error": str(error)})
        else:
            self._state = found.state
            # A run that was killed left no farewell: how long it was away shows at the first tick.
            self._quiet_since_at = None if found.stopped else found.state.at or None
        await self.outbox.start()

    async def stop(self) -> None:
        """Says farewell, so that the next run does not take the pause for a failure."""
        await self.outbox.aclose()
        if self._state.at:
            record = tick_record(self._state.at, stopped=True)
            await self._records.append([*self._unwritten.values(), record])

    async def update(self, evidence: Evidence) -> None:
        """One tick. Raises StoreError when it could not be written down; the messages leave all the same."""
        async with self._turn:
            quiet_since_at = evidence.quiet_since_at or self._gap(evidence)
            self._quiet_since_at = None
            full = replace(
                evidence,
                dead_receivers=self.outbox.dead(),
                shared=self._shared(),
                quiet_since_at=quiet_since_at,
            )
            before = self._state
            self._state, notices = advance(before, full, self.settings)
            if self._state is not before:
                await self._write(before, notices)

    async def quiet(self, at: float, tick_s: float) -> None:
        """The loop is alive or dead, but has not ticked for long: say so without it. Raises StoreError."""
        last_at = self._state.at
        if last_at and at - last_at > _QUIET_TICKS * tick_s:
            since_at = self._loop_since(last_at)
            await self.update(Evidence(at=at, tick_s=tick_s, quiet_since_at=since_at, is_blind=True))

    async def last_words(self, at: float, tick_s: float, timeout_s: float) -> None:
        """The loop has died: say so at once, whatever `group_wait` says, and let the message leave."""
        since_at = self._state.at or at
        hurried = tuple(replace(route, group_wait_s=0.0) for route in routes_in_force(self.settings))
        async with self._turn:
            evidence = Evidence(
                at=at, tick_s=tick_s, quiet_since_at=since_at, is_blind=True, shared=self._shared()
            )
            before = self._state
            self._state, notices = advance(before, evidence, replace(self.settings, routes=hurried))
            await self._write(before, notices)
        await self.outbox.drain(timeout_s)

    # What people do ---------------------------------------------------------------------------------------------

    async def acknowledge(self, name: str, *, by: str, on: bool = True) -> Alert:
        """No more reminders of this alert; its end is still told. Raises KeyError."""
        async with self._turn:
            alert = self._known(name)
            at = self._clock.now() if on else None
            return await self._put(replace(alert, acknowledged_at=at, acknowledged_by=by if on else ""))

    async def vote(self, name: str, useful: bool | None) -> Alert:
        """Useful, noise, or None: take the word back. Raises KeyError."""
        async with self._turn:
            alert = self._known(name)
            feedback = self._state.feedback.without(name)
            if useful is not None:
                labels = alert.labels
                vote = Vote(
                    alert=name,
                    channel=labels.get("channel", ""),
                    metric=labels.get("metric", ""),
                    kind=labels.get("kind", ""),
                    useful=useful,
                    at=self._clock.now(),
                )
                feedback = feedback.with_vote(vote)
            await self._change(replace(self._state, feedback=feedback))
            return alert

    async def silence(
        self, matchers: Sequence[str], *, start_at: float, end_at: float, author: str, comment: str
    ) -> Silence:
        """Raises BadField."""
        for number, text in enumerate(matchers):
            matcher(text, f"matchers[{number}]")
        if not matchers:
            raise BadField(
                "matchers", "must not be empty: that would silence everything", "channel=openai-us"
            )
        at = self._clock.now()
        if not start_at < end_at or end_at <= at or end_at - at > SILENCE_MAX_S:
            hint = f"it begins before it ends, and ends within {SILENCE_MAX_S / 86_400:.0f} days"
            raise BadField("end_at", "makes no sense here", hint)
        async with self._turn:
            if sum(at < one.end_at for one in self._state.silences) >= _SILENCES_MAX:
                raise BadField("matchers", f"there are {_SILENCES_MAX} silences already", "end some of them")
            made = Silence(
                id=_silence_id(matchers, at, len(self._state.silences)),
                matchers=tuple(matchers),
                start_at=start_at,
                end_at=end_at,
                created_at=at,
                author=author,
                comment=comment,
            )
            await self._change(
                remarked(replace(self._state, silences=(*self._state.silences, made)), self._clock.now())
            )
            return made

    async def end_silence(self, name: str) -> Silence:
        """It stays in the list as ended. Raises KeyError."""
        async with self._turn:
            at = self._clock.now()
            silence = next(one for one in [*self._state.silences, None] if one is None or one.id == name)
            if silence is None or silence.end_at <= at:
                raise KeyError(name)
            ended = replace(silence, end_at=at, start_at=min(silence.start_at, at))
            silences = tuple(ended if one.id == name else one for one in self._state.silences)
            await self._change(remarked(replace(self._state, silences=silences), at))
            return ended

    async def test(self, receiver: str) -> None:
        """Sends a test message now. Raises KeyError for a receiver that does not exist, NotSent with the reason."""
        if receiver not in self.outbox.receivers:
            raise KeyError(receiver)
        at = self._clock.now()
        name = hashlib.sha256(f"{receiver}\n{at}".encode()).hexdigest()[:16]
        alert = Alert(
            id=f"test-{name}",
            fingerprint=name[:12],
            source=Source.STAGE,
            labels={"alertname": "ForerouteTest", "kind": "test", "receiver": receiver},
            summary="this is a test: messages reach this receiver",
            since_at=at,
            seen_at=at,
            phase=Phase.FIRING,
            severity=Severity.INFO,
            advice="Nothing is to be done.",
        )
        notice = Notice(
            id=name,
            receiver=receiver,
            group_key=f"{receiver}/test",
            group_labels={},
            reason=Reason.TEST,
            at=at,
            alerts=(alert,),
        )
        await self.outbox.test(notice)

    async def tell(self, text: str, severity: Severity, *, key: str, about: Mapping[str, str]) -> int:
        """A message that is no alert of its own, to every receiver; returns to how many. The same key is the same
        message: a receiver that knows keys takes it once. Raises StoreError when it could not be written down.
        """
        at = self._clock.now()
        alert = Alert(
            id=hashlib.sha256(key.encode()).hexdigest()[:16],
            fingerprint=key,
            source=Source.INCIDENT,
            labels={"alertname": "ForeroutePlaybook", **about},
            summary=text,
            since_at=at,
            seen_at=at,
            phase=Phase.FIRING,
            severity=severity,
            fired_at=at,
        )
        notices = [
            Notice(
                id=hashlib.sha256(f"{key}/{receiver}".encode()).hexdigest()[:16],
                receiver=receiver,
                group_key=f"{receiver}/playbook",
                group_labels={},
                reason=Reason.FIRING,
                at=at,
                alerts=(alert,),
            )
            for receiver in self.settings.receivers
        ]
        async with self._turn:
            await self._write(self._state, notices)
        return len(notices)

    # How --------------------------------------------------------------------------------------------------------

    def _known(self, name: str) -> Alert:
        alert = self._state.alert(name)
        if alert is None:
            raise KeyError(name)
        return alert

    def _gap(self, evidence: Evidence) -> float | None:
        since_at = self._quiet_since_at
        if since_at is not None and evidence.at - since_at > _QUIET_TICKS * evidence.tick_s:
            return since_at
        return None

    def _loop_since(self, last_at: float) -> float:
        """When it began: blind looks move the state's instant on, the alert keeps the first one."""
        loops = (alert for alert in self._state.alerts.values() if alert.source is Source.LOOP)
        return min((alert.since_at for alert in loops if alert.phase is not Phase.RESOLVED), default=last_at)

    async def _put(self, alert: Alert) -> Alert:
        await self._change(replace(self._state, alerts={**self._state.alerts, alert.fingerprint: alert}))
        return alert

    async def _change(self, after: AlertState) -> None:
        before, self._state = self._state, after
        await self._write(before, ())

    async def _write(self, before: AlertState, notices: Sequence[Notice]) -> None:
        """State and messages in one append: a run that is killed has both or neither."""
        found = changes(before, self._state)
        messages = self.outbox.offer(notices)
        self._unwritten |= {(record.kind, record.id): record for record in found}
        try:
            await self._records.append((*self._unwritten.values(), *messages))
        except StoreError:
            self._forget_the_oldest()
            raise
        else:
            self._unwritten.clear()
            self.outbox.written(messages)
        finally:
            self.outbox.go()

    def _forget_the_oldest(self) -> None:
        for key in list(self._unwritten)[: max(0, len(self._unwritten) - _UNWRITTEN_MAX)]:
            del self._unwritten[key]


def _silence_id(matchers: Sequence[str], at: float, number: int) -> str:
    text = "\n".join([str(number), str(at), *matchers])
    return hashlib.sha256(text.encode()).hexdigest()[:10]
