"""Runs experiments: counts what the ledger brings, judges it, and ends what is over.

Lives on the control loop's event loop, which calls `update` whenever attempts were stored. What changes the plan takes
effect at once.
"""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import orjson

from foreroute.control.controls import Steering
from foreroute.control.decision_log import audit_record
from foreroute.control.experiments.book import Book
from foreroute.control.experiments.counting import Counting
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import DecisionId
from foreroute.core.ports import Record, RecordStore
from foreroute.experiment.judge import Analysis, analyse
from foreroute.experiment.planning import override_of, planned
from foreroute.experiment.requests import Expected
from foreroute.experiment.runs import Run, RunState
from foreroute.experiment.tally import Tally

_POINTS_MAX: Final = 1000
_POINTS_RATIO: Final = 50.0
_JUDGE_EVERY_S: Final = 15.0


class ExperimentDesk:
    """Raises StoreError; what was not stored is counted again."""

    def __init__(self, book: Book, counting: Counting, steering: Steering, records: RecordStore) -> None:
        self.book = book
        self._counting, self._steering, self._records = counting, steering, records
        self.analyses: dict[str, Analysis] = {}
        """The newest of each run that was looked at."""
        self._judged_at = -math.inf
        self._pointed_at: dict[str, float] = {}

    async def start(self, at: float) -> None:
        """Takes up what is stored: what runs goes on, what was promoted is in force."""
        await self.book.load()
        for run in list(self.book.runs.values()):
            if run.is_running:
                await self._take_up(run, at)
            elif run.state is RunState.PROMOTED:
                self._put_in_force(run)
        self.plan()

    async def update(self, at: float) -> bool:
        """True: what is in the plan has changed."""
        before = self._steering.experiments
        await self._note_undone(at)
        running = self.book.running()
        for run in running:
            if run.id not in self._counting.counts:
                await self._counting.follow(run)
        await self._counting.advance(at)
        if running and not 0.0 <= at - self._judged_at < _JUDGE_EVERY_S:
            self._judged_at = at
            for run in running:
                await self._judge(run, at)
        self.plan()
        return self._steering.experiments != before

    def plan(self) -> None:
        """Tells the steering what runs."""
        spent = {run: count.tally.copies_usd for run, count in self._counting.counts.items()}
        house = self.book.house
        self._steering.experiments = planned(
            self.book.running(), house.routes, spent, processes=house.processes
        )

    async def begin(self, run: Run) -> None:
        await self._counting.follow(run)
        await self.book.keep(run)
        self.plan()

    async def end(self, run: Run, state: RunState, reason: str, at: float, **more: Any) -> Run:
        """With a last look at what has been counted."""
        count = self._counting.counts.get(run.id)
        if count is not None:
            count.tally.run = run
            analysis = self.analyses[run.id] = analyse(count.tally, at)
            run = replace(run, findings=analysis.findings)
        ended_at = at if run.ended_at is None else run.ended_at
        run = await self.book.keep(replace(run, state=state, reason=reason, ended_at=ended_at, **more))
        await self._counting.leave(run.id)
        self.plan()
        await self.note(f"experiment_{state.value}", f"{run.id}: {reason}", at)
        return run

    async def analysis(self, run: Run, at: float) -> Analysis:
        """The newest; of a run that is over, as it was left."""
        if run.id not in self.analyses:
            tally = await self.tally(run)
            self.analyses[run.id] = analyse(tally, run.ended_at or at)
        return self.analyses[run.id]

    async def tally(self, run: Run) -> Tally:
        count = self._counting.counts.get(run.id)
        return await self._counting.past(run) if count is None else count.tally

    def expected(self) -> Expected:
        """What is usual for a request, by what is known now."""
        return self._counting.expected_now()

    async def points(self, run: str) -> list[dict[str, Any]]:
        """The effects over time, oldest first: (arm, value, lower, upper, units, the control's units)."""
        found = await self._records.read(f"experiment/{run}", limit=_POINTS_MAX)
        return [{"at": one.at, "effects": orjson.loads(one.body)} for one in found]

    async def note(self, action: str, detail: str, at: float) -> None:
        await self._records.append([audit_record(at=at, action=action, detail=detail)])

    def spent_usd(self, run: str) -> Decimal | None:
        """What a run's copies have cost; None where it is not counted now."""
        count = self._counting.counts.get(run)
        return None if count is None else count.tally.copies_usd

    async def _judge(self, run: Run, at: float) -> None:
        count = self._counting.counts[run.id]
        count.tally.run = run
        analysis = self.analyses[run.id] = analyse(count.tally, at)
        if analysis.findings != run.findings:
            run = await self.book.keep(replace(run, findings=analysis.findings))
        await self._keep_point(run, analysis)
        broken = analysis.broken
        if broken is not None:
            arm, measure = broken.effect.arm, broken.guardrail.measure.value
            reason = f"guardrail {measure}: {arm} is worse than {run.definition.arms[0].name}"
            await self.end(run, RunState.GUARDED, reason, at)
        elif at >= run.ends_at:
            await self.end(run, RunState.ENDED, "its time is over", at)

    async def _keep_point(self, run: Run, analysis: Analysis) -> None:
        """Often at first, then the less often the longer it runs: some hundred in all, at any age of a run."""
        due_s = max(_JUDGE_EVERY_S, (analysis.at - run.begins_at) / _POINTS_RATIO)
        if 0.0 <= analysis.at - self._pointed_at.get(run.id, -math.inf) < due_s:
            return
        self._pointed_at[run.id] = analysis.at
        body = [
            [one.arm, one.value, one.lower, one.upper, one.units, one.units_control]
            for one in analysis.effects
        ]
        record = Record(
            kind=f"experiment/{run.id}",
            id=f"{analysis.at:.3f}",
            at=analysis.at,
            body=orjson.dumps(body),
        )
        await self._records.append([record])

    async def _take_up(self, run: Run, at: float) -> None:
        fault = self.book.fault_of(run.definition)
        if fault is not None:
            await self.end(run, RunState.STOPPED, f"the configuration has changed: {fault}", at)
            return
        try:
            await self._counting.follow(run)
        except StoreCorrupt as error:
            await self.end(run, RunState.STOPPED, str(error), at)

    def _put_in_force(self, run: Run) -> None:
        """After a restart. A steering that outlived a change of the configuration has it already."""
        arm = next((one for one in run.definition.arms if one.name == run.promoted), None)
        if arm is None or self.book.fault_of(run.definition) is not None:
            return
        known = [key for key, one in self._steering.overrides.items() if one.name == run.id]
        key = known[0] if known else DecisionId(f"kept/{run.id}")
        self._steering.overrides[key] = override_of(run, arm, self.book.house.routes)

    async def _note_undone(self, at: float) -> None:
        """A promotion that somebody has undone is none any more."""
        in_force = {one.name for one in self._steering.overrides.values()}
        for run in list(self.book.runs.values()):
            if run.state is RunState.PROMOTED and run.id not in in_force:
                if self.book.fault_of(run.definition) is not None:
                    continue
                await self.book.keep(
                    replace(run, state=RunState.STOPPED, promoted=None, reason="the promotion was undone")
                )
                await self.note("experiment_reverted", run.id, at)
