"""Where playbooks run while the service runs: told by each tick and by people, written down before anything is done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from foreroute.control.playbooks.bounds import bounded
from foreroute.control.playbooks.codec import audit_records, kept, read_run
from foreroute.control.playbooks.house import House, PlaybookRefusedError
from foreroute.control.playbooks.orders import order_of
from foreroute.core.decision import Autopilot
from foreroute.core.errors import StoreError
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId
from foreroute.core.plan import RoutingPlan
from foreroute.core.playbook_ports import Answer, Order, RunJournal, StepActuator
from foreroute.core.playbook_run import Hold, PlaybookRun, RunName, RunState, StepState
from foreroute.core.ports import Clock, RecordStore
from foreroute.core.rollup import Rollup
from foreroute.heal.playbooks.engine import advance
from foreroute.heal.playbooks.progress import ENGINE
from foreroute.heal.playbooks.state import (
    Answered,
    Approved,
    Begun,
    Book,
    Command,
    EngineState,
    Event,
    Looked,
    Rejected,
    Resumed,
    Stopped,
    Tell,
    Undo,
)
from foreroute.heal.scopes import all_scopes, members_of
from foreroute.heal.treatments import Treatments, remedies, treated, treatments

_log: Final = logging.getLogger("foreroute.playbooks")
_MEMORY_S: Final = 30 * 86_400.0
_RECENT: Final = 1000
_FOR_GOOD_S: Final = 2.0

TellPeople = Callable[[Tell], Awaitable[None]]


async def tell_nobody(_: Tell) -> None: ...


class PlaybookDesk:
    """One event at a time: the machine's answer is saved, then shown, then done. What was asked for is done beside the
    tick; its answer is an event of its own.
    """

    def __init__(
        self,
        book: Book,
        house: House,
        journal: RunJournal,
        actuator: StepActuator,
        records: RecordStore,
        clock: Clock | None,
        tell: TellPeople = tell_nobody,
    ) -> None:
        """Without a clock it is the time of the newest tick, and what steps ask for is done within it, without an event
        loop: for worlds in which nobody waits.
        """
        self.book = book
        self._house, self._journal, self._actuator = house, journal, actuator
        self._records, self._clock, self._tell = records, clock, tell
        self._state = EngineState()
        self._turn = asyncio.Lock()
        self._tasks: dict[tuple[RunName, str], asyncio.Task[None]] = {}
        self._told: set[asyncio.Task[None]] = set()
        self._unheard: list[Event] = []
        """Answers that could not be written down; they are offered again."""
        self._has_begun = False
        self._tick_at = 0.0
        self._published: list[tuple[RunName, Hold]] = []
        """What was in force when the plan was made last."""
        self.changed: Callable[[], Awaitable[None]] | None = None
        """Called when something between two ticks has changed what is bound."""

    # What is shown -----------------------------------------------------------------------------------------------

    @property
    def runs(self) -> tuple[PlaybookRun, ...]:
        """Those that are known, oldest first."""
        return tuple(sorted(self._state.runs.values(), key=lambda run: (run.started_at, run.id)))

    def run(self, name: str) -> PlaybookRun:
        """Raises PlaybookRefusedError."""
        found = self._state.runs.get(RunName(name))
        if found is None:
            raise PlaybookRefusedError(
                f"there is no run {name!r}", "`foreroute playbook history` lists those on record"
            )
        return found

    async def history(self, *, playbook: str | None = None, limit: int = 50) -> list[PlaybookRun]:
        """The newest on record, newest first. Raises StoreError."""
        found = await self._journal.recent(playbook=playbook, limit=limit)
        return [run for one in reversed(found) if (run := read_run(one)) is not None]

    async def since(self, at: float) -> list[PlaybookRun]:
        """Those on record that began then or later, oldest first. Raises StoreError."""
        found = await self._journal.recent(since_at=at, limit=_RECENT)
        return [run for one in found if (run := read_run(one)) is not None]

    def scopes(self) -> list[str]:
        return list(all_scopes(self._house.channels))

    def treatments(self, at: float) -> Treatments:
        """What has been done about each incident by now."""
        return treatments(self._state, self.book, at, shadows=self._proposes)

    @property
    def _proposes(self) -> bool:
        sight = self._state.sight
        return sight is None or sight.stage is not Autopilot.ACT

    def bound(self, plan: RoutingPlan) -> RoutingPlan:
        """The plan under what runs hold beside shares."""
        holds = [hold for _, hold in self._state.holds(self._now())]
        return bounded(plan, holds, self._house.limits, self._house.configured)

    def approved(self) -> set[ChannelId]:
        """The channels that a person has let a run treat, while it holds something."""
        now = self._now()
        return {hold.channel for run, hold in self._state.holds(now) if run.actor != ENGINE}

    # What it is told ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes up the runs of an earlier process: what it had asked for is asked again, or given up. Raises StoreError."""
        at = self._now()
        found = [
            *await self._journal.recent(since_at=at - _MEMORY_S, limit=_RECENT),
            *await self._journal.open(at),
        ]
        runs = {run.id: run for one in found if (run := read_run(one)) is not None}
        self._state = EngineState(runs=runs)
        self._has_begun = True
        await self._take(Resumed(self._repeatable()))

    async def treat(
        self, at: float, rollups: Sequence[Rollup], findings: Findings, *, stage: Autopilot, is_halted: bool
    ) -> Findings:
        """One tick: the findings with what is done about them. Raises StoreError when nothing could be written down:
        nothing new is done then.
        """
        self._tick_at = at
        if not self._has_begun:
            await self.start()
        sight = self._house.sight(at, list(rollups), findings, stage=stage, is_halted=is_halted)
        await self._take(Looked(sight), at)
        self._published = [(run.id, hold) for run, hold in self._state.holds(self._now())]
        return self.with_treatments(findings, at)

    def with_treatments(self, findings: Findings, at: float) -> Findings:
        by = self.treatments(at)
        return replace(
            findings,
            incidents=tuple(treated(one, by) for one in findings.incidents),
            remedies=(*findings.remedies, *remedies(self._state, at, shadows=self._proposes)),
        )

    async def approve(self, name: str, actor: str) -> PlaybookRun:
        """Raises PlaybookRefusedError, StoreError."""
        self._waiting(name)
        await self._take(Approved(RunName(name), actor))
        run = self.run(name)
        if run.state is RunState.WAITING:
            raise PlaybookRefusedError(
                f"{run.playbook} cannot run on {run.scope} now: another run treats its channels, or the kill switch is on",
                "wait for its end, or undo it: `foreroute playbook history` shows it",
            )
        await self._tell_changed()
        return run

    async def reject(self, name: str, actor: str, why: str = "") -> PlaybookRun:
        """No to a run that waits; a run that is under way, or holds something, is undone. Raises PlaybookRefusedError,
        StoreError.
        """
        run = self.run(name)
        if run.is_over and run.held_until <= self._now():
            raise PlaybookRefusedError(f"run {name} is over ({run.state.value}) and holds nothing", "")
        waits = run.state is RunState.WAITING
        event: Event = (Rejected if waits else Stopped)(run.id, actor, why)
        await self._take(event)
        await self._tell_changed()
        return self.run(name)

    async def begin(
        self, playbook: str, scope: str, actor: str, *, dry_run: bool = False, why: str = ""
    ) -> PlaybookRun:
        """A run that a person wants, now. Raises PlaybookRefusedError, StoreError."""
        self._known(playbook)
        channels = members_of(scope, self._house.channels)
        if not channels:
            raise PlaybookRefusedError(
                f"there is no scope {scope!r}", f"one of: {', '.join(self.scopes()[:30])}"
            )
        before = set(self._state.runs)
        await self._take(
            Begun(playbook=playbook, scope=scope, channels=channels, actor=actor, dry_run=dry_run, why=why)
        )
        made = [run for run in self.runs if run.id not in before and run.playbook == playbook]
        if not made:
            raise PlaybookRefusedError(
                f"{playbook} cannot run on {scope} now: a run of the same or a higher priority treats its channels, "
                "or the kill switch is on",
                "`foreroute playbook history` shows it; a dry run is possible: --dry-run",
            )
        await self._tell_changed()
        return made[-1]

    async def aclose(self) -> None:
        """What is being done is called off; the next process asks for it again."""
        tasks = [*self._tasks.values(), *self._told]
        for task in self._tasks.values():
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_FOR_GOOD_S)

    async def settle(self) -> None:
        """Until nothing is being done any more; for tests and for runs on virtual time."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
            await asyncio.sleep(0)

    # How ---------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._tick_at if self._clock is None else self._clock.now()

    async def _take(self, event: Event, at: float | None = None) -> None:
        """The one way in. Raises StoreError; then the state is as before."""
        commands: list[Command] = []
        async with self._turn:
            for earlier in (*self._unheard, event):
                commands += await self._take_one(earlier, self._now() if at is None else at)
                if earlier in self._unheard:
                    self._unheard.remove(earlier)
                self._beside(commands)
        if self._clock is None:
            for command in commands:
                await self._work(command)

    async def _take_one(self, event: Event, at: float) -> tuple[Command, ...]:
        before = self._state
        after, commands = advance(before, event, at, self.book)
        changed = [run for name, run in after.runs.items() if before.runs.get(name) != run]
        if changed and not await self._journal.save([kept(run) for run in changed]):
            self._has_begun = False
            raise StoreError("another process has written to the runs of playbooks; they are read again")
        self._state = after
        await self._audit(before, changed)
        return commands

    async def _audit(self, before: EngineState, changed: Sequence[PlaybookRun]) -> None:
        records = [one for run in changed for one in audit_records(before.runs.get(run.id), run)]
        for run in changed:
            if run.is_over and not getattr(before.runs.get(run.id), "is_over", False):
                _log.info(
                    "playbook_over", extra={"run": run.id, "playbook": run.playbook, "state": run.state.value}
                )
        if records:
            try:
                await self._records.append(records)
            except StoreError as error:  # the run's own account is in the journal
                _log.warning("audit_not_written", extra={"error": str(error)})

    def _beside(self, commands: list[Command]) -> None:
        """Starts what was asked for; nobody waits for it here."""
        if self._clock is None:
            return
        while commands:
            command = commands.pop(0)
            if isinstance(command, Tell):
                told = asyncio.ensure_future(self._say(command))
                self._told.add(told)
                told.add_done_callback(self._told.discard)
            else:
                key = (command.run, command.step)
                task = asyncio.ensure_future(self._work(command, self._tasks.get(key)))
                self._tasks[key] = task
                task.add_done_callback(partial(self._forget, key))

    def _forget(self, key: tuple[RunName, str], task: "asyncio.Task[None]") -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _work(self, command: Command, earlier: "asyncio.Task[None] | None" = None) -> None:
        if isinstance(command, Tell):
            await self._say(command)
        else:
            await self._ask(command.run, command.step, undo=isinstance(command, Undo), earlier=earlier)

    async def _say(self, command: Tell) -> None:
        try:
            await self._tell(command)
        except Exception as error:  # noqa: BLE001 - the edge of a playbook's step
            _log.warning("playbook_tell_failed", extra={"run": command.run, "error": str(error)})

    async def _ask(
        self, name: RunName, step: str, *, undo: bool, earlier: "asyncio.Task[None] | None"
    ) -> None:
        if earlier is not None and not earlier.done():
            earlier.cancel()
            await asyncio.wait([earlier])
        order = self._order(name, step, undo=undo)
        answer = await self._answer(order, undo=undo)
        event = Answered(name, step, answer, undo=undo)
        try:
            await self._take(event)
        except StoreError as error:
            _log.warning("playbook_answer_not_written", extra={"run": name, "error": str(error)})
            self._unheard.append(event)
        await self._tell_changed()

    async def _answer(self, order: Order | None, *, undo: bool) -> Answer:
        if order is None:
            return Answer(ok=False, said="the step is no longer in the playbook")
        work = self._actuator.undo(order) if undo else self._actuator.do(order)
        try:
            if self._clock is None:
                return await work
            async with asyncio.timeout(order.timeout_s):
                return await work
        except TimeoutError:
            return Answer(ok=False, said=f"no answer within {order.timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - the edge of a playbook's step
            _log.warning("playbook_step_failed", exc_info=error, extra={"key": order.key})
            return Answer(ok=False, said=f"{type(error).__name__}: {error}")

    def _order(self, name: RunName, step: str, *, undo: bool) -> Order | None:
        run = self._state.runs[name]
        sight = self._state.sight
        incidents = () if sight is None else sight.incidents
        cause = next((one.root_cause.value for one in incidents if one.id == run.incident), "")
        playbook = self.book.playbooks.get(run.playbook)
        return order_of(run, step, playbook, self._now(), cause, undo=undo)

    def _repeatable(self) -> frozenset[tuple[RunName, str]]:
        asked = [
            (run.id, step.id)
            for run in self._state.runs.values()
            if not run.is_over
            for step in run.steps
            if step.state is StepState.ASKED
        ]
        orders = {(run, step): self._order(run, step, undo=False) for run, step in asked}
        return frozenset(
            key for key, order in orders.items() if order is not None and self._actuator.may_repeat(order)
        )

    async def _tell_changed(self) -> None:
        """Only where what is in force has."""
        now = [(run.id, hold) for run, hold in self._state.holds(self._now())]
        if self.changed is not None and now != self._published:
            self._published = now
            await self.changed()

    def _waiting(self, name: str) -> PlaybookRun:
        run = self.run(name)
        if run.state is not RunState.WAITING:
            raise PlaybookRefusedError(
                f"run {name} does not wait for a yes: it is {run.state.value}",
                "`foreroute playbook history --waiting` lists those that do",
            )
        return run

    def _known(self, playbook: str) -> None:
        if playbook not in self.book.playbooks:
            known = ", ".join(sorted(self.book.playbooks))
            raise PlaybookRefusedError(f"there is no playbook {playbook!r}", f"one of: {known}")
