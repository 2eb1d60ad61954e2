"""The runs as one event finds and leaves them: what is changed, what is asked for, what is remembered."""

from dataclasses import replace

from foreroute.core.playbook_run import PlaybookRun, RunName, RunState
from foreroute.heal.playbooks.progress import (
    ENGINE,
    Turn,
    lifted,
    progress,
)
from foreroute.heal.playbooks.state import (
    Book,
    Command,
    EngineState,
)


class RunTable:
    """Changed in place by one event; `result` is the state after it."""

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
