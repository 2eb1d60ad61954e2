"""What playbooks did about an incident, as rows of JSON: each run with its steps, its verification, and the way back."""

from collections.abc import Mapping
from typing import Any

from foreroute.control.incidents.runs import BEFORE_S, runs_of
from foreroute.control.playbooks.codec import run_row
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.core.incident import IncidentReport
from foreroute.core.playbook_run import PlaybookRun, RunState
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.view import verify_row

Row = dict[str, Any]


async def run_rows(desk: PlaybookDesk | None, report: IncidentReport, at: float) -> list[Row]:
    """Oldest first; none where no playbooks run. Raises StoreError."""
    if desk is None:
        return []
    found = {run.id: run for run in await desk.since(report.opened_at - BEFORE_S)}
    found |= {run.id: run for run in desk.runs}
    return [_row(run, desk.book.playbooks, at) for run in runs_of(report, found.values())]


def answers(run: PlaybookRun, at: float) -> tuple[str, ...]:
    """What a person may say to it now."""
    if run.state is RunState.WAITING:
        return "approve", "reject"
    holds = run.held_until > at and run.state in (RunState.VERIFIED, RunState.REHEARSED)
    under_way = not run.is_over and run.state is not RunState.ROLLING_BACK
    return ("undo",) if under_way or (holds and not run.is_shadow) else ()


def _row(run: PlaybookRun, playbooks: Mapping[str, Playbook], at: float) -> Row:
    """`verify`: by what it is told whether it helps, None where the playbook is gone; `answers`: what may be said."""
    playbook = playbooks.get(run.playbook)
    return run_row(run) | {
        "description": "" if playbook is None else playbook.description,
        "verify": None if playbook is None else verify_row(playbook.verify),
        "answers": answers(run, at),
    }
