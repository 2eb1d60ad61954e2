"""The control loop: collect, forecast, detect, cost, heal, decide, act, record; once a minute.

A stage that fails costs its findings, not the tick. The loop may die at any point: the gateway serves the
last plan until it expires, then the configured weights.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from foreroute.alerts.evidence import Evidence
from foreroute.control.ahead import OPTIMUM_SPAN_S
from foreroute.control.analysis import Analysis
from foreroute.control.boundary import Boundary
from foreroute.control.collect import Collection
from foreroute.control.controls import Steering
from foreroute.control.decision_log import DECISION, decision_record
from foreroute.control.fits import Fits
from foreroute.control.helm import Helm
from foreroute.control.incidents.seen import Seen
from foreroute.control.journal import journal
from foreroute.control.loop_settings import LoopSettings
from foreroute.control.moves import Move
from foreroute.control.observe import late_in, traffic_of
from foreroute.control.operator import ROLLOUT_STATE, Limits, Operator
from foreroute.control.outlooks import steering_keys
from foreroute.control.playbooks.treating import Treating
from foreroute.control.reckoning import Reckoning, RolloutSettings, move_records
from foreroute.control.stages import Stages
from foreroute.control.state import Board
from foreroute.control.upkeep import Upkeep
from foreroute.control.views import limits_of, views_of
from foreroute.core.decision import Autopilot, Capability, Decision
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.limits import ChannelLimits
from foreroute.core.patterns import Refusals, Told
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.ports import Clock, Record, StateStore
from foreroute.core.rollup import Rollup
from foreroute.decide.decide import decide
from foreroute.decide.explain import spares
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Snapshot


class ControlLoop:
    """The order of a tick. Runs on one event loop of its own; only `board` is read from elsewhere."""

    def __init__(
        self,
        settings: LoopSettings,
        rails: Guardrails,
        stages: Stages,
        *,
        clock: Clock,
        steering: Steering,
        configured: RoutingPlan,
        objectives: dict[RouteName, Objective],
        fits: Fits[Any, Any] | None = None,
        prune: Callable[[float], Awaitable[None]] | None = None,
        states: StateStore | None = None,
        rollout: RolloutSettings | None = None,
    ) -> None:
        self._settings, self._rails, self._stages = settings, rails, stages
        self._clock, self._steering, self._objectives = clock, steering, objectives
        self._started_at = clock.now()
        self._boundary = Boundary()
        self._helm = Helm(configured, steering, stages.publisher.publish, stages.spread)
        self._analysis = Analysis(settings, stages, self._boundary)
        self._treating = Treating(stages.playbooks, steering, self._boundary, settings.heal_s)
        if stages.playbooks is not None:
            self._helm.bound = stages.playbooks.bound
        self._collection = Collection(stages)
        self._upkeep = Upkeep(
            settings,
            stages.fits,
            fits,
            prune,
            self._boundary,
            learners={**stages.learners, ROLLOUT_STATE: steering},
            states=states,
            started_at=self._started_at,
        )
        self._reckoning = Reckoning(
            rollout or RolloutSettings(), steering, stages.merge, self._started_at, stages.capabilities
        )
        self._newest: Snapshot | None = None
        self._stop = False
        self.operator = Operator(
            self._helm,
            self._reckoning,
            stages.records,
            self._boundary,
            clock,
            Limits(undo_hold_s=settings.undo_hold_s, plan_valid_s=rails.plan_valid_s),
            states=states,
            decide_again=self._decide_again,
            shown=self._show_again,
        )
        if stages.tuning is not None:
            stages.tuning.publish = self._publish_limits
        self.ticks = 0
        self.board: Board | None = None
        self.on_board: list[Callable[[Board], None]] = []
        """Called with each new board: at the start, after every tick, and after whatever an operator did."""

    async def run(self) -> None:
        """Ticks at every boundary of `tick_s` until `stop`."""
        await self.start()
        tick_s = self._settings.tick_s
        due_at = _next(self._clock.now(), tick_s)
        while not self._stop:
            await self._clock.sleep_until(min(_next(self._clock.now(), self._settings.collect_s), due_at))
            now = self._clock.now()
            # A clock that was set back must not make the next tick an hour late.
            due_at = min(due_at, _next(now, tick_s))
            if now < due_at:
                await self._collect(now)
            elif not self._stop:
                await self.tick(now // tick_s * tick_s)
                due_at = _next(self._clock.now(), tick_s)

    def stop(self) -> None:
        self._stop = True

    async def start(self) -> None:
        """Takes up the thread of an earlier run: its minutes, its plan's number, its models' record, its stages."""
        at = self._clock.now() // self._settings.tick_s * self._settings.tick_s
        wait, records = self._boundary.wait, self._stages.records
        await self._upkeep.restore()
        await wait("store", self._reckoning.resume(records, at), None)
        last = await wait("store", records.read(DECISION, limit=1), list[Record]())
        await self._analysis.warm(at)
        self._helm.refusals = self._refusals(at)
        if (tuning := self._stages.tuning) is not None:
            await wait("tuning", tuning.resume(records), None)
            self._helm.limits = self._boundary.guard("tuning", lambda: tuning.in_force(at), {})
        self._helm.begin(_plan_version(last) + 1, at, self._rails.plan_valid_s)
        await self._upkeep.begin(at)
        self._show(at, Findings())

    async def tick(self, at: float) -> Decision:
        """One round. `at` is the end of the newest whole window."""
        self._boundary.clear()
        await self._collect(at)
        rollups = self._analysis.rollups(at)
        findings = await self._treating.treat(at, rollups, await self._analysis.findings(at, rollups))
        self._helm.expectations = self._boundary.guard(
            "forecast", lambda: self._stages.expectations(findings.forecasts), {}
        )
        self._helm.refusals = self._refusals(at)
        await self._tune(at, findings, rollups)
        self._analysis.look(at, rollups)
        await self._look_for_optimum(at, findings)
        if (spread := self._stages.spread) is not None:
            self._boundary.guard(
                "regions", lambda: spread.look(self._analysis.seen, findings.forecasts), None
            )
        snapshot = self._snapshot(at, findings)
        decision = decide(snapshot, self._rails)
        self._helm.act(decision)
        moves = self._reckon(snapshot, decision)
        moves += self._boundary.guard("grading", lambda: self._reckoning.grade(at, rollups), list[Move]())
        await self._tell(snapshot, decision, findings, rollups, moves)
        await self._alert(decision, findings)
        self.ticks += 1
        self._show(at, findings)
        await self._record(snapshot, decision, findings, moves)
        await self._upkeep.run(at)
        return decision

    async def treated_again(self) -> None:
        """What playbooks hold has changed between two ticks: it is decided upon, and published, now."""
        if self._newest is not None:
            await self._decide_again()
            self._show_again()

    async def flush(self) -> None:
        """Stores what has been collected since the last tick, and what was learnt: a shutdown loses nothing."""
        at = self._clock.now()
        await self._collect(at)
        await self._upkeep.keep_now(at)

    # The steps of a tick ---------------------------------------------------------------------------------------

    async def _collect(self, at: float) -> None:
        changed, error = self._collection.take(at)
        if error is not None:
            self._boundary.fail("cost", error)
        self._analysis.add(changed)
        self._analysis.forget(at)
        self._stages.fold.forget(at - self._settings.heal_s)
        await self._boundary.wait("store", self._collection.save(), None)
        for name, stage in (("experiments", self._stages.experiments), ("savings", self._stages.savings)):
            if stage is not None and await self._boundary.wait(name, stage.update(at), False):
                self._helm.publish_again()

    def _snapshot(self, at: float, findings: Findings) -> Snapshot:
        steering, helm = self._steering, self._helm
        steering.expire(at)
        return Snapshot(
            at=at,
            decision_id=DecisionId(f"d{at:.0f}"),
            autopilot=steering.autopilot,
            kill_switch=steering.kill_switch,
            configured=helm.in_force(),
            current=helm.plan,
            objectives=self._objectives,
            channels=self._analysis.states(findings),
            causes=helm.causes,
            budgets=findings.budgets,
            suppressed_until=steering.suppressed_until,
            actions_last_hour=steering.applied_since(at - 3600.0),
            missing_stages=findings.missing,
            stages=dict(steering.stages),
            approved=(*steering.approved, *self._treating.approvals()),
            aims=None if self._stages.optimum is None else self._stages.optimum.newest(),
            pursued=helm.pursued,
        )

    async def _look_for_optimum(self, at: float, findings: Findings) -> None:
        optimum = self._stages.optimum
        if optimum is not None:
            ahead = self._analysis.ahead(at, findings, span_s=OPTIMUM_SPAN_S)
            await self._boundary.wait("optimum", optimum.look(ahead, findings.budgets), None)

    def _reckon(self, snapshot: Snapshot, decision: Decision) -> list[Move]:
        self._newest = snapshot
        self._reckoning.expire_approvals(decision, overrun=spares(snapshot))
        return self._boundary.guard("grading", lambda: self._reckoning.note(decision, snapshot), list[Move]())

    async def _decide_again(self) -> None:
        """Upon what the newest tick knew, with the operator's wishes of now."""
        known = self._newest
        if known is None:
            return
        at, steering = self._clock.now(), self._steering
        snapshot = replace(
            known,
            at=at,
            decision_id=DecisionId(f"a{at:.3f}"),
            current=self._helm.plan,
            causes=self._helm.causes,
            kill_switch=steering.kill_switch,
            suppressed_until=dict(steering.suppressed_until),
            actions_last_hour=steering.applied_since(at - 3600.0),
            approved=(*steering.approved, *self._treating.approvals()),
            channels=self._treating.states(known.channels, at),
            stages=dict(steering.stages),
            pursued=self._helm.pursued,
        )
        decision = decide(snapshot, self._rails)
        self._helm.act(decision)
        moves = self._reckon(snapshot, decision)
        await self._record(snapshot, decision, Findings(), moves)

    def _refusals(self, at: float) -> Mapping[ChannelId, Refusals]:
        """Only where routing may act: they move requests."""
        learning = self._stages.learning
        if learning is None or self._steering.stage(Capability.ROUTING) is not Autopilot.ACT:
            return {}
        return self._boundary.guard("heal", lambda: learning.refusals(at), {})

    async def _tune(self, at: float, findings: Findings, rollups: Sequence[Rollup]) -> None:
        """The limits of the next plan. Should tuning fail, those of the plan before stay."""
        tuning, helm = self._stages.tuning, self._helm
        if tuning is None:
            return
        helm.limits, records, moves = self._boundary.guard(
            "tuning",
            lambda: tuning.update(at, self._steering, findings, rollups),
            (helm.limits, list[Record](), list[Move]()),
        )
        self._reckoning.take(moves)
        if records := [*records, *move_records(moves)]:
            await self._boundary.wait("store", self._stages.records.append(records), None)

    def _publish_limits(self, limits: Mapping[ChannelId, ChannelLimits]) -> None:
        self._helm.limits = limits
        self._helm.publish_again()

    async def _tell(
        self,
        snapshot: Snapshot,
        decision: Decision,
        findings: Findings,
        rollups: Sequence[Rollup],
        moves: Sequence[Move],
    ) -> None:
        """After the decision, so that an incident knows what was done; before the alerts, so that they can name it."""
        if self._stages.incidents is None:
            return
        seen = Seen(
            at=decision.at,
            channels=self._stages.channels,
            configured=self._helm.configured,
            decision=decision,
            before=snapshot.current,
            incidents=findings.incidents,
            late_now=late_in(self._analysis.seen, limits_of(snapshot.current, self._objectives)),
            rollups=[one for one in rollups if one.window_start >= decision.at - self._settings.heal_s],
            moves=moves,
            acts=self._acts,
            is_blind="heal" in self._boundary.errors,
        )
        await self._boundary.wait("incidents", self._stages.incidents.update(seen), None)

    @property
    def _acts(self) -> bool:
        return self._steering.highest is Autopilot.ACT and not self._steering.kill_switch

    async def _alert(self, decision: Decision, findings: Findings) -> None:
        """After the decision, so that an alert can say what was done."""
        if self._stages.alerts is None:
            return
        learning, at = self._stages.learning, decision.at
        evidence = Evidence(
            at=decision.at,
            tick_s=self._settings.tick_s,
            channels=self._stages.channels,
            findings=findings,
            decision=decision,
            traffic=traffic_of(self._analysis.seen),
            limits=limits_of(self._helm.plan, self._objectives),
            stage_errors=dict(self._boundary.errors),
            told=Told()
            if learning is None
            else self._boundary.guard("heal", lambda: learning.told(at), Told()),
            acts=self._acts,
            about={} if self._stages.incidents is None else self._stages.incidents.about(),
        )
        await self._boundary.wait("alerts", self._stages.alerts.update(evidence), None)

    async def _record(
        self, snapshot: Snapshot, decision: Decision, findings: Findings, moves: Sequence[Move]
    ) -> None:
        keys = steering_keys(self._stages.metrics)
        records = journal(snapshot, self._rails, decision, findings, moves, keys)
        if decision.changes and (decision.applied or any(move.at == decision.at for move in moves)):
            records.append(decision_record(decision, self._steering.highest))
        await self._boundary.wait("store", self._stages.records.append(records), None)

    # The board -------------------------------------------------------------------------------------------------

    def _show_again(self) -> None:
        if self.board is not None:
            self._show(self.board.at, self.board.findings)

    def _show(self, at: float, findings: Findings) -> None:
        helm, seen = self._helm, self._analysis
        self.board = Board(
            at=at,
            ticks=self.ticks,
            tick_s=self._settings.tick_s,
            started_at=self._started_at,
            autopilot=self._steering.highest,
            kill_switch=self._steering.kill_switch,
            channels=self._stages.channels,
            configured=helm.configured,
            plan=helm.served,
            objectives=self._objectives,
            views=views_of(self._stages.channels, seen.seen, self._objectives, helm.served, helm.causes),
            findings=findings,
            total=seen.total,
            series=dict(seen.shown),
            can_undo=bool(self._steering.applied),
            decision=helm.last_change,
            forecast_record=self._stages.forecast_record(),
            stage_errors=dict(self._boundary.errors),
            rollout=self._reckoning.views(self._clock.now()),
            suggestions=self._reckoning.suggestions.waiting,
        )
        for listener in self.on_board:
            listener(self.board)


def _next(at: float, every_s: float) -> float:
    """The first multiple of `every_s` after an instant."""
    return (at // every_s + 1) * every_s


def _plan_version(records: Sequence[Record]) -> int:
    """The plan number of the newest decision on record, so that numbers go on after a restart."""
    try:
        return int(orjson.loads(records[-1].body)["plan_version"]) if records else 0
    except (ValueError, KeyError, TypeError):
        return 0
