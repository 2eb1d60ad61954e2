"""What an operator does with experiments. Each takes effect at once, is on record, and raises Refused where it cannot be."""

from dataclasses import replace
from typing import Protocol

from foreroute.control.experiments.book import Book
from foreroute.control.experiments.desk import ExperimentDesk
from foreroute.control.experiments.past import size_of
from foreroute.control.experiments.refusal import Refused
from foreroute.core.errors import StoreError
from foreroute.core.experiment import ExperimentKind, Override, RunId
from foreroute.core.experiment_ports import MarkedLedger
from foreroute.core.ports import Clock
from foreroute.experiment.definition import ArmDefinition, Definition, faults
from foreroute.experiment.layers import Slices, collisions, free_slices, taken_of
from foreroute.experiment.planning import override_of
from foreroute.experiment.runs import Run, RunState, Verdict
from foreroute.experiment.size import Size


class Controls(Protocol):
    """The control loop, as far as experiments move it."""

    async def replan(self) -> None:
        """The experiments in the plan have changed."""
        ...

    async def impose(self, override: Override) -> None:
        """Everybody is served so, until it is undone or withdrawn."""
        ...

    async def withdraw(self, name: str) -> bool:
        """False: nothing of that name is in force."""
        ...


class Operator:
    def __init__(
        self, book: Book, desk: ExperimentDesk, ledger: MarkedLedger, controls: Controls, clock: Clock
    ) -> None:
        self._book, self._desk, self._ledger = book, desk, ledger
        self._controls, self._clock = controls, clock

    async def define(self, definition: Definition) -> None:
        """New, or in the place of what was defined by the API before."""
        if self._book.is_of_file(definition.id):
            raise Refused(409, f"{definition.id} stands in the configuration file", "change it there")
        self._check(definition)
        await self._book.define(definition)
        await self._desk.note("experiment_defined", definition.id, self._clock.now())

    async def begin(self, name: str) -> Run:
        definition = self._book.definition(name)
        if any(run.definition.id == name for run in self._book.running()):
            raise Refused(409, f"{name} runs already", f"stop it first: foreroute experiment stop {name}")
        self._check(definition)
        slices = self._slices(definition)
        size = await self.size(definition)
        newest = self._book.newest(name)
        number = 1 if newest is None else newest.number + 1
        run = Run(
            id=RunId(f"{name}.{number}"),
            number=number,
            definition=definition,
            started_at=self._clock.now(),
            slices=slices,
            planned=size.units,
        )
        await self._desk.begin(run)
        await self._controls.replan()
        await self._desk.note("experiment_started", run.id, run.started_at)
        return run

    async def stop(self, name: str) -> Run:
        run = self._book.run(name)
        if not run.is_running:
            raise Refused(409, f"{run.id} does not run: it is {run.state.value}")
        run = await self._desk.end(run, RunState.STOPPED, "stopped by an operator", self._clock.now())
        await self._controls.replan()
        return run

    async def promote(self, name: str, arm: str | None = None, *, force: bool = False) -> Run:
        """The arm serves everybody from now on. Without a name: the one that was found to be better."""
        run = self._book.run(name)
        if run.state is RunState.PROMOTED:
            raise Refused(409, f"{run.promoted} of {run.id} is promoted already", "revert it first")
        self._check(run.definition)
        chosen = self._winner(run, arm, force=force)
        at = self._clock.now()
        reason = f"{chosen.name} serves everybody"
        await self._controls.impose(override_of(run, chosen, self._book.house.routes))
        try:
            run = await self._desk.end(run, RunState.PROMOTED, reason, at, promoted=chosen.name)
        except StoreError:
            await self._controls.withdraw(run.id)  # what is not on record must not stay
            raise
        await self._controls.replan()
        return run

    async def revert(self, name: str) -> Run:
        """What was promoted is taken back."""
        run = self._book.run(name)
        if run.state is not RunState.PROMOTED:
            raise Refused(409, f"nothing of {run.id} is promoted")
        await self._controls.withdraw(run.id)
        reason = "the promotion was taken back"
        run = await self._book.keep(replace(run, state=RunState.STOPPED, promoted=None, reason=reason))
        await self._desk.note("experiment_reverted", run.id, self._clock.now())
        return run

    async def size(self, definition: Definition) -> Size:
        """How many requests it is likely to need, from those of the last week."""
        return await size_of(definition, self._ledger, self._desk.expected(), self._clock.now())

    def _check(self, definition: Definition) -> None:
        house = self._book.house
        found = faults(definition, house.routes.keys(), house.channels)
        if found:
            path = ".".join(str(part) for part in found[0].path)
            raise Refused(400, f"{definition.id}: {path}: {found[0].message}", found[0].hint)
        if definition.kind is ExperimentKind.SHADOW:
            copied = [channel for arm in definition.arms for channel, _ in arm.channels]
            free = [channel for channel in copied if channel in house.unpriced]
            if free:
                message = f"{definition.id}: nobody knows what {free[0]} costs, so no budget can hold"
                raise Refused(400, message, f"give the channel {free[0]} a price in the configuration")

    def _slices(self, definition: Definition) -> Slices:
        running = self._book.running()
        clash = collisions(definition, running)
        if clash:
            raise Refused(409, f"{definition.id}: {clash[0].message}", clash[0].hint)
        alike = [run for run in running if set(run.definition.routes) & set(definition.routes)]
        slices = free_slices(taken_of(definition.layer, alike), definition.share)
        if slices is None:
            names = ", ".join(run.id for run in alike if run.definition.layer == definition.layer)
            message = f"{definition.id} wants {definition.share:.0%} of the layer {definition.layer}"
            raise Refused(409, f"{message}, and {names} left less", "lower share, or stop one of them")
        return slices

    def _winner(self, run: Run, arm: str | None, *, force: bool) -> ArmDefinition:
        arms = {one.name: one for one in run.definition.arms[1:]}
        better = [one.arm for one in run.findings if one.verdict is Verdict.BETTER]
        if arm is None:
            if len(better) != 1:
                said = "no arm was found to be better" if not better else "several arms are better"
                raise Refused(409, f"{run.id}: {said} yet", f"name one with force: {', '.join(arms)}")
            return arms[better[0]]
        if arm not in arms:
            raise Refused(404, f"{run.id} has no arm {arm[:60]!r} to promote", f"known: {', '.join(arms)}")
        fit = {one.arm for one in run.findings if one.verdict in (Verdict.BETTER, Verdict.EQUAL)}
        if arm not in fit and not force:
            raise Refused(
                409, f"{arm} of {run.id} was not found to be better", "promote it all the same with force"
            )
        return arms[arm]
