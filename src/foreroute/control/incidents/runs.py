"""Which runs of playbooks belong to an incident. Pure."""

import math
from collections.abc import Iterable
from typing import Final

from foreroute.control.incidents.acts import RUN
from foreroute.core.incident import ActKind, IncidentReport
from foreroute.core.playbook_run import PlaybookRun

BEFORE_S: Final = 300.0
"""A run may begin before the first bad attempt is on record: for a forecast, or in the tick that first sees it."""


def runs_of(report: IncidentReport, runs: Iterable[PlaybookRun]) -> list[PlaybookRun]:
    """Oldest first: those that are among its acts, and those that treated one of its channels in its time."""
    named = {
        act.id.partition("/")[0]
        for act in report.acts
        if act.kind is ActKind.PLAYBOOK and act.id.startswith(RUN)
    }
    closed_at = report.phases.closed_at
    start_at, end_at = report.opened_at - BEFORE_S, math.inf if closed_at is None else closed_at

    def is_its(run: PlaybookRun) -> bool:
        in_time = start_at <= run.started_at <= end_at
        return run.id in named or (in_time and not report.channels.isdisjoint(run.channels))

    return sorted(filter(is_its, runs), key=lambda run: (run.started_at, run.id))
