"""The control of the savings: a share of the requests that keeps the configured weights while the optimum acts.

An A/B test like any other, in a layer of its own: a hash draws the arms, the ledger's rows are counted once each, and
the interval holds at all times at once. One run a calendar month; a month in which the definition changes has several.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from foreroute.control.controls import Steering
from foreroute.control.experiments.codec import read_run, run_bytes
from foreroute.control.experiments.counting import Counting
from foreroute.core.decision import Autopilot, Capability
from foreroute.core.experiment import (
    PLACES,
    ExperimentKind,
    Planned,
    PlannedArm,
    PlannedExperiment,
    RunId,
    Treatment,
    Unit,
)
from foreroute.core.experiment_ports import RunStore
from foreroute.core.ids import RouteName
from foreroute.core.plan import Route, Select, Target
from foreroute.experiment.definition import ArmDefinition, Definition
from foreroute.experiment.measures import Measure
from foreroute.experiment.runs import Run

KIND: Final = "savings"
"""Under which its runs are stored: no experiment that anybody has started."""
LAYER: Final = "foreroute/savings"
CONTROL: Final = "control"
STEERED: Final = "steered"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutSettings:
    control_share: float = 0.05
    unit: Unit = Unit.REQUEST


def definition_of(settings: HeldOutSettings, routes: Mapping[RouteName, Route]) -> Definition | None:
    """Over the routes whose shares can move; None where there are none, or nobody is to be held out."""
    movable = tuple(sorted(name for name, route in routes.items() if len(_weighted(route)) > 1))
    if not movable or settings.control_share <= 0:
        return None
    return Definition(
        id=KIND,
        routes=movable,
        arms=(
            ArmDefinition(name=CONTROL, weight=settings.control_share),
            ArmDefinition(name=STEERED, weight=1.0 - settings.control_share),
        ),
        unit=settings.unit,
        layer=LAYER,
        measure=Measure.COST,
    )


def planned(run: Run, routes: Mapping[RouteName, Route]) -> Planned:
    """As the gateway has to know it: in the control, each route's own weights."""
    shares = {arm.name: arm.weight for arm in run.definition.arms}
    return {
        name: (
            PlannedExperiment(
                run=run.id,
                kind=ExperimentKind.AB,
                layer=LAYER,
                slices=((0, PLACES),),
                arms=(
                    PlannedArm(
                        name=CONTROL,
                        share=shares[CONTROL],
                        treatment=_treatment(routes[name]),
                    ),
                    PlannedArm(name=STEERED, share=shares[STEERED]),
                ),
                unit=run.definition.unit,
            ),
        )
        for name in run.definition.routes
        if name in routes
    }


@dataclass(slots=True, kw_only=True)
class HeldOut:
    """An `ExperimentStage` beside the experiments. Raises StoreError; what was not stored is counted again."""

    settings: HeldOutSettings
    counting: Counting
    runs: RunStore
    steering: Steering
    routes: Callable[[], Mapping[RouteName, Route]]
    """As they are configured and promoted: what the control is served by."""
    month: Callable[[float], str]
    """The calendar month of an instant, such as `2026-11`."""
    _run: Run | None = field(default=None, init=False)

    async def update(self, at: float) -> bool:
        """True: who is held out has changed."""
        before = self.steering.held_out
        if self._acts():
            await self._take_turn(at)
            self.steering.held_out = {} if self._run is None else planned(self._run, self.routes())
        else:
            self.steering.held_out = {}
        if self._run is not None and self._run.id not in self.counting.counts:
            await self.counting.follow(self._run)
        await self.counting.advance(at)
        return self.steering.held_out != before

    def _acts(self) -> bool:
        return self.steering.stage(Capability.OPTIMUM) is Autopilot.ACT and not self.steering.kill_switch

    async def _take_turn(self, at: float) -> None:
        """The run of this month and these settings: the one that is there, or a new one."""
        month, wanted = self.month(at), definition_of(self.settings, self.routes())
        if self._run is not None and wanted == self._run.definition and _month_of(self._run) == month:
            return
        if self._run is not None:
            await self.counting.advance(at)
            await self.counting.leave(self._run.id)
        self._run = None if wanted is None else await self._run_of(month, wanted, at)

    async def _run_of(self, month: str, wanted: Definition, at: float) -> Run:
        known = [one for one in await stored_runs(self.runs) if _month_of(one) == month]
        same = next((one for one in known if one.definition == wanted), None)
        if same is not None:
            return same
        number = 1 + max((one.number for one in known), default=0)
        run = Run(
            id=RunId(f"{KIND}.{month}.{number}"),
            number=number,
            definition=wanted,
            started_at=at,
            slices=((0, PLACES),),
        )
        await self.runs.put(KIND, run.id, run_bytes(run))
        return run


async def stored_runs(runs: RunStore) -> list[Run]:
    """All that there ever were, oldest first. Raises StoreCorrupt."""
    found = [read_run(body) for body in (await runs.read(KIND)).values()]
    return sorted(found, key=lambda one: one.started_at)


def _treatment(route: Route) -> Treatment:
    """The weights alone: the better of two draws by load would lead the control away from where the steered go."""
    select = Select.SHARES if route.select is Select.BALANCED else None
    return Treatment(targets=_weighted(route), select=select)


def _month_of(run: Run) -> str:
    return run.id.split(".")[1]


def _weighted(route: Route) -> tuple[Target, ...]:
    first = min((target.priority for target in route.targets), default=0)
    return tuple(one for one in route.targets if one.priority == first and one.weight > 0)
