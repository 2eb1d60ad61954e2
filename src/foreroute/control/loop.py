"""The control loop: collect, forecast, detect, cost, heal, decide, act, record; once a minute.

A stage that fails costs its findings, not the tick. The loop may die at any point: the gateway serves the
last plan until it expires, then the configured weights.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import orjson

from foreroute.alerts.evidence import Evidence
from foreroute.control.collect import Collection
from foreroute.control.controls import Steering, undo
from foreroute.control.decision_log import (
    DECISION,
    anomaly_record,
    audit_record,
    decision_record,
    incident_record,
    tick_record,
)
from foreroute.control.explained import explained
from foreroute.control.fits import Fits
from foreroute.control.forecast_log import forecast_record
from foreroute.control.history import History
from foreroute.control.learnt import Learnt
from foreroute.control.observe import (
    NOTHING_OBSERVED,
    Observed,
    channel_states,
    observe,
    observe_all,
    traffic_of,
)
from foreroute.control.outlooks import outlooks, steering_keys
from foreroute.control.overrides import impose, in_force, with_overrides, withdraw
from foreroute.control.stages import Healed, Key, Stages
from foreroute.control.state import Board
from foreroute.control.views import limits_of, views_of
from foreroute.core.decision import Autopilot, Cause, Decision
from foreroute.core.experiment import Override
from foreroute.core.findings import Anomaly, BudgetStatus, ChannelCost, Findings, Forecast
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.ports import Clock, Record, StateStore
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series
from foreroute.core.work import Expectation
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Snapshot

_log: Final = logging.getLogger("foreroute.control")
_T = TypeVar("_T")
_DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Seconds throughout."""

    tick_s: float = 60.0
    collect_s: float = 5.0
    """How often attempts are taken in and stored between ticks: little at a time, and soon to be found."""
    history_s: float = 10_800.0
    """How far back the stages look."""
    observe_s: float = 180.0
    """The observation window of the reactive policy."""
    horizon_s: float = 900.0
    """The forecast horizon that may move a share."""
    heal_s: float = 900.0
    undo_hold_s: float = 1800.0
    wait_for_fits: bool = False
    """A tick waits for the fits that the one before asked for: for runs that must be reproducible."""
    prune_every_s: float = 60.0
    """How often old rollups are made coarser and old records go, a bounded piece at a time."""
    keep_every_s: float = 600.0
    """How often what was learnt is written down."""


