"""Playbooks as one pure machine: (state, event, now) → (state after it, what is to be done).

Whoever drives it writes the changed runs down before it carries a command out. So a crash finds each run either before
a step was asked for, or with the question open: see `Resumed`.

One run at a time on a channel. The highest priority that fits runs first; a higher one takes the channels from a lower
one, which is rolled back. A run ends once: verified, rolled back, rejected or rehearsed.
"""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from foreroute.core.decision import Autopilot
from foreroute.core.findings import IncidentState
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import PlaybookRun, RunMode, RunName, RunState, StepRun, StepState
from foreroute.heal.playbooks.escalation import escalations, series_of
from foreroute.heal.playbooks.expression import holds
from foreroute.heal.playbooks.facts import facts_of
from foreroute.heal.playbooks.notes import evidence, noted, with_step
from foreroute.heal.playbooks.playbook import Playbook, Step
from foreroute.heal.playbooks.progress import (
    ENGINE,
    Turn,
    done,
    ended,
    failed,
    lifted,
    progress,
    roll_back,
    undone,
)
from foreroute.heal.playbooks.scene import Asked
from foreroute.heal.playbooks.sight import Sight
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
    Tell,
    Undo,
)
from foreroute.heal.playbooks.steps import BOUNDS, NAMES, Place, Severity, holds_of, risk_of, undo_of
from foreroute.heal.playbooks.triggers import Hit, Memory, hits, is_frozen

_HOUR_S: Final = 3600.0


def advance(
    state: EngineState, event: Event, at: float, book: Book
) -> tuple[EngineState, tuple[Command, ...]]:
    """The state after an event, and what it asks for, in that order. Never raises; an event that fits nothing changes
    nothing. Each changed run has the next revision.
    """
    machine = _Machine(state, at, book)
    machine.take(event)
    return machine.result()


