"""One tick of one open incident: what playbooks hold, whether it is over, and a little traffic before all of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.findings import IncidentState, Remedy
from foreroute.heal.case import Case, Run, closed
from foreroute.heal.recovery import DEFAULT_RECOVERY, Recovery
from foreroute.heal.tally import Tally, total
from foreroute.heal.treatments import Treatment

CANARY: Final = "canary"
"""The name under which the engine itself lets a little traffic back before all of it."""
NOT_TREATED: Final = Treatment()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Seconds and shares."""

    recovered: Recovery = DEFAULT_RECOVERY
    """When an incident is over that no playbook treats."""
    quiet_s: float = 300.0
    """Without enough traffic to verify: no failure for this long, nothing held back, is recovery."""
    canary_ratio: float = 0.1
    """The share that a channel gets back first, when its bounds end before recovery is verified."""
    canary_s: float = 180.0


def advance(
    case: Case, at: float, windows: Sequence[Tally], settings: RunSettings, treatment: Treatment = NOT_TREATED
) -> Case:
    """The case after this tick. `windows` are the channel's recent ones, oldest first."""
    case = _treated(_observed(case, at, windows), treatment)
    recovered = treatment.recovered if case.runs else settings.recovered
    if _is_over(case, at, windows, recovered, settings):
        return closed(case, at)
    if case.runs and not case.remedies and case.canary_at is None:
        case = _with_canary(case, at, settings)
    state = IncidentState.MITIGATED if case.remedies else IncidentState.OPEN
    return replace(case, incident=replace(case.incident, state=state))


def own_remedies(case: Case) -> tuple[Remedy, ...]:
    """What the engine itself asks for: playbooks' bounds are their own."""
    return tuple(remedy for remedy in case.remedies if remedy.playbook == CANARY)


def _observed(case: Case, at: float, windows: Sequence[Tally]) -> Case:
    bad = [window.end_at for window in windows if window.bad(case.incident.root_cause)]
    return replace(
        case,
        last_bad_at=max([case.last_bad_at, *bad]),
        remedies=tuple(remedy for remedy in own_remedies(case) if remedy.until > at),
    )


def _treated(case: Case, treatment: Treatment) -> Case:
    """A new run takes the place of the canary that came before it."""
    if not treatment.runs:
        return case
    is_new = len(treatment.runs) > len(case.runs) or treatment.runs[-1][1] != case.last_run_at
    own = () if is_new else case.remedies
    incident = replace(
        case.incident,
        playbooks_run=tuple(name for name, _ in treatment.runs),
        steps_done=(*treatment.steps_done, *(name for name in case.incident.steps_done if name == CANARY)),
    )
    return replace(
        case,
        incident=incident,
        runs=tuple(Run(name, at) for name, at in treatment.runs),
        remedies=(*own, *treatment.remedies),
        held_until=max(case.held_until, treatment.held_until),
        out_until=treatment.out_until,
        canary_at=None if is_new else case.canary_at,
    )


def _is_over(
    case: Case, at: float, windows: Sequence[Tally], recovered: Recovery, settings: RunSettings
) -> bool:
    cause = case.incident.root_cause
    began_at = case.incident.opened_at if case.last_run_at is None else case.last_run_at + recovered.after_s
    start_at = max(began_at, case.out_until)
    seen = total(_since(windows, max(start_at, at - recovered.window_s)))
    if seen.asked(cause) >= recovered.min_requests and at >= start_at + recovered.window_s:
        return _does_well(seen, cause, recovered)
    quiet_since = max(case.last_bad_at, case.held_until)
    return not case.remedies and _bad(seen, cause) == 0 and at - quiet_since >= settings.quiet_s


def _does_well(seen: Tally, cause: FailureClass, recovered: Recovery) -> bool:
    """A rate limit is over when neither throttles nor failures are left; other trouble, when failures are."""
    allowed = 1.0 - recovered.success + 1e-9
    return seen.bad_ratio(cause) <= allowed and seen.bad_ratio(FailureClass.SERVER_ERROR) <= allowed


def _bad(seen: Tally, cause: FailureClass) -> int:
    return max(seen.failed, seen.bad(cause))


def _with_canary(case: Case, at: float, settings: RunSettings) -> Case:
    remedy = Remedy(
        channel=case.incident.channel,
        incident=case.incident.id,
        playbook=CANARY,
        weight_max_ratio=settings.canary_ratio,
        until=at + settings.canary_s,
    )
    incident = replace(case.incident, steps_done=(*case.incident.steps_done, CANARY))
    return replace(case, incident=incident, remedies=(remedy,), canary_at=at)


def _since(windows: Sequence[Tally], at: float) -> tuple[Tally, ...]:
    return tuple(window for window in windows if window.start_at >= at)