class ControlLoop:
    """Owns the steering and the board. Runs on one event loop of its own; only `board` is read from elsewhere."""

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
    ) -> None:
        self._settings, self._rails, self._stages = settings, rails, stages
        self._clock, self._steering, self._fits, self._prune = clock, steering, fits, prune
        self._configured, self._objectives = configured, objectives
        self._plan = configured
        self._causes: tuple[Cause, ...] = ()
        self._collection = Collection(stages)
        self._learnt = Learnt(stages.learners, states, every_s=settings.keep_every_s)
        self._history = History(stages.merge, window_s=settings.tick_s, keep_s=settings.history_s)
        self._errors: dict[str, str] = {}
        self._started_at = clock.now()
        self._pruned_at = self._started_at
        self._seen: dict[ChannelId, Observed] = {}
        self._total = NOTHING_OBSERVED
        self._shown: dict[ChannelId, Series] = {}
        self._foreseen: Sequence[Series] = ()
        self._last_change: Decision | None = None
        self._expectations: Mapping[ChannelId, Expectation] = {}
        self._stop = False
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
        """Takes up the thread of an earlier run: its minutes, its plan's number, its models' record."""
        at = self._clock.now() // self._settings.tick_s * self._settings.tick_s
        await self._try("store", self._learnt.restore(), None)
        past = await self._try("store", self._read_history(at), [])
        self._history.add(past)
        last = await self._try("store", self._stages.records.read(DECISION, limit=1), [])
        first = with_overrides(self._steering, self._configured, self._configured)
        self._plan = replace(first, version=_plan_version(last) + 1)
        series = self._series(at)
        self._guard("forecast", lambda: self._stages.forecast.warm(_measured(series)), None)
        self._guard("detect", lambda: self._stages.detect.warm(self._watched(_measured(series))), None)
        self._publish(replace(self._plan, made_at=at, valid_until=at + self._rails.plan_valid_s))
        await self._try("forecast", self._stages.fits.start(), None)
        await self._refit(at, wait=self._settings.wait_for_fits)
        self._observe(at, past)
        self._show(at, Findings())

    async def tick(self, at: float) -> Decision:
        """One round. `at` is the end of the newest whole window."""
        self._errors = {}
        await self._collect(at)
        rollups = self._history.rollups(start_at=at - self._settings.history_s, end_at=at)
        findings = await self._analyse(at, rollups)
        self._expectations = self._guard(
            "forecast", lambda: self._stages.expectations(findings.forecasts), {}
        )
        snapshot = self._snapshot(at, rollups, findings)
        decision = decide(snapshot, self._rails)
        self._act(decision)
        await self._alert(decision, findings)
        self.ticks += 1
        self._show(at, findings)
        await self._record(snapshot, decision, findings)
        await self._refit(at, wait=self._settings.wait_for_fits)
        await self._housekeep(at)
        return decision

    async def flush(self) -> None:
        """Stores what has been collected since the last tick, and what was learnt: a shutdown loses nothing."""
        at = self._clock.now()
        await self._collect(at)
        await self._try("store", self._learnt.keep_now(at), None)

    # The stages ------------------------------------------------------------------------------------------------

    async def _collect(self, at: float) -> None:
        changed, error = self._collection.take(at)
        if error is not None:
            self._fail("cost", error)
        self._history.add(changed)
        self._history.forget(at)
        self._stages.fold.forget(at - self._settings.heal_s)
        await self._try("store", self._collection.save(), None)
        experiments = self._stages.experiments
        if experiments is not None and await self._try("experiments", experiments.update(at), False):
            self._publish(self._plan)

    async def _analyse(self, at: float, rollups: list[Rollup]) -> Findings:
        series = self._series(at)
        forecasts: Mapping[Key, Forecast] = self._guard(
            "forecast", lambda: self._stages.forecast.update(series), {}
        )
        anomalies: tuple[Anomaly, ...] = self._guard(
            "detect", lambda: self._stages.detect.update(self._watched(series)), ()
        )
        anomalies = self._guard(
            "detect", lambda: explained(anomalies, rollups, self._stages.merge), anomalies
        )
        recent = [rollup for rollup in rollups if rollup.window_start >= at - self._settings.heal_s]
        healed = self._guard("heal", lambda: self._stages.heal(at, recent), Healed())
        costs: tuple[ChannelCost, ...] = self._guard(
            "cost", lambda: tuple(self._stages.cost.channel_costs(at, rollups)), ()
        )
        return Findings(
            forecasts=forecasts,
            skills=self._guard(
                "forecast", lambda: self._stages.forecast.skills(steering_keys(self._stages.metrics)), ()
            ),
            anomalies=anomalies,
            incidents=healed.incidents,
            remedies=healed.remedies,
            budgets=await self._try("cost", self._budgets(at), ()),
            costs=costs,
            missing=tuple(sorted(self._errors)),
        )

    def _watched(self, series: Sequence[Series]) -> list[Series]:
        """What is judged as strange or not: what users feel. Amounts move with every share that is moved."""
        metrics = self._stages.metrics
        return [one for one in series if one.metric in (metrics[one.channel], Metric.FAILURE_RATIO)]

    async def _budgets(self, at: float) -> tuple[BudgetStatus, ...]:
        cost, ledger = self._stages.cost, self._stages.ledger
        period = await ledger.spend(start_at=cost.period_start(at), end_at=at)
        day = await ledger.spend(start_at=at - _DAY_S, end_at=at)
        older = await ledger.spend(start_at=at - _DAY_S, end_at=at - self._settings.history_s)
        # A young service has no whole day behind it: its rate is taken over the time that it has.
        recent_s = _DAY_S if older else at - self._history.earliest(at)
        return tuple(cost.budgets(at, period, day, recent_s))

    def _snapshot(self, at: float, rollups: list[Rollup], findings: Findings) -> Snapshot:
        settings, steering, metrics = self._settings, self._steering, self._stages.metrics
        steering.expire(at)
        self._observe(at, rollups)
        return Snapshot(
            at=at,
            decision_id=DecisionId(f"d{at:.0f}"),
            autopilot=steering.autopilot,
            kill_switch=steering.kill_switch,
            configured=in_force(steering, self._configured),
            current=self._plan,
            objectives=self._objectives,
            channels=channel_states(
                self._seen,
                metrics,
                findings,
                outlooks(metrics, self._foreseen, findings, horizon_s=settings.horizon_s),
            ),
            causes=self._causes,
            budgets=findings.budgets,
            suppressed_until=steering.suppressed_until,
            actions_last_hour=steering.applied_since(at - 3600.0),
            missing_stages=findings.missing,
        )

    def _observe(self, at: float, rollups: Sequence[Rollup]) -> None:
        window_s, metrics, merge = self._settings.observe_s, self._stages.metrics, self._stages.merge
        recent = [rollup for rollup in rollups if at - window_s <= rollup.window_start < at]
        self._seen = observe(recent, metrics, merge, window_s=window_s)
        self._total = observe_all(recent, metrics, merge, window_s=window_s)

    def _act(self, decision: Decision) -> None:
        if decision.changes and decision.applied:
            self._steering.remember(self._plan, decision)
        self._causes = decision.causes
        if decision.changes:
            self._last_change = decision
        self._publish(decision.plan)

    async def _alert(self, decision: Decision, findings: Findings) -> None:
        """After the decision, so that an alert can say what was done."""
        if self._stages.alerts is None:
            return
        evidence = Evidence(
            at=decision.at,
            tick_s=self._settings.tick_s,
            channels=self._stages.channels,
            findings=findings,
            decision=decision,
            traffic=traffic_of(self._seen),
            limits=limits_of(self._plan, self._objectives),
            stage_errors=dict(self._errors),
            acts=self._steering.autopilot is Autopilot.ACT and not self._steering.kill_switch,
        )
        await self._try("alerts", self._stages.alerts.update(evidence), None)

    def _publish(self, plan: RoutingPlan) -> None:
        self._plan = plan
        running = {} if self._steering.kill_switch else self._steering.experiments
        told = replace(plan, expectations=self._expectations, experiments=running)
        self._stages.publisher.publish(told)

    async def _record(self, snapshot: Snapshot, decision: Decision, findings: Findings) -> None:
        records = [tick_record(snapshot, self._rails, decision)]
        if decision.changes:
            records.append(decision_record(decision, snapshot.autopilot))
        records += [incident_record(incident) for incident in findings.incidents]
        records += [anomaly_record(anomaly) for anomaly in findings.anomalies]
        said = forecast_record(snapshot.at, findings.forecasts, steering_keys(self._stages.metrics))
        records += [] if said is None else [said]
        await self._try("store", self._stages.records.append(records), None)

    async def _refit(self, at: float, *, wait: bool) -> None:
        """Adopts models that are ready and asks for those that are due. With `wait`, those that were asked for at
        the last call are ready now, however long they take.
        """
        if self._fits is None:
            return
        fits = self._fits
        for result in await fits.finished(wait=wait):
            await self._try("forecast", self._stages.fits.adopt(result, at), None)
        jobs = await self._try("forecast", self._stages.fits.due(at), ())
        self._guard("forecast", lambda: fits.submit(jobs), None)

    async def _housekeep(self, at: float) -> None:
        if self._prune is not None and at - self._pruned_at >= self._settings.prune_every_s:
            self._pruned_at = at
            await self._try("store", self._prune(at), None)
        await self._try("store", self._learnt.keep(at), None)

    # The operator ----------------------------------------------------------------------------------------------

    async def set_autopilot(self, mode: Autopilot) -> None:
        self._steering.autopilot = mode
        await self._audit("autopilot", mode.value)

    async def kill_switch(self, *, on: bool) -> None:
        """On: the configured weights serve at once, and until it is off."""
        self._steering.kill_switch = on
        if on:
            at = self._clock.now()
            self._causes = ()
            version, valid = self._plan.version + 1, at + self._rails.plan_valid_s
            self._publish(replace(self._configured, version=version, made_at=at, valid_until=valid))
        else:  # what was promoted, and what runs, is in force again
            plan = with_overrides(self._steering, self._configured, self._plan)
            self._publish(replace(plan, version=plan.version + bool(self._steering.overrides)))
        await self._audit("kill_switch", "on" if on else "off")

    async def undo(self) -> bool:
        """Takes back the newest applied decision; False if there is none."""
        at = self._clock.now()
        hold_s = self._settings.undo_hold_s
        name = DecisionId(f"u{at:.3f}")
        decision = undo(self._steering, self._plan, self._causes, at=at, hold_s=hold_s, name=name)
        if decision is None:
            return False
        self._causes, self._last_change = decision.causes, decision
        self._publish(decision.plan)
        record = decision_record(decision, self._steering.autopilot)
        await self._try("store", self._stages.records.append([record]), None)
        await self._audit("undo", decision.reasons[0].detail)
        return True

    async def replan(self) -> None:
        """What runs as an experiment has changed: the gateway hears of it now."""
        self._publish(self._plan)

    async def impose(self, override: Override) -> None:
        """Puts a change on its routes at once, until it is undone or withdrawn."""
        at = self._clock.now()
        await self._put(impose(self._steering, self._configured, self._plan, override, at=at))

    async def withdraw(self, name: str) -> bool:
        decision = withdraw(self._steering, self._configured, self._plan, name, at=self._clock.now())
        if decision is not None:
            await self._put(decision)
        return decision is not None

    async def _put(self, decision: Decision) -> None:
        """An operator's own change of the plan."""
        if decision.changes:
            self._last_change = decision
        self._publish(decision.plan)
        record = decision_record(decision, self._steering.autopilot)
        await self._try("store", self._stages.records.append([record]), None)
        await self._audit("routes", decision.reasons[0].detail)

    async def _audit(self, action: str, detail: str) -> None:
        record = audit_record(at=self._clock.now(), action=action, detail=detail)
        await self._try("store", self._stages.records.append([record]), None)
        if self.board is not None:
            self._show(self.board.at, self.board.findings)

    # The board and the boundaries ------------------------------------------------------------------------------

    def _show(self, at: float, findings: Findings) -> None:
        self.board = Board(
            at=at,
            ticks=self.ticks,
            tick_s=self._settings.tick_s,
            started_at=self._started_at,
            autopilot=self._steering.autopilot,
            kill_switch=self._steering.kill_switch,
            channels=self._stages.channels,
            configured=self._configured,
            plan=self._plan,
            objectives=self._objectives,
            views=views_of(self._stages.channels, self._seen, self._objectives, self._plan, self._causes),
            findings=findings,
            total=self._total,
            series=dict(self._shown),
            can_undo=bool(self._steering.applied),
            decision=self._last_change,
            forecast_record=self._stages.forecast_record(),
            stage_errors=dict(self._errors),
        )
        for listener in self.on_board:
            listener(self.board)

    def _series(self, at: float) -> list[Series]:
        wanted = [(channel, metric) for channel, found in self._stages.foreseen.items() for metric in found]
        found = [self._history.series(channel, metric, end_at=at) for channel, metric in wanted]
        self._foreseen = found
        self._shown = {one.channel: one for one in found if one.metric is self._stages.metrics[one.channel]}
        return found

    async def _read_history(self, at: float) -> list[Rollup]:
        return await self._stages.rollups.read(start_at=at - self._settings.history_s, end_at=at)

    def _guard(self, stage: str, run: Callable[[], _T], default: _T) -> _T:
        try:
            return run()
        except Exception as error:  # noqa: BLE001 - the stage boundary: the tick goes on without this stage
            self._fail(stage, error)
            return default

    async def _try(self, stage: str, work: Awaitable[_T], default: _T) -> _T:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - the stage boundary: the tick goes on without this stage
            self._fail(stage, error)
            return default

    def _fail(self, stage: str, error: Exception) -> None:
        self._errors[stage] = f"{type(error).__name__}: {error}"
        _log.warning("stage_failed", exc_info=error, extra={"stage": stage})


def _next(at: float, every_s: float) -> float:
    """The first multiple of `every_s` after an instant."""
    return (at // every_s + 1) * every_s


def _measured(series: Sequence[Series]) -> list[Series]:
    return [one for one in series if not all(map(math.isnan, one.values))]


def _plan_version(records: Sequence[Record]) -> int:
    """The plan number of the newest decision on record, so that numbers go on after a restart."""
    try:
        return int(orjson.loads(records[-1].body)["plan_version"]) if records else 0
    except (ValueError, KeyError, TypeError):
        return 0