class _Machine:
    """One event's worth of changes."""

    def __init__(self, state: EngineState, at: float, book: Book) -> None:
        self._before, self._at, self._book = state, at, book
        self._runs: dict[RunName, PlaybookRun] = dict(state.runs)
        self._sight = state.sight
        self._held_since = state.held_since
        self._commands: list[Command] = []

    def result(self) -> tuple[EngineState, tuple[Command, ...]]:
        runs = {name: self._numbered(run) for name, run in self._runs.items()}
        state = replace(
            self._before, runs=self._remembered(runs), sight=self._sight, held_since=self._held_since
        )
        return state, tuple(self._commands)

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

    # Starting ----------------------------------------------------------------------------------------------------

    def _start_all(self, sight: Sight, last_look_at: float | None) -> None:
        memory = Memory(treated_at=self._treated_at(), last_look_at=last_look_at, held_since=self._held_since)
        found, self._held_since = hits(tuple(self._book.playbooks.values()), sight, memory)
        taken: set[ChannelId] = set()
        for hit in sorted([*found, *self._escalate(sight)], key=lambda one: -one.playbook.priority):
            if not taken & set(hit.channels):
                taken |= self._start(hit, sight)

    def _treated_at(self) -> Mapping[str, float]:
        """When each incident, and each playbook's scope, was treated last: what was seen before is settled."""
        found: dict[str, float] = {}
        for run in self._runs.values():
            if run.state is not RunState.REJECTED:
                names = (
                    f"{run.playbook} {run.scope}",
                    *(() if run.incident is None else (str(run.incident),)),
                )
                for name in names:
                    found[name] = max(found.get(name, 0.0), run.started_at)
        return found

    def _escalate(self, sight: Sight) -> list[Hit]:
        made = escalations(tuple(self._runs.values()), self._book, sight, self._at)
        for one in made:
            self._put(one.run)
            if one.tell is not None:
                self._commands.append(one.tell)
        return [one.hit for one in made if one.hit is not None]

    def _start(self, hit: Hit, sight: Sight) -> set[ChannelId]:
        """The channels on which nothing of lower priority may begin at this look."""
        playbook, own = hit.playbook, set(hit.channels)
        past = series_of(self._runs.values(), playbook, hit.scope, hit.incident, self._at)
        if is_frozen(playbook.guards.freeze, self._at) or len(past) >= playbook.max_attempts:
            return set()
        self._end_in_vain(hit)
        same = [
            run for run in self._runs.values() if run.playbook == playbook.name and run.scope == hit.scope
        ]
        if any(not run.is_over for run in same):
            return own
        newest = max((run.started_at for run in same), default=None)
        if newest is not None and (self._at < newest + playbook.cooldown_s or newest == self._at):
            return own
        if not self._fits(hit, sight, len(past) + 1) or not self._has_room(playbook):
            return set()
        if not self._clear_way(hit):
            return own
        self._begin(hit, number=len(past) + 1, actor=ENGINE, dry_run=False)
        return own

    def _end_in_vain(self, hit: Hit) -> None:
        """A run that holds nothing any more, and whose trouble is back before it was verified, did not help."""
        for run in self._active():
            same_playbook = run.playbook == hit.playbook.name and run.scope == hit.scope
            same_incident = hit.incident is not None and run.incident == hit.incident.id
            is_spent = 0.0 < run.held_until <= self._at
            if (same_playbook or same_incident) and run.state is RunState.VERIFYING and is_spent:
                self._put(
                    roll_back(run, self._at, f"its bounds have ended and the trouble is back: {hit.why}")
                )
                self._progress(run.id)

    def _fits(self, hit: Hit, sight: Sight, number: int) -> bool:
        asked = Asked(
            channels=hit.channels,
            window_s=hit.playbook.verify.window_s,
            cause="" if hit.incident is None else hit.incident.root_cause.value,
            run_number=number,
            recurrences=self._recurrences(hit),
        )
        facts = facts_of(sight, asked)
        return all(holds(one, facts) for one in hit.playbook.conditions)

    def _has_room(self, playbook: Playbook) -> bool:
        rules, active = self._book.rules, [run for run in self._runs.values() if not run.is_over]
        lately = sum(1 for run in self._runs.values() if run.started_at > self._at - _HOUR_S)
        same = sum(1 for run in active if run.playbook == playbook.name)
        return (
            len(active) < rules.parallel_max
            and lately < rules.starts_per_hour_max
            and same < playbook.guards.parallel_max
        )

    def _clear_way(self, hit: Hit) -> bool:
        """Whether its channels are free: runs of lower priority give way, and may need time for that."""
        others = [run for run in self._active() if set(run.channels) & set(hit.channels)]
        if any(run.priority >= hit.playbook.priority for run in others):
            return False
        for run in others:
            self._put(roll_back(run, self._at, f"{hit.playbook.name} has priority"))
            self._progress(run.id)
        return not any(set(run.channels) & set(hit.channels) for run in self._active())

    def _begin(self, hit: Hit, *, number: int, actor: str, dry_run: bool, why: str = "") -> PlaybookRun:
        playbook, at = hit.playbook, self._at
        stage = Autopilot.OBSERVE if self._sight is None else self._sight.stage
        mode = RunMode.DRY_RUN if dry_run else playbook.mode
        by_hand = actor != ENGINE
        mode = RunMode.AUTO if by_hand and mode is RunMode.APPROVE else mode
        shadow = stage is not Autopilot.ACT and not by_hand and mode is not RunMode.DRY_RUN
        waits = mode is not RunMode.DRY_RUN and (
            (shadow and stage is Autopilot.SUGGEST) or (mode is RunMode.APPROVE and not shadow)
        )
        name = self._new_name(playbook.name, hit.scope)
        run = PlaybookRun(
            id=name,
            playbook=playbook.name,
            scope=hit.scope,
            channels=hit.channels,
            priority=playbook.priority,
            number=number,
            incident=None if hit.incident is None else hit.incident.id,
            trigger=hit.why,
            evidence=""
            if self._sight is None
            else evidence(facts_of(self._sight, Asked(channels=hit.channels))),
            actor=actor,
            mode=mode,
            is_shadow=shadow,
            state=RunState.WAITING if waits else RunState.RUNNING,
            started_at=at,
            deadline_at=at + (playbook.approve_within_s if waits else playbook.timeout_s),
            steps=tuple(_step(name, step) for step in playbook.steps),
        )
        if waits and shadow:
            run = _proposed(run, playbook, at)
        self._put(noted(run, at, actor, "waits for a yes" if waits else "began", why or hit.why))
        self._tell_recurrence(run, playbook, hit)
        self._progress(name)
        return self._runs[name]

    def _new_name(self, playbook: str, scope: str) -> RunName:
        """Follows from what happened alone; a second run at the same instant has a name of its own."""
        for number in itertools.count():
            text = f"{playbook}|{scope}|{self._at:.6f}|{number}"
            name = RunName(f"run-{hashlib.sha256(text.encode()).hexdigest()[:12]}")
            if name not in self._runs:
                return name
        raise AssertionError  # pragma: no cover - the count has no end

    def _tell_recurrence(self, run: PlaybookRun, playbook: Playbook, hit: Hit) -> None:
        times = self._recurrences(hit)
        if playbook.recurring_from is not None and times >= playbook.recurring_from and run.number == 1:
            text = f"{playbook.name} on {hit.scope} for the {times + 1}. time in {playbook.lookback_s / 86400:.0f} days"
            self._commands.append(
                Tell(key=f"{run.id}/recurs", run=run.id, severity=Severity.WARNING, text=text)
            )

    def _recurrences(self, hit: Hit) -> int:
        """How often this playbook has come to this scope within its lookback: incidents, not runs."""
        since_at = self._at - hit.playbook.lookback_s
        own = None if hit.incident is None else hit.incident.id
        return len(
            {
                run.incident or run.id
                for run in self._runs.values()
                if run.playbook == hit.playbook.name
                and run.scope == hit.scope
                and since_at <= run.started_at < self._at
                and (own is None or run.incident != own)
                and run.state is not RunState.REJECTED
            }
        )

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

    # How ---------------------------------------------------------------------------------------------------------

    def _active(self) -> tuple[PlaybookRun, ...]:
        return tuple(
            run for run in self._runs.values() if not run.is_over and run.state is not RunState.WAITING
        )

    def _put(self, run: PlaybookRun) -> None:
        self._runs[run.id] = run

    def _progress(self, name: RunName) -> None:
        run = self._runs[name]
        if run.is_over or run.state is RunState.WAITING:
            return
        turn = Turn(
            at=self._at,
            sight=self._sight,
            rules=self._book.rules,
            cause=self._cause(run),
            commands=self._commands,
            lift=self._lift_others,
        )
        if run.state is RunState.RUNNING and self._sight is None and run.actor == ENGINE:
            return  # after a restart nothing is known before the first look
        self._put(progress(run, self._book.playbooks.get(run.playbook), turn))

    def _lift_others(self, run: PlaybookRun) -> None:
        for other in tuple(self._runs.values()):
            if other.id != run.id and other.is_over and set(other.channels) <= set(run.channels):
                self._put(lifted(other, self._at))

    def _cause(self, run: PlaybookRun) -> str:
        incidents = () if self._sight is None else self._sight.incidents
        return next((one.root_cause.value for one in incidents if one.id == run.incident), "")

    def _numbered(self, run: PlaybookRun) -> PlaybookRun:
        before = self._before.runs.get(run.id)
        if before is None:
            return replace(run, revision=1)
        return run if run == before else replace(run, revision=before.revision + 1)

    def _remembered(self, runs: dict[RunName, PlaybookRun]) -> dict[RunName, PlaybookRun]:
        rules = self._book.rules
        kept = {
            name: run
            for name, run in runs.items()
            if not run.is_over
            or run.held_until > self._at
            or run.started_at > self._at - rules.remember_s
            or self._before.runs.get(name) != run
        }
        if len(kept) <= rules.remember_max:
            return kept
        old = sorted((run.started_at, name) for name, run in kept.items() if run.is_over)
        for _, name in old[: len(kept) - rules.remember_max]:
            del kept[name]
        return kept


def _step(run: RunName, step: Step) -> StepRun:
    return StepRun(
        id=step.id,
        key=f"{run}/{step.id}",
        action=NAMES[type(step.action)],
        risk=risk_of(step.action),
        undo=undo_of(step.action),
    )


def _proposed(run: PlaybookRun, playbook: Playbook, at: float) -> PlaybookRun:
    """With the bounds that it would have: what the decision proposes is made from them."""
    for step in playbook.steps:
        if isinstance(step.action, BOUNDS):
            place = Place(
                channels=run.channels, number=run.number, at=at, shift_max=playbook.guards.shift_max
            )
            now = replace(run.step(step.id), holds=holds_of(step.action, place))
            run = with_step(run, now)
    return run
