"""The cost optimum beside the tick: the market of the last hour and what is forecast, solved in a fit worker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import util
from typing import Any, Final

from foreroute.app.market import market_sources
from foreroute.app.plane import Plane
from foreroute.control.ahead import OPTIMUM_SPAN_S, Ahead
from foreroute.control.stages import FitSource
from foreroute.core.errors import MissingExtra
from foreroute.core.findings import BudgetStatus
from foreroute.core.optimum import Aims
from foreroute.core.ports import CostedStore, PriceBook, Store
from foreroute.cost.aims import AimJob, aims
from foreroute.dashboard.cost_market import MarketSources, market_of, programme_of
from foreroute.settings.model import Settings

_HOUR_S: Final = 3600.0


@dataclass(slots=True)
class SteeringOptimum:
    """An `OptimumStage`, and the `FitSource` whose pool solves it. `solve`: at once instead, where there is no pool."""

    fits: FitSource
    sources: MarketSources
    every_s: float
    solve: Callable[[AimJob], Aims] | None = None
    _job: AimJob | None = field(default=None, init=False)
    _asked_at: float | None = field(default=None, init=False)
    _newest: Aims | None = field(default=None, init=False)

    async def look(self, ahead: Ahead, budgets: Sequence[BudgetStatus]) -> None:
        """A market is made every so often; one in which nothing can be shared out is not solved."""
        if self._asked_at is not None and 0.0 <= ahead.at - self._asked_at < self.every_s:
            return
        self._asked_at = ahead.at
        markets = await market_of(
            self.sources, start_at=ahead.at - OPTIMUM_SPAN_S, end_at=ahead.at, ahead=ahead, steers=True
        )
        programme = programme_of(markets, self.sources.channels)
        if not programme.classes:
            return
        job = AimJob(at=ahead.at, programme=programme, usd_per_hour_left=left_of(budgets, ahead.at))
        if self.solve is None:
            self._job = job
        else:
            self._newest = self.solve(job)

    def newest(self) -> Aims | None:
        return self._newest

    async def start(self) -> None:
        await self.fits.start()

    async def due(self, at: float) -> Sequence[Any]:
        job, self._job = self._job, None
        return [*await self.fits.due(at), *([] if job is None else [job])]

    async def adopt(self, result: Any, at: float) -> None:
        if not isinstance(result, Aims):
            await self.fits.adopt(result, at)
        elif self._newest is None or result.solved_at >= self._newest.solved_at:
            self._newest = result


def build_optimum(
    settings: Settings, data: Plane, store: Store, *, prices: PriceBook | None, fits: FitSource
) -> SteeringOptimum | None:
    """None where it is off, or for a store that tells no spend apart. Raises MissingExtra without the solver."""
    asked = settings.cost.optimum
    if not asked.enabled or not isinstance(store, CostedStore):
        return None
    if util.find_spec("scipy") is None:
        raise MissingExtra("scipy", "cost", "the cost optimum (cost.optimum.enabled)")
    sources = market_sources(settings, store.costs, store.rollups, at=data.configured.made_at, prices=prices)
    return SteeringOptimum(fits, sources, asked.every)


def solved_at_once(stage: Any) -> None:
    """For runs that have no pool of workers, such as simulations."""
    if isinstance(stage, SteeringOptimum):
        stage.solve = aims


def left_of(budgets: Sequence[BudgetStatus], at: float) -> float | None:
    """US dollars an hour until the budget of everybody with the least left ends; None without any."""
    left = [
        max(0.0, float(one.limit_usd - one.spent_usd)) / max(1.0, (one.period_end_at - at) / _HOUR_S)
        for one in budgets
        if one.whose == "all"
    ]
    return min(left, default=None)
