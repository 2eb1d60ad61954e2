"""One run, one turn further: its steps, its verification, its rollback. Pure; each function returns the run after it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from foreroute.core.playbook_run import Hold, PlaybookRun, RunMode, RunState, StepRun, StepState
from foreroute.heal.playbooks.expression import holds
from foreroute.heal.playbooks.facts import Facts, facts_of
from foreroute.heal.playbooks.notes import noted, said, with_step
from foreroute.heal.playbooks.playbook import OnError, Playbook, Step
from foreroute.heal.playbooks.scene import Asked
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import Command, Do, Rules, Tell, Undo
from foreroute.heal.playbooks.steps import (
    BOUNDS,
    Bound,
    Place,
    Restore,
    Severity,
    Wait,
    cuts_share,
    has_undo,
    holds_of,
)

ENGINE: Final = "foreroute"
_GUARD_WINDOW_S: Final = 120.0
_SETTLED: Final = frozenset({StepState.DONE, StepState.SKIPPED, StepState.FAILED, StepState.REFUSED})
_NEVER_DONE: Final = frozenset({StepState.PENDING, StepState.SKIPPED, StepState.REFUSED})


@dataclass(slots=True)
class Turn:
    """One turn of one run: what it may know, and what it asks for meanwhile."""

    at: float
    sight: Sight | None
    rules: Rules
    cause: str = ""
    recurrences: int = 0
    commands: list[Command] = field(default_factory=list)
    lift: Callable[[PlaybookRun], None] = lambda _: None
    """Lifts what other runs hold of this one's shares."""

    def facts(self, run: PlaybookRun, *, window_s: float, since_at: float = float("-inf")) -> Facts:
        asked = Asked(
            channels=run.channels,
            window_s=window_s,
            since_at=since_at,
            run_began_at=run.started_at,
            cause=self.cause,
            run_number=run.number,
            recurrences=self.recurrences,
            probe_ok=probe_ok(run),
        )
        return Facts() if self.sight is None else facts_of(self.sight, asked)


def probe_ok(run: PlaybookRun) -> bool | None:
    """Of the newest probe that has answered."""
    for step in reversed(run.steps):
        if step.action == "probe" and step.state in (StepState.DONE, StepState.FAILED):
            return step.state is StepState.DONE
    return None


def progress(run: PlaybookRun, playbook: Playbook | None, turn: Turn) -> PlaybookRun:
    """As far as it goes without an answer, or more time. The same turn again changes nothing."""
    if run.state is RunState.RUNNING:
        run = _run_steps(run, playbook, turn)
    if run.state is RunState.VERIFYING:
        run = _verify(run, playbook, turn)
    return _undo_steps(run, playbook, turn) if run.state is RunState.ROLLING_BACK else run


def roll_back(run: PlaybookRun, at: float, why: str, actor: str = ENGINE) -> PlaybookRun:
    """From here on it is undone. A run that waits has nothing to undo; one that is over stays as it ended."""
    if run.is_over or run.state is RunState.ROLLING_BACK:
        return run
    if run.state is RunState.WAITING:
        return ended(run, at, RunState.REJECTED, why, actor)
    return noted(replace(run, state=RunState.ROLLING_BACK, why=why), at, actor, "rolling back", why)


def ended(run: PlaybookRun, at: float, state: RunState, why: str, actor: str = ENGINE) -> PlaybookRun:
    run = replace(run, state=state, ended_at=at, why=why or run.why)
    if state is RunState.REJECTED:
        run = replace(run, steps=tuple(replace(step, holds=()) for step in run.steps))
    return noted(run, at, actor, state.value.replace("_", " "), run.why)


# Steps ------------------------------------------------------------------------------------------------------------


def _run_steps(run: PlaybookRun, playbook: Playbook | None, turn: Turn) -> PlaybookRun:
    if playbook is None:
        return roll_back(run, turn.at, "the playbook is no longer there")
    if turn.at >= run.deadline_at:
        return roll_back(run, turn.at, "its time was up before its steps were done")
    for step in playbook.steps:
        try:
            now = run.step(step.id)
        except KeyError:
            return roll_back(run, turn.at, "the playbook has other steps now")
        if now.state in _SETTLED:
            continue
        run = _step_on(run, step, now, playbook, turn)
        if run.state is not RunState.RUNNING or run.step(step.id).state not in _SETTLED:
            return run
    return _all_done(run, turn)


def _all_done(run: PlaybookRun, turn: Turn) -> PlaybookRun:
    if run.is_shadow or run.mode is RunMode.DRY_RUN:
        return ended(run, turn.at, RunState.REHEARSED, "nothing was done: it only says what it would do")
    return noted(
        replace(run, state=RunState.VERIFYING, acted_at=turn.at),
        turn.at,
        ENGINE,
        "verifying",
        "all steps are done",
    )


def _step_on(run: PlaybookRun, step: Step, now: StepRun, playbook: Playbook, turn: Turn) -> PlaybookRun:
    match now.state:
        case StepState.PENDING:
            return _begin(run, step, now, playbook, turn)
        case StepState.CANARY:
            return _canary(run, step, now, playbook, turn)
        case _:
            return _await(run, step, now, turn)


