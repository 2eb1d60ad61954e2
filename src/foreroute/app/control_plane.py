"""The control plane of one process: store, stages, loop and dashboard, on the control thread's event loop."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from foreroute.alerts.desk import AlertDesk
from foreroute.app.alerts import build_desk, with_alerts
from foreroute.app.budgets import build_watch
from foreroute.app.certificates import watch_certificates
from foreroute.app.config_watch import ReloadResult
from foreroute.app.cost_desk import watch_costs
from foreroute.app.cost_reports import PlannedReport, planned_reports
from foreroute.app.dashboard import serve_dashboard
from foreroute.app.experiments import Experiments, build_experiments, build_savings
from foreroute.app.fit_pools import fit_pool
from foreroute.app.grouping import run_any
from foreroute.app.incidents import build_incidents
from foreroute.app.influx import open_influx
from foreroute.app.keys import load_keys
from foreroute.app.plane import Plane, claim_journal, journal_folder, state_folder
from foreroute.app.playbooks import build_playbooks
from foreroute.app.simulator import Simulator
from foreroute.app.stages import (
    build_stages,
    guardrails,
    loop_settings,
    mutes_of,
    retention_of,
    rollout_settings,
    segments_of,
    stages_of,
)
from foreroute.clock import SystemClock
from foreroute.control.budgets import BUDGET_PACE_STATE, BudgetWatch
from foreroute.control.collect import Collection
from foreroute.control.controls import Steering
from foreroute.control.fits import Fits
from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.loop import ControlLoop
from foreroute.control.mutes import Mutes
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.control.stages import Stages
from foreroute.core.errors import StoreError
from foreroute.core.feedback import AlertFeedback
from foreroute.core.keys import KeyBook, Role
from foreroute.core.ports import Clock, Store
from foreroute.gateway.keyring import Keyring, Known
from foreroute.heal.learning import FailureLearning
from foreroute.monitor.fold import Folder, fold, merge_rollups
from foreroute.settings.convert import objectives_of
from foreroute.settings.model import Settings
from foreroute.store.memory import MemoryStore
from foreroute.store.retention import keep_house
from foreroute.store.sqlite import SqliteStore
from foreroute.store.state_files import StateFiles

_log: Final = logging.getLogger("foreroute.control")
_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOptions:
    """What a demo or a test turns; the defaults are a production run's."""

    source: str = "run"
    """Names this run in its rollups."""
    wait_for_fits: bool = False
    prepare: Callable[[Store, Stages], Awaitable[None]] | None = None
    """Fills the store before the loop starts."""
    demo: bool = False
    headless: bool = False
    """No dashboard."""


