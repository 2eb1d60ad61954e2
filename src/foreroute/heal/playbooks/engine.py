"""Playbooks as one pure machine: (state, event, now) → (state after it, what is to be done).

Whoever drives it writes the changed runs down before it carries a command out. So a crash finds each run either before
a step was asked for, or with the question open: see `Resumed`.

One run at a time on a channel. The highest priority that fits runs first; a higher one takes the channels from a lower
one, which is rolled back. A run ends once: verified, rolled back, rejected or rehearsed.
"""

from dataclasses import replace

from foreroute.core.decision import Autopilot
from foreroute.core.findings import IncidentState
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import PlaybookRun, RunMode, RunName, RunState, StepState
from foreroute.heal.playbooks.escalation import series_of
from foreroute.heal.playbooks.notes import noted
from foreroute.heal.playbooks.progress import (
    ENGINE,
    done,
    ended,
    failed,
    lifted,
    roll_back,
    undone,
)
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.starting import Starting
from foreroute.heal.playbooks.state import (
    Answered,
    Approved,
    Begun,
    Book,
    Command,
    Do,
    EngineState,
    Event,
    Looked,
    Rejected,
    Resumed,
    Stopped,
    Undo,
)
from foreroute.heal.playbooks.triggers import Hit


def advance(
    state: EngineState, event: Event, at: float, book: Book
) -> tuple[EngineState, tuple[Command, ...]]:
    """The state after an event, and what it asks for, in that order. Never raises; an event that fits nothing changes
    nothing. Each changed run has the next revision.
    """
    machine = _Machine(state, at, book)
    machine.take(event)
    return machine.result()


