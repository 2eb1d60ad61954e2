"""What playbooks do about each incident, for whoever follows the incidents and for the decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.core.findings import Incident, IncidentState, Remedy
from foreroute.core.ids import IncidentId
from foreroute.core.playbook_run import Hold, HoldKind, PlaybookRun, RunMode, RunState, StepState
from foreroute.heal.playbooks.state import Book, EngineState
from foreroute.heal.recovery import DEFAULT_RECOVERY, Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """Of one incident. `runs`: (playbook, when it began), oldest first."""

    runs: tuple[tuple[str, float], ...] = ()
    steps_done: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    """In force now."""
    held_until: float = 0.0
    """When the last bound on a share ended, or will."""
    out_until: float = 0.0
    """When the last one that lets nothing through ended, or will."""
    recovered: Recovery = field(default=DEFAULT_RECOVERY)


Treatments = Mapping[IncidentId, Treatment]


def treatments(state: EngineState, book: Book, at: float, *, shadows: bool) -> dict[IncidentId, Treatment]:
    """`shadows`: runs that only propose count too."""
    by_incident: dict[IncidentId, list[PlaybookRun]] = {}
    for run in sorted(state.runs.values(), key=lambda run: (run.started_at, run.id)):
        if run.incident is not None and _counts(run, shadows=shadows):
            by_incident.setdefault(run.incident, []).append(run)
    return {incident: _of(incident, runs, book, at) for incident, runs in by_incident.items()}


def remedies(state: EngineState, at: float, *, shadows: bool) -> tuple[Remedy, ...]:
    """All bounds on shares that are in force, those of runs without an incident among them."""
    held = [*state.holds(at), *(state.shadows(at) if shadows else ())]
    return tuple(_remedy(run, hold) for run, hold in held if hold.kind is HoldKind.SHARE)


def treated(incident: Incident, by: Treatments) -> Incident:
    """The incident with what was done about it."""
    treatment = by.get(incident.id)
    if treatment is None or incident.state is IncidentState.CLOSED:
        return incident
    state = IncidentState.MITIGATED if treatment.remedies else incident.state
    return replace(
        incident,
        state=state,
        playbooks_run=tuple(name for name, _ in treatment.runs),
        steps_done=_with_others(incident.steps_done, treatment.steps_done),
    )


def _with_others(known: Sequence[str], done: Sequence[str]) -> tuple[str, ...]:
    """Steps that nobody's playbook did, such as the engine's own canary, stay."""
    return (*done, *(name for name in known if "/" not in name))


def _counts(run: PlaybookRun, *, shadows: bool) -> bool:
    if run.mode is RunMode.DRY_RUN or run.state is RunState.REJECTED:
        return False
    return shadows if run.is_shadow else run.state is not RunState.WAITING


def _of(incident: IncidentId, runs: Sequence[PlaybookRun], book: Book, at: float) -> Treatment:
    holds = [
        (run, hold)
        for run in runs
        if run.state is not RunState.ROLLED_BACK
        for hold in run.holds
        if hold.kind is HoldKind.SHARE
    ]
    playbook = book.playbooks.get(runs[-1].playbook)
    return Treatment(
        runs=tuple((run.playbook, run.started_at) for run in runs),
        steps_done=tuple(f"{run.playbook}/{name}" for run in runs for name in _done(run)),
        remedies=tuple(
            replace(_remedy(run, hold), incident=incident) for run, hold in holds if hold.is_on(at)
        ),
        held_until=max((hold.until for _, hold in holds), default=0.0),
        out_until=max((hold.until for _, hold in holds if hold.value <= 0.0), default=0.0),
        recovered=DEFAULT_RECOVERY if playbook is None else playbook.recovered,
    )


def _done(run: PlaybookRun) -> Iterable[str]:
    was = (StepState.DONE, StepState.CANARY, StepState.UNDONE)
    return (step.id for step in run.steps if step.state in was)


def _remedy(run: PlaybookRun, hold: Hold) -> Remedy:
    return Remedy(
        channel=hold.channel,
        incident=run.incident or IncidentId(run.id),
        playbook=run.playbook,
        weight_max_ratio=min(max(hold.value, 0.0), 1.0),
        until=hold.until,
    )
