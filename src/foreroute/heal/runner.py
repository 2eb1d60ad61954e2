"""One tick of one open incident: bounds end, recovery is verified, the next playbook runs. Pure and bounded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.findings import IncidentState, Remedy
from foreroute.heal.case import Case, Run, closed
from foreroute.heal.playbook import DEFAULT_VERIFY, Playbook, Verify
from foreroute.heal.steps import Application, LimitShare, apply_step
from foreroute.heal.tally import Tally, total

CANARY: Final = "canary"
"""The name under which the engine itself lets a little traffic back before all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Seconds and shares."""

    verify: Verify = DEFAULT_VERIFY
    """How recovery is verified when no playbook has run."""
    quiet_s: float = 300.0
    """Without enough traffic to verify: no failure for this long, nothing held back, is recovery."""
    canary_ratio: float = 0.1
    """The share that a channel gets back first, when its bounds end before recovery is verified."""
    canary_s: float = 180.0
    runs_max: int = 100
    """Of all playbooks together in one incident, whatever each allows."""


def advance(
    case: Case, at: float, windows: Sequence[Tally], playbooks: Sequence[Playbook], settings: RunSettings
) -> Case:
    """The case after this tick. `windows` are the channel's recent ones, oldest first; `playbooks` by priority."""
    case = _observed(case, at, windows)
    if _recovered(case, at, windows, _verify(case, playbooks, settings), settings):
        return closed(case, at)
    playbook = _next(case, at, windows, playbooks, settings)
    if playbook is not None:
        case = _ran(case, playbook, at)
    elif case.runs and not case.remedies and case.canary_at is None:
        case = _with_canary(case, at, settings)
    state = IncidentState.MITIGATED if case.remedies else IncidentState.OPEN
    return replace(case, incident=replace(case.incident, state=state))


def _observed(case: Case, at: float, windows: Sequence[Tally]) -> Case:
    bad = [window.end_at for window in windows if window.bad(case.incident.root_cause)]
    return replace(
        case,
        last_bad_at=max([case.last_bad_at, *bad]),
        remedies=tuple(remedy for remedy in case.remedies if remedy.until > at),
    )


def _recovered(
    case: Case, at: float, windows: Sequence[Tally], verify: Verify, settings: RunSettings
) -> bool:
    cause = case.incident.root_cause
    began_at = case.incident.opened_at if case.last_run_at is None else case.last_run_at + verify.after_s
    start_at = max(began_at, case.out_until)
    seen = total(_since(windows, max(start_at, at - verify.window_s)))
    if seen.asked(cause) >= verify.min_requests and at >= start_at + verify.window_s:
        return _does_well(seen, cause, verify)
    quiet_since = max(case.last_bad_at, case.held_until)
    return not case.remedies and _bad(seen, cause) == 0 and at - quiet_since >= settings.quiet_s


def _does_well(seen: Tally, cause: FailureClass, verify: Verify) -> bool:
    """A rate limit is over when neither throttles nor failures are left; other trouble, when failures are."""
    allowed = 1.0 - verify.success + 1e-9
    return seen.bad_ratio(cause) <= allowed and seen.bad_ratio(FailureClass.SERVER_ERROR) <= allowed


def _bad(seen: Tally, cause: FailureClass) -> int:
    return max(seen.failed, seen.bad(cause))


def _next(
    case: Case, at: float, windows: Sequence[Tally], playbooks: Sequence[Playbook], settings: RunSettings
) -> Playbook | None:
    """The first playbook that fits what was seen since the last run and is not used up, unless it is cooling down."""
    if len(case.runs) >= settings.runs_max:
        return None
    fresh = windows if case.last_run_at is None else _since(windows, case.last_run_at)
    for playbook in playbooks:
        made = case.runs_of(playbook.name)
        if len(made) >= playbook.max_attempts or not playbook.fits(case.incident.root_cause, fresh, at):
            continue
        return None if made and at < made[-1].at + playbook.cooldown_s else playbook
    return None


def _ran(case: Case, playbook: Playbook, at: float) -> Case:
    run = len(case.runs_of(playbook.name)) + 1
    to = Application(incident=case.incident, playbook=playbook.name, run=run, at=at)
    remedies: tuple[Remedy, ...] = tuple(remedy for remedy in case.remedies if remedy.playbook != CANARY)
    for step in playbook.steps:
        remedies = apply_step(step, to, remedies)
    incident = replace(
        case.incident,
        playbooks_run=(*case.incident.playbooks_run, playbook.name),
        steps_done=(*case.incident.steps_done, *(f"{playbook.name}/{step.id}" for step in playbook.steps)),
    )
    return replace(
        case,
        incident=incident,
        runs=(*case.runs, Run(playbook.name, at)),
        remedies=remedies,
        held_until=max((remedy.until for remedy in remedies), default=at),
        out_until=max((remedy.until for remedy in remedies if remedy.weight_max_ratio <= 0), default=at),
        canary_at=None,
    )


def _with_canary(case: Case, at: float, settings: RunSettings) -> Case:
    to = Application(incident=case.incident, playbook=CANARY, run=1, at=at)
    step = LimitShare(id=CANARY, factor=settings.canary_ratio, for_s=settings.canary_s)
    incident = replace(case.incident, steps_done=(*case.incident.steps_done, CANARY))
    return replace(case, incident=incident, remedies=apply_step(step, to, ()), canary_at=at)


def _verify(case: Case, playbooks: Sequence[Playbook], settings: RunSettings) -> Verify:
    last = case.runs[-1].playbook if case.runs else None
    return next((playbook.verify for playbook in playbooks if playbook.name == last), settings.verify)


def _since(windows: Sequence[Tally], at: float) -> tuple[Tally, ...]:
    return tuple(window for window in windows if window.start_at >= at)
