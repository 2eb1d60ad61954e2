"""Changes of tuned parameters on record: what it was, what it is, why, on which evidence, and by whom."""

from functools import cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from foreroute.core.ports import Record
from foreroute.heal.tuning.values import Change

_KIND: Final = "tuning"


@cache
def _changes() -> TypeAdapter[Change]:
    return TypeAdapter(Change)


def change_record(change: Change) -> Record:
    name = f"{change.at:.3f}/{change.channel}/{change.parameter}/{change.event}"
    return Record(
        kind=_KIND, id=name, at=change.at, body=_changes().dump_json(change, inf_nan_mode="strings")
    )


def read_change(record: Record) -> Change | None:
    """None for a body that is not a change of this version: it is no reason not to start."""
    try:
        return _changes().validate_json(record.body)
    except ValidationError:
        return None
