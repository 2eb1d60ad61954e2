"""What is done when runs do not help: people are told, or another playbook runs. Each once in a series of runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from foreroute.core.findings import Incident, IncidentState
from foreroute.core.playbook_run import PlaybookRun, RunMode, RunState
from foreroute.heal.playbooks.notes import filled, noted
from foreroute.heal.playbooks.playbook import Escalation, Playbook
from foreroute.heal.playbooks.progress import ENGINE
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import Book, Tell
from foreroute.heal.playbooks.triggers import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """The run with the escalation noted, and what it asks for."""

    run: PlaybookRun
    tell: Tell | None = None
    hit: Hit | None = None


def series_of(
    runs: Iterable[PlaybookRun], playbook: Playbook, scope: str, incident: Incident | None, at: float
) -> list[PlaybookRun]:
    """The earlier runs that belong together, oldest first: of one incident, or of one scope of late."""
    found = [
        run
        for run in runs
        if run.playbook == playbook.name
        and run.mode is not RunMode.DRY_RUN
        and run.state is not RunState.REJECTED
        and _belongs(run, playbook, scope, incident, at)
    ]
    return sorted(found, key=lambda run: (run.started_at, run.id))


def _belongs(run: PlaybookRun, playbook: Playbook, scope: str, incident: Incident | None, at: float) -> bool:
    if incident is not None:
        return run.incident == incident.id
    return run.incident is None and run.scope == scope and run.started_at > at - playbook.attempts_window_s


def escalations(runs: Sequence[PlaybookRun], book: Book, sight: Sight, at: float) -> tuple[Escalated, ...]:
    """Those that are due now, at most one for each series."""
    found = []
    for playbook in book.playbooks.values():
        if not playbook.escalation:
            continue
        for series in _series(runs, playbook, sight, at):
            made = {index for run in series for index in run.escalated}
            for index, one in enumerate(playbook.escalation):
                if index not in made and _is_due(one, series, at):
                    found.append(_made(index, one, playbook, series[-1], book, sight, at))
                    break
    return tuple(found)


def _series(
    runs: Sequence[PlaybookRun], playbook: Playbook, sight: Sight, at: float
) -> Iterator[list[PlaybookRun]]:
    open_ = {one.id: one for one in sight.incidents if one.state is not IncidentState.CLOSED}
    own = [run for run in runs if run.playbook == playbook.name and not run.is_shadow]
    keys = {(run.incident, run.scope) for run in own}
    for incident, scope in sorted(keys, key=str):
        if incident is not None and incident not in open_:
            continue
        known = None if incident is None else open_[incident]
        series = series_of([run for run in own if run.scope == scope], playbook, scope, known, at)
        if series:
            yield series


def _is_due(one: Escalation, series: Sequence[PlaybookRun], at: float) -> bool:
    newest = series[-1]
    if one.after_runs is not None:
        return sum(1 for run in series if run.state is RunState.ROLLED_BACK) >= one.after_runs
    lasted = at - series[0].started_at >= (one.after_s or 0.0)
    return lasted and newest.state is not RunState.VERIFIED


def _made(
    index: int,
    one: Escalation,
    playbook: Playbook,
    run: PlaybookRun,
    book: Book,
    sight: Sight,
    at: float,
) -> Escalated:
    run = replace(run, escalated=(*run.escalated, index))
    if one.run is not None and (other := book.playbooks.get(one.run)) is not None:
        run = noted(run, at, ENGINE, "escalated", f"to {other.name}")
        channels, scope = run.channels, run.scope
        return Escalated(
            run=run,
            hit=Hit(playbook=other, scope=scope, channels=channels, why=f"{playbook.name} did not help"),
        )
    cause = next((i.root_cause.value for i in sight.incidents if i.id == run.incident), "")
    text = filled(one.text, run, cause)
    run = noted(run, at, ENGINE, "escalated", text)
    return Escalated(
        run=run, tell=Tell(key=f"{run.id}/escalation/{index}", run=run.id, severity=one.severity, text=text)
    )
