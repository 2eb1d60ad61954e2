"""Runs of playbooks as they are kept and as they are shown."""

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from foreroute.control.decision_log import AUDIT
from foreroute.core.playbook_ports import KeptRun
from foreroute.core.playbook_run import PlaybookRun
from foreroute.core.ports import Record


@cache
def _runs() -> TypeAdapter[PlaybookRun]:
    return TypeAdapter(PlaybookRun)


def kept(run: PlaybookRun) -> KeptRun:
    return KeptRun(
        id=run.id,
        playbook=run.playbook,
        revision=run.revision,
        started_at=run.started_at,
        open_until=run.held_until if run.is_over else math.inf,
        body=_runs().dump_json(run),
    )


def read_run(kept: KeptRun) -> PlaybookRun | None:
    """None for a run of another version that makes no sense here."""
    try:
        return _runs().validate_json(kept.body)
    except ValidationError:
        return None


def run_row(run: PlaybookRun) -> dict[str, Any]:
    """For people: the API and the command line."""
    row: dict[str, Any] = orjson.loads(_runs().dump_json(run))
    return row | {"is_over": run.is_over, "held_until": run.held_until or None}


def audit_records(before: PlaybookRun | None, run: PlaybookRun) -> Iterable[Record]:
    """One for each new line of the run's account: who, what, why, on which evidence, and how it can be undone."""
    known = set() if before is None else set(before.notes)
    undo = "; ".join(f"{step.id}: {step.undo}" for step in run.steps)
    for place, note in enumerate(run.notes):
        if note in known:
            continue
        body = {
            "at": note.at,
            "action": "playbook",
            "actor": note.actor,
            "detail": f"{run.playbook} on {run.scope}: {note.what}"
            + (f": {note.detail}" if note.detail else ""),
            "run": run.id,
            "trigger": run.trigger,
            "evidence": run.evidence,
            "verification": run.verification,
            "undo": undo,
        }
        name = f"{note.at:.6f}/playbook/{run.id}/{run.revision}/{place}"
        yield Record(kind=AUDIT, id=name, at=note.at, body=orjson.dumps(body))