def _begin(run: PlaybookRun, step: Step, now: StepRun, playbook: Playbook, turn: Turn) -> PlaybookRun:
    facts = turn.facts(run, window_s=playbook.verify.window_s)
    if step.when is not None and not holds(step.when, facts):
        return _settled(run, now, turn.at, StepState.SKIPPED, said([step.when], facts))
    if reason := _guarded(run, step, playbook, turn):
        return failed(run, step, turn.at, reason)
    is_dry = run.is_shadow or run.mode is RunMode.DRY_RUN
    if isinstance(step.action, BOUNDS):
        if is_dry or step.canary is None:
            return _bound(run, step.action, now, playbook, turn)
        held = _holds(run, step.action, playbook, turn, step.canary.share)
        now = replace(now, state=StepState.CANARY, asked_at=turn.at, holds=held)
        return noted(
            with_step(run, now), turn.at, ENGINE, f"canary of {step.id}", f"{step.canary.share:.0%} of it"
        )
    if is_dry:
        return _settled(run, now, turn.at, StepState.SKIPPED, "it would be done here")
    run = with_step(run, replace(now, state=StepState.ASKED, asked_at=turn.at))
    if not isinstance(step.action, Wait):
        turn.commands.append(Do(run.id, step.id))
    return noted(run, turn.at, ENGINE, f"began {step.id}", now.action)


def _guarded(run: PlaybookRun, step: Step, playbook: Playbook, turn: Turn) -> str:
    """Why a guard forbids it; empty if none does. What is not known forbids nothing: the decision has rails of its own."""
    least = playbook.guards.healthy_share_min
    if not cuts_share(step.action) or least <= 0.0:
        return ""
    healthy = turn.facts(run, window_s=_GUARD_WINDOW_S).value("healthy_share")
    if not isinstance(healthy, float) or healthy >= least:
        return ""
    return f"only {healthy:.0%} of the weight is on healthy channels; the guard asks for {least:.0%}"


def _holds(
    run: PlaybookRun, action: Bound, playbook: Playbook, turn: Turn, strength: float = 1.0
) -> tuple[Hold, ...]:
    place = Place(
        channels=run.channels,
        number=run.number,
        at=turn.at,
        shift_max=playbook.guards.shift_max,
        strength=strength,
    )
    return holds_of(action, place)


def _bound(run: PlaybookRun, action: Bound, now: StepRun, playbook: Playbook, turn: Turn) -> PlaybookRun:
    if isinstance(action, Restore):
        run = lifted(run, turn.at)
        turn.lift(run)
    held = _holds(run, action, playbook, turn)
    until = max((hold.until for hold in held), default=turn.at)
    words = f"in force for {until - turn.at:.0f} s" if held else "nothing is held any more"
    return _settled(run, replace(now, holds=held), turn.at, StepState.DONE, words)


def _canary(run: PlaybookRun, step: Step, now: StepRun, playbook: Playbook, turn: Turn) -> PlaybookRun:
    began_at = turn.at if now.asked_at is None else now.asked_at
    if step.canary is None or not isinstance(step.action, BOUNDS):
        return failed(run, step, turn.at, "its canary is no longer in the playbook")
    facts = turn.facts(run, window_s=playbook.verify.window_s, since_at=began_at)
    bad = [one for one in playbook.verify.failure if holds(one, facts)]
    if bad:
        return roll_back(run, turn.at, f"the canary of {step.id} did harm: {said(bad, facts)}")
    if turn.at < began_at + step.canary.for_s:
        return run
    return _bound(run, step.action, now, playbook, turn)


def _await(run: PlaybookRun, step: Step, now: StepRun, turn: Turn) -> PlaybookRun:
    asked_at = turn.at if now.asked_at is None else now.asked_at
    if isinstance(step.action, Wait):
        if turn.at < asked_at + step.action.for_s:
            return run
        return _settled(run, now, turn.at, StepState.DONE, "waited")
    if turn.at < asked_at + step.timeout_s + turn.rules.answer_grace_s:
        return run
    return failed(run, step, turn.at, f"no answer within {step.timeout_s:g} s")


def done(run: PlaybookRun, step: Step, at: float, words: str) -> PlaybookRun:
    return _settled(run, run.step(step.id), at, StepState.DONE, words)


def failed(run: PlaybookRun, step: Step, at: float, words: str) -> PlaybookRun:
    """A step that could not be done, and what follows from that."""
    now = run.step(step.id)
    state = StepState.REFUSED if now.state is StepState.PENDING else StepState.FAILED
    run = _settled(run, now, at, state, words)
    match step.on_error:
        case OnError.CONTINUE:
            return run
        case OnError.ROLLBACK:
            return roll_back(run, at, f"the step {step.id} failed: {words}")
        case OnError.ABORT:
            left = tuple(
                replace(one, state=StepState.SKIPPED, ended_at=at, said=f"{step.id} failed before")
                if one.state is StepState.PENDING
                else one
                for one in run.steps
            )
            return replace(run, steps=left)


