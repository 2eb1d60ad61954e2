"""What operators, playbooks and the tuner have put on record, as acts. Pure; what cannot be read is passed over."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from foreroute.core.incident import Act, ActKind
from foreroute.core.ports import Record

TUNING: Final = "tuning"
"""The kind of record of a tuned limit's change."""
_PLAYBOOK: Final = "playbook"


def noted(records: Iterable[Record]) -> list[Act]:
    """One for each record, by its own name; of a run of a playbook, by the run's."""
    found = []
    for record in records:
        try:
            said = orjson.loads(record.body)
        except orjson.JSONDecodeError:
            continue
        if isinstance(said, dict):
            found.append(_tuned(record, said) if record.kind == TUNING else _done(record, said))
    return found


def _done(record: Record, said: Mapping[str, Any]) -> Act:
    action, run = str(said.get("action", "")), said.get("run")
    is_run = action == _PLAYBOOK and isinstance(run, str)
    # An entry of a run ends in its place in the run's account.
    name = f"{run}/{record.id.rpartition('/')[2]}" if is_run else record.id
    return Act(
        id=name,
        kind=ActKind.PLAYBOOK if is_run else ActKind.OPERATOR,
        at=record.at,
        what=f"{action}: {said.get('detail', '')}",
        why=str(said.get("trigger") or ""),
        undo=str(said.get("undo") or ""),
    )


def _tuned(record: Record, said: Mapping[str, Any]) -> Act:
    old, new = (_base(said.get(name)) for name in ("old", "new"))
    what = f"tune: {said.get('channel')} {said.get('parameter')} from {old} to {new} ({said.get('event')})"
    return Act(id=record.id, kind=ActKind.TUNER, at=record.at, what=what, why=str(said.get("reason") or ""))


def _base(value: Any) -> str:
    """The first number of a setting is what it is without a correction by tokens."""
    first = value[0] if isinstance(value, list) and value else value
    return f"{first:g}" if isinstance(first, int | float) else "?"