class _Machine(Starting):
    """One event's worth of changes."""

    def take(self, event: Event) -> None:
        match event:
            case Looked(sight):
                self._look(sight)
            case Answered():
                self._answered(event)
            case Approved(run, actor):
                self._approved(run, actor)
            case Rejected(name, actor, why):
                waiting = self._runs.get(name)
                if waiting is not None and waiting.state is RunState.WAITING:
                    self._put(ended(waiting, self._at, RunState.REJECTED, why or "somebody said no", actor))
            case Begun():
                self._begun(event)
            case Stopped(name, actor, why):
                self._stopped(name, actor, why)
            case Resumed(may_repeat):
                self._resumed(may_repeat)

    # A look ------------------------------------------------------------------------------------------------------

    def _look(self, sight: Sight) -> None:
        last = None if self._sight is None else self._sight.at
        self._sight = sight
        if sight.is_halted:
            self._halt()
        self._keep_to_stage(sight.stage)
        self._end_with_incidents(sight)
        for run in tuple(self._runs.values()):
            if run.state is RunState.WAITING and self._at >= run.deadline_at:
                self._put(ended(run, self._at, RunState.REJECTED, "nobody said yes in time"))
            else:
                self._progress(run.id)
        if not sight.is_halted:
            self._start_all(sight, last)

    def _halt(self) -> None:
        for run in tuple(self._runs.values()):
            self._put(lifted(roll_back(run, self._at, "the kill switch is on"), self._at, shares_only=False))

    def _keep_to_stage(self, stage: Autopilot) -> None:
        """Playbooks that may not act any more leave nothing behind, apart from what a person has approved."""
        if stage is Autopilot.ACT:
            return
        for run in tuple(self._runs.values()):
            if run.is_shadow or run.mode is RunMode.DRY_RUN or run.actor != ENGINE:
                continue
            if run.is_over:
                self._put(replace(run, is_shadow=True) if run.held_until > self._at else run)
            else:
                self._put(roll_back(run, self._at, f"playbooks do not act any more: they are on {stage}"))

    def _end_with_incidents(self, sight: Sight) -> None:
        over = {one.id for one in sight.incidents if one.state is IncidentState.CLOSED}
        for run in tuple(self._runs.values()):
            if run.incident not in over:
                continue
            if run.state is RunState.WAITING:
                run = ended(run, self._at, RunState.REJECTED, "the trouble is over")  # noqa: PLW2901
            elif run.state is RunState.VERIFYING:
                run = ended(run, self._at, RunState.VERIFIED, "the incident is over")  # noqa: PLW2901
            self._put(lifted(run, self._at, shares_only=False) if run.is_over else run)

    # People ------------------------------------------------------------------------------------------------------

    def _begun(self, event: Begun) -> None:
        playbook = self._book.playbooks.get(event.playbook)
        halted = self._sight is not None and self._sight.is_halted
        if playbook is None or not event.channels or (halted and not event.dry_run):
            return
        why = event.why or "by hand"
        hit = Hit(playbook=playbook, scope=event.scope, channels=event.channels, why=why)
        if event.dry_run or self._clear_way(hit):
            past = series_of(self._runs.values(), playbook, hit.scope, None, self._at)
            self._begin(hit, number=len(past) + 1, actor=event.actor, dry_run=event.dry_run, why=why)

    def _approved(self, name: RunName, actor: str) -> None:
        run = self._runs.get(name)
        playbook = None if run is None else self._book.playbooks.get(run.playbook)
        if run is None or playbook is None or run.state is not RunState.WAITING:
            return
        if self._sight is not None and self._sight.is_halted:
            return
        others = [one for one in self._active() if set(one.channels) & set(run.channels)]
        if any(one.priority >= run.priority for one in others):
            return
        for one in others:
            self._put(roll_back(one, self._at, f"{run.playbook} has priority"))
            self._progress(one.id)
        if any(set(one.channels) & set(run.channels) for one in self._active()):
            return
        steps = tuple(replace(step, holds=()) for step in run.steps)
        run = replace(
            run,
            state=RunState.RUNNING,
            is_shadow=False,
            actor=actor,
            deadline_at=self._at + playbook.timeout_s,
            steps=steps,
        )
        self._put(noted(run, self._at, actor, "approved"))
        self._progress(name)

    def _stopped(self, name: RunName, actor: str, why: str) -> None:
        if (run := self._runs.get(name)) is None:
            return
        if run.is_over:
            if run.held_until > self._at and run.state in (RunState.VERIFIED, RunState.REHEARSED):
                run = lifted(run, self._at, shares_only=False)
                self._put(noted(run, self._at, actor, "lifted", why or "somebody wants it undone"))
            return
        self._put(roll_back(run, self._at, why or "somebody wants it undone", actor))
        self._progress(name)

    # Answers -----------------------------------------------------------------------------------------------------

    def _answered(self, event: Answered) -> None:
        run = self._runs.get(event.run)
        if run is None or run.is_over or event.step not in {step.id for step in run.steps}:
            return
        if event.undo:
            ok = event.answer.ok
            self._put(
                undone(run, event.step, self._at, ok=ok, words=event.answer.said, rules=self._book.rules)
            )
            if ok or self._runs[event.run].step(event.step).state is StepState.STUCK:
                self._progress(event.run)
            return
        if run.state is RunState.RUNNING and run.step(event.step).state is StepState.ASKED:
            self._put(self._heard(run, event.step, event.answer))
            self._progress(event.run)

    def _heard(self, run: PlaybookRun, step: str, answer: Answer) -> PlaybookRun:
        playbook = self._book.playbooks.get(run.playbook)
        try:
            known = None if playbook is None else playbook.step(step)
        except KeyError:
            known = None
        if known is None:
            return roll_back(run, self._at, "the playbook has other steps now")
        if answer.ok:
            return done(run, known, self._at, answer.said)
        return failed(run, known, self._at, answer.said or "it did not go well")

    # After a restart ---------------------------------------------------------------------------------------------

    def _resumed(self, may_repeat: frozenset[tuple[RunName, str]]) -> None:
        for run in tuple(self._runs.values()):
            if run.is_over:
                continue
            for step in run.steps:
                if step.action == "wait":
                    continue
                if step.state is StepState.UNDOING:
                    self._commands.append(Undo(run.id, step.id))
                elif step.state is StepState.ASKED and (run.id, step.id) in may_repeat:
                    self._commands.append(Do(run.id, step.id))
                elif step.state is StepState.ASKED:
                    answer = Answer(
                        ok=False, said="the process ended while it was done: nobody knows whether it was"
                    )
                    self._put(self._heard(run, step.id, answer))