def _settled(run: PlaybookRun, now: StepRun, at: float, state: StepState, words: str) -> PlaybookRun:
    asked_at = at if now.asked_at is None else now.asked_at
    now = replace(now, state=state, asked_at=asked_at, ended_at=at, said=words)
    return noted(with_step(run, now), at, ENGINE, f"{state.value} {now.id}", words)


def lifted(run: PlaybookRun, at: float, *, shares_only: bool = True) -> PlaybookRun:
    """The run with its bounds ended now: those on shares, or all."""
    steps = tuple(
        replace(
            step,
            holds=tuple(
                hold
                if hold.until <= at or (shares_only and hold.kind.value != "share")
                else replace(hold, from_at=min(hold.from_at, at), until=at)
                for hold in step.holds
            ),
        )
        for step in run.steps
    )
    return run if steps == run.steps else replace(run, steps=steps)


# Verification -----------------------------------------------------------------------------------------------------


def _verify(run: PlaybookRun, playbook: Playbook | None, turn: Turn) -> PlaybookRun:
    """Once for each look. Success, failure, or hold: what is not known decides nothing before the time is up."""
    if playbook is None:
        return roll_back(run, turn.at, "the playbook is no longer there")
    if turn.sight is None or turn.sight.at <= run.looked_at:
        return run
    verify = playbook.verify
    start_at = (turn.at if run.acted_at is None else run.acted_at) + verify.after_s
    facts = turn.facts(run, window_s=verify.window_s, since_at=start_at)
    run = replace(run, looked_at=turn.sight.at)
    requests = facts.value("requests")
    if isinstance(requests, float) and requests >= verify.samples_min:
        bad = [one for one in verify.failure if holds(one, facts)]
        if bad:
            run = replace(run, bad_looks=run.bad_looks + 1, verification=said(bad, facts))
            if run.bad_looks >= verify.failure_limit:
                return roll_back(run, turn.at, f"it made things worse: {run.verification}")
        else:
            run = replace(run, verification=said(verify.success, facts))
            whole = turn.sight.at >= start_at + verify.window_s
            if whole and all(holds(one, facts) for one in verify.success):
                return ended(run, turn.at, RunState.VERIFIED, run.verification)
    else:
        run = replace(run, verification="too few requests to tell; held as it is")
    if turn.at >= run.deadline_at:
        return roll_back(
            run, turn.at, f"its time was up and it had not shown that it helps: {run.verification}"
        )
    return run


# Rollback ---------------------------------------------------------------------------------------------------------


def _undo_steps(run: PlaybookRun, playbook: Playbook | None, turn: Turn) -> PlaybookRun:
    """From the last step to the first, one at a time where somebody has to be asked."""
    for now in reversed(run.steps):
        if now.state in _NEVER_DONE or now.state in (StepState.UNDONE, StepState.STUCK):
            continue
        if now.state is StepState.UNDOING:
            return run
        if _needs_asking(now, playbook):
            asked = replace(now, state=StepState.UNDOING, tries=now.tries + 1)
            turn.commands.append(Undo(run.id, now.id))
            return noted(with_step(run, asked), turn.at, ENGINE, f"undoing {now.id}", now.undo)
        words = "lifted" if now.holds else now.said
        run = with_step(run, replace(now, state=StepState.UNDONE, holds=(), said=words))
    run = ended(run, turn.at, RunState.ROLLED_BACK, run.why)
    stuck = [step.id for step in run.steps if step.state is StepState.STUCK]
    if stuck:
        text = (
            f"{run.playbook} on {run.scope} was rolled back, but not {', '.join(stuck)}: somebody has to look"
        )
        turn.commands.append(Tell(key=f"{run.id}/stuck", run=run.id, severity=Severity.CRITICAL, text=text))
    return run


def _needs_asking(now: StepRun, playbook: Playbook | None) -> bool:
    """A step whose playbook has gone is asked all the same, if it is of a kind that lasts."""
    try:
        return has_undo(playbook.step(now.id).action) if playbook is not None else now.risk in _LASTS
    except KeyError:
        return now.risk in _LASTS


_LASTS: Final = frozenset({"lasting", "destructive"})


def undone(run: PlaybookRun, step: str, at: float, *, ok: bool, words: str, rules: Rules) -> PlaybookRun:
    """What came of undoing a step. One that cannot be undone is tried again, and then left to a person."""
    now = run.step(step)
    if now.state is not StepState.UNDOING:
        return run
    if ok:
        return noted(
            with_step(run, replace(now, state=StepState.UNDONE, said=words)),
            at,
            ENGINE,
            f"undone {step}",
            words,
        )
    state = StepState.STUCK if now.tries >= rules.undo_tries_max else StepState.FAILED
    now = replace(now, state=state, said=words, ended_at=at)
    return noted(with_step(run, now), at, ENGINE, f"could not undo {step}", words)