@dataclass(slots=True)
class ControlPlane:
    """`main` is for `ControlThread`. The other attributes are filled in when `ready` is set; a failed start sets it
    too, with the thread's error behind it.
    """

    settings: Settings
    data: Plane
    clock: Clock
    options: ControlOptions = field(default_factory=ControlOptions)
    ready: threading.Event = field(default_factory=threading.Event)
    loop: ControlLoop | None = None
    stages: Stages | None = None
    store: Store | None = None
    mutes: Mutes | None = None
    playbooks: PlaybookDesk | None = None
    dashboard_url: str | None = None
    experiments: Experiments | None = None
    budgets: BudgetWatch | None = None
    incidents: IncidentDesk | None = None
    steering: Steering | None = None
    """An earlier control plane's, when this one takes its place."""
    reload: Callable[[], Awaitable[ReloadResult]] | None = None
    """Reads the configuration again, when the API asks for it."""
    _loading: "asyncio.Future[None] | None" = None
    _changed: bool = False
    _reports: tuple[PlannedReport, ...] = ()
    _ring: Keyring = field(default_factory=lambda: Keyring(KeyBook()))
    gateway_url: str | None = None
    """Set by whoever starts the gateway, for people to see."""

    def last_tick_at(self) -> float | None:
        loop = self.loop
        return loop.board.at if loop is not None and loop.board is not None else None

    async def main(self) -> None:
        try:
            self.store = await open_store(self.settings)
            await self._serve(self.store)
        finally:
            self.ready.set()

    async def _serve(self, store: Store) -> None:
        made = fit_pool(self.settings)
        fits = None if made is None else Fits[Any, Any](run_any, made, _fit_failed, _fit_waits)
        try:
            desk = build_desk(self.settings, store.records, self.clock, lambda: self.data.shared)
            self._reports = planned_reports(self.settings)
            self.mutes = mutes_of(self.settings, store.records)
            await self.mutes.start(self.clock.now())
            self.playbooks = build_playbooks(
                self.settings,
                store,
                self.data,
                self.clock,
                alerts=desk,
                keys_changed=lambda: self._keys_changed(store),
            )
            self.stages = build_stages(
                self.settings,
                self.data,
                store,
                source=self.options.source,
                alerts=desk,
                mutes=self.mutes,
                feedback=AlertFeedback if desk is None else lambda: desk.feedback,
                playbooks=self.playbooks,
            )
            await self.stages.cost.begin(store, self.clock.now())
            # A control plane that is started again beside its gateway finds the journal open.
            if self.settings.store.outlasts and not self.data.intake.is_on_disk:
                await self._keep_on_disk(self.stages, store)
            self._ring = await load_keys(store, self.data, self.clock)
            if self.options.prepare is not None:
                await self.options.prepare(store, self.stages)
            await self._start_budgets(store)
            await self._start_experiments(store)
            self.stages = await self._with_incidents(self.stages, store)
            self.loop = self._make_loop(self.stages, store, fits)
            self.playbooks.changed = self.loop.treated_again
            await self._run(self.loop, self.stages, store, desk)
        finally:
            await self._farewell(store, fits)

    async def _keep_on_disk(self, stages: Stages, store: Store) -> None:
        """Writes each attempt down at once, and stores what a run that was killed has left."""
        reader = self.data.keep_on_disk(journal_folder(self.settings), self.options.source)
        claim_journal(reader, self.settings)
        attempts = await store.ledger.missing(reader.poll())
        if attempts:
            entries = stages.cost.price(attempts)
            rollups = fold(
                [entry.attempt for entry in entries],
                window_s=self.settings.loop.tick,
                source=f"{self.options.source}-recovered",
                segments=segments_of(self.settings),
            )
            await store.append(entries, rollups)
            _log.warning("attempts_recovered", extra={"attempts": len(attempts)})
        reader.mark()
        reader.saved()
        self.data.intake.read_from(reader)

    async def _run(self, loop: ControlLoop, stages: Stages, store: Store, desk: AlertDesk | None) -> None:
        async def run() -> None:
            await self._run_shown(loop, stages, store, desk)

        async with _aside(self._certificates(stages)), _aside(self._costs(store)):
            await with_alerts(
                desk,
                run,
                last_tick_at=self.last_tick_at,
                clock=self.clock,
                tick_s=self.settings.loop.tick,
                is_watched=not self.options.demo,
            )

    async def _certificates(self, stages: Stages) -> None:
        if isinstance(stages.learning, FailureLearning) and not self.options.demo:
            await watch_certificates(stages.channels, stages.learning.certificate, self.clock)

    async def _costs(self, store: Store) -> None:
        if not (self.options.demo or self.options.headless):
            try:
                await watch_costs(self.settings, self._reports, store, self.clock)
            except Exception:  # noqa: BLE001 - the boundary of a work beside the loop: serving and steering go on without it
                _log.exception("costs_not_watched")

    async def _run_shown(
        self, loop: ControlLoop, stages: Stages, store: Store, desk: AlertDesk | None
    ) -> None:
        if self.options.headless or not self.settings.dashboard.enabled:
            self.ready.set()
            await loop.run()
            return
        simulator = Simulator()
        async with (
            AsyncExitStack() as stack,
            await serve_dashboard(
                self.settings,
                loop,
                stages,
                store,
                self.clock,
                gateway_url=lambda: self.gateway_url,
                demo=self.options.demo,
                keys_changed=lambda: self._keys_changed(store),
                experiments=None
                if self.experiments is None
                else self.experiments.sources(store, loop.operator),
                reload=self.reload,
                role_of=self._role_of,
                desk=desk,
                simulator=simulator,
                mutes=self.mutes,
                budgets=self.budgets,
                playbooks=self.playbooks,
                incidents=self.incidents,
            ) as dashboard,
        ):
            stack.push_async_callback(asyncio.to_thread, simulator.stop)
            self.dashboard_url = dashboard.url
            self.ready.set()
            await loop.run()

    def _keys_changed(self, store: Store) -> None:
        """One reader at a time, which reads again when something has changed meanwhile: no older book comes last."""
        self._changed = True
        if self._loading is None or self._loading.done():
            self._loading = asyncio.ensure_future(self._load_keys(store))

    async def _load_keys(self, store: Store) -> None:
        while self._changed:
            self._changed = False
            try:
                self._ring = await load_keys(store, self.data, self.clock)
            except StoreError as error:
                _log.error("keys_not_loaded", extra={"error": str(error)})
                self._changed = True
                await asyncio.sleep(_RETRY_S)

    def _role_of(self, presented: str) -> Role | None:
        found = self._ring.find(presented, self.clock.now())
        return found.key.role if isinstance(found, Known) else None

    async def _start_budgets(self, store: Store) -> None:
        """Before anybody is served: a budget that is spent already holds from the first request on."""
        assert self.stages is not None  # noqa: S101 - made just before
        self.budgets = build_watch(self.settings, self.data, store, wait=self.options.wait_for_fits)
        if self.budgets is None:
            return
        learners = {**self.stages.learners, BUDGET_PACE_STATE: self.budgets}
        self.stages = replace(self.stages, budgets=self.budgets, learners=learners)
        await self.budgets.update(self.clock.now())

    async def _start_experiments(self, store: Store) -> None:
        """Before the loop, so that its first plan has what is promoted and what runs."""
        assert self.stages is not None  # noqa: S101 - made just before
        if self.steering is None:
            self.steering = Steering(autopilot=self.settings.autopilot, stages=stages_of(self.settings))
        savings = build_savings(self.settings, self.data, store, self.stages, self.steering)
        self.stages = replace(self.stages, savings=savings)
        if savings is None:
            self.steering.held_out = {}  # a reload may have switched it off
        self.experiments = build_experiments(
            self.settings, self.data, store, self.stages, self.steering, self.clock
        )
        if self.experiments is not None:
            await self.experiments.desk.start(self.clock.now())
            self.stages = replace(self.stages, experiments=self.experiments.desk)

    async def _with_incidents(self, stages: Stages, store: Store) -> Stages:
        """Before the loop, so that its first tick goes on where the last run ended."""
        self.incidents = build_incidents(self.settings, store, stages, self.clock)
        if self.incidents is not None:
            await self.incidents.start(self.clock.now())
        return replace(stages, incidents=self.incidents)

    def _make_loop(self, stages: Stages, store: Store, fits: Fits[Any, Any] | None) -> ControlLoop:
        settings = self.settings
        retention = retention_of(settings)
        if self.steering is None:
            self.steering = Steering(autopilot=settings.autopilot, stages=stages_of(settings))

        async def prune(at: float) -> None:
            await keep_house(store, retention, at)

        return ControlLoop(
            loop_settings(settings, wait_for_fits=self.options.wait_for_fits),
            guardrails(settings),
            stages,
            clock=self.clock,
            steering=self.steering,
            configured=self.data.configured,
            objectives=objectives_of(settings),
            fits=fits,
            prune=prune,
            states=StateFiles(state_folder(settings)) if settings.store.outlasts else None,
            rollout=rollout_settings(settings),
        )

    async def _farewell(self, store: Store, fits: Fits[Any, Any] | None) -> None:
        """Stores what has come in so far and lets go of everything, also when the loop was killed."""
        if self.playbooks is not None:
            await self.playbooks.aclose()
        if self.loop is not None:
            await self.loop.flush()
        if fits is not None:
            fits.close()
        await store.close()


async def open_store(settings: Settings) -> Store:
    """Raises StoreError with a sentence for a person."""
    if settings.store.kind == "memory":
        return MemoryStore(merge_rollups)
    if settings.store.influxdb is not None:
        return await open_influx(settings.store)
    return await SqliteStore.open(settings.store.path, merge_rollups)


async def save_leftovers(settings: Settings, stages: Stages) -> None:
    """Stores what the gateway recorded after the control loop was gone. Only for a store that outlives its process."""
    store = await open_store(settings)
    try:
        late = replace(
            stages,
            append=store.append,
            rollups=store.rollups,
            ledger=store.ledger,
            records=store.records,
            fold=Folder(window_s=settings.loop.tick, source="leftovers", segments=segments_of(settings)),
        )
        collection = Collection(late)
        collection.take(SystemClock().now())
        await collection.save()
    finally:
        await store.close()


def _fit_waits(message: str) -> None:
    _log.info("fit_waits", extra={"why": message})


@asynccontextmanager
async def _aside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The work beside the block, and no longer. What becomes of it is its own affair."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _fit_failed(message: str) -> None:
    _log.warning("fit_failed", extra={"error": message})
