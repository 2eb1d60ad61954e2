"""How runs begin: what hits, what fits, what has room, and who has to give way."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from foreroute.core.decision import Autopilot
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_run import PlaybookRun, RunMode, RunName, RunState, StepRun
from foreroute.heal.playbooks.escalation import escalations, series_of
from foreroute.heal.playbooks.expression import holds
from foreroute.heal.playbooks.facts import facts_of
from foreroute.heal.playbooks.notes import evidence, noted, with_step
from foreroute.heal.playbooks.playbook import Playbook, Step
from foreroute.heal.playbooks.progress import (
    ENGINE,
    roll_back,
)
from foreroute.heal.playbooks.run_table import RunTable
from foreroute.heal.playbooks.scene import Asked
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.state import (
    Tell,
)
from foreroute.heal.playbooks.steps import BOUNDS, NAMES, Place, Severity, holds_of, risk_of, undo_of
from foreroute.heal.playbooks.triggers import Hit, Memory, hits, is_frozen

_HOUR_S: Final = 3600.0


class Starting(RunTable):
    """One event's worth of beginnings."""

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
