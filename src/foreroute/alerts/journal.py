"""Alerting's memory as records: what has changed is written, and a restart reads it back."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from foreroute.alerts.engine import AlertState
from foreroute.alerts.values import Alert, Group, Notice, Silence
from foreroute.core.feedback import AlertFeedback, Vote
from foreroute.core.ports import Record, RecordStore

ALERT, GROUP, SILENCE, VOTE, TICK = "alert", "alert_group", "alert_silence", "alert_vote", "alert_tick"
OUTBOX: Final = "alert_outbox"
_READ_MAX: Final = 5000
_TOUCH_S: Final = 600.0
"""An open alert in which nothing changes is written again after this long, so that it is among the newest."""
_GONE: Final = b'{"gone":true}'
_T = TypeVar("_T")


@cache
def _form(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    state: AlertState
    stopped: bool
    """The run before ended in order."""


def changes(before: AlertState, after: AlertState) -> list[Record]:
    """What must be written so that `restored` gives `after`, when `before` is written already."""
    at = after.at
    found = [
        _record(ALERT, alert.id, alert, at)
        for name, alert in after.alerts.items()
        if _is_news(before.alerts.get(name), alert, before.at, at)
    ]
    found += [
        _record(GROUP, _short(key), group, at)
        for key, group in after.groups.items()
        if before.groups.get(key) != group
    ]
    found += [_gone(GROUP, _short(key), at) for key in before.groups.keys() - after.groups.keys()]
    old = {one.id: one for one in before.silences}
    found += [_record(SILENCE, one.id, one, at) for one in after.silences if old.get(one.id) != one]
    found += _votes(before.feedback, after.feedback, at)
    return [*found, tick_record(at, stopped=False)]


def tick_record(at: float, *, stopped: bool) -> Record:
    return Record(kind=TICK, id="last", at=at, body=orjson.dumps({"at": at, "stopped": stopped}))


def notice_json(notice: Notice) -> Any:
    return _form(Notice).dump_python(notice, mode="json")


def notice_of(value: Any) -> Notice:
    """Raises ValidationError."""
    notice: Notice = _form(Notice).validate_python(value)
    return notice


async def restored(records: RecordStore) -> Restored:
    """What an earlier run has left. A record that cannot be read is passed over: it is from another version."""
    ticks = await records.read(TICK, limit=1)
    last = orjson.loads(ticks[-1].body) if ticks else {"at": 0.0, "stopped": True}
    newest: dict[str, Alert] = {}
    for alert in await _read(records, ALERT, Alert):
        if (known := newest.get(alert.fingerprint)) is None or known.since_at <= alert.since_at:
            newest[alert.fingerprint] = alert
    state = AlertState(
        at=float(last["at"]),
        alerts=newest,
        groups={group.key: group for group in await _read(records, GROUP, Group)},
        silences=tuple(await _read(records, SILENCE, Silence)),
        feedback=AlertFeedback(votes=tuple(await _read(records, VOTE, Vote))),
    )
    return Restored(state=state, stopped=bool(last["stopped"]))


async def _read(records: RecordStore, kind: str, of: type[_T]) -> list[_T]:
    form, found = _form(cast("Hashable", of)), []
    for record in await records.read(kind, limit=_READ_MAX):
        try:
            found.append(form.validate_json(record.body))
        except ValidationError:
            continue
    return found


def _is_news(before: Alert | None, after: Alert, written_at: float, at: float) -> bool:
    if before is None:
        return True
    if before is after:
        return False
    moved = {name for name in _WATCHED if getattr(before, name) != getattr(after, name)}
    return bool(moved) or at // _TOUCH_S != written_at // _TOUCH_S


_WATCHED: Final = (
    *("id", "phase", "severity", "pending_since_at", "fired_at", "clear_since_at", "resolved_at", "members"),
    *("reopened", "acknowledged_at", "acknowledged_by", "silenced_by", "inhibited_by", "done", "incident"),
)
"""A change of these is written at once; what moves with every tick waits."""


def _votes(before: AlertFeedback, after: AlertFeedback, at: float) -> Iterator[Record]:
    old: Mapping[str, Vote] = {vote.alert: vote for vote in before.votes}
    new: Mapping[str, Vote] = {vote.alert: vote for vote in after.votes}
    for name, vote in new.items():
        if old.get(name) != vote:
            yield _record(VOTE, name, vote, at)
    for name in old.keys() - new.keys():
        yield _gone(VOTE, name, at)


def _record(kind: str, name: str, value: Any, at: float) -> Record:
    return Record(kind=kind, id=name, at=at, body=_form(cast("Hashable", type(value))).dump_json(value))


def _gone(kind: str, name: str, at: float) -> Record:
    return Record(kind=kind, id=name, at=at, body=_GONE)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
