"""Changes of tuned parameters on record: what it was, what it is, why, on which evidence, and by whom."""

from typing import Final

import orjson

from foreroute.core.ids import ChannelId
from foreroute.core.limits import Parameter
from foreroute.core.ports import Record
from foreroute.heal.tuning.channel_state import packed, unpacked
from foreroute.heal.tuning.values import Change, Event

_KIND: Final = "tuning"


def change_record(change: Change) -> Record:
    body = {
        "at": change.at,
        "channel": change.channel,
        "parameter": change.parameter.value,
        "event": change.event.value,
        "old": packed(change.old),
        "new": packed(change.new),
        "reason": change.reason,
        "evidence": dict(change.evidence),
        "canary": change.canary,
        "actor": change.actor,
    }
    name = f"{change.at:.3f}/{change.channel}/{change.parameter}/{change.event}"
    return Record(kind=_KIND, id=name, at=change.at, body=orjson.dumps(body))


def read_change(record: Record) -> Change | None:
    """None for a body that is not a change of this version: it is no reason not to start."""
    try:
        body = orjson.loads(record.body)
        return Change(
            at=float(body["at"]),
            channel=ChannelId(body["channel"]),
            parameter=Parameter(body["parameter"]),
            event=Event(body["event"]),
            old=unpacked(body["old"]),
            new=unpacked(body["new"]),
            reason=str(body["reason"]),
            evidence={str(name): float(value) for name, value in body["evidence"].items()},
            canary=str(body["canary"]),
            actor=str(body["actor"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
