"""What a tick does after it has decided: models that are ready or due, old rows, and what was learnt."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from foreroute.control.boundary import Boundary
from foreroute.control.fits import Fits
from foreroute.control.learnt import Learner, Learnt
from foreroute.control.loop_settings import LoopSettings
from foreroute.control.stages import FitSource
from foreroute.core.ports import StateStore


class Upkeep:
    """Nothing is fitted in a tick: jobs go to the pool, and results are taken up between ticks."""

    def __init__(
        self,
        settings: LoopSettings,
        source: FitSource,
        fits: Fits[Any, Any] | None,
        prune: Callable[[float], Awaitable[None]] | None,
        boundary: Boundary,
        *,
        learners: Mapping[str, Learner],
        states: StateStore | None,
        started_at: float,
    ) -> None:
        self._settings, self._source, self._fits = settings, source, fits
        self._prune, self._boundary = prune, boundary
        self._learnt = Learnt(learners, states, every_s=settings.keep_every_s)
        self._pruned_at = started_at

    async def restore(self) -> None:
        """What earlier runs have learnt."""
        await self._boundary.wait("store", self._learnt.restore(), None)

    async def begin(self, at: float) -> None:
        await self._boundary.wait("forecast", self._source.start(), None)
        await self._refit(at)

    async def run(self, at: float) -> None:
        await self._refit(at)
        if self._prune is not None and at - self._pruned_at >= self._settings.prune_every_s:
            self._pruned_at = at
            await self._boundary.wait("store", self._prune(at), None)
        await self._boundary.wait("store", self._learnt.keep(at), None)

    async def keep_now(self, at: float) -> None:
        await self._boundary.wait("store", self._learnt.keep_now(at), None)

    async def _refit(self, at: float) -> None:
        """Adopts models that are ready and asks for those that are due. With `wait_for_fits`, those that were asked
        for at the last call are ready now, however long they take.
        """
        if self._fits is None:
            return
        fits = self._fits
        for result in await fits.finished(wait=self._settings.wait_for_fits):
            await self._boundary.wait("forecast", self._source.adopt(result, at), None)
        jobs = await self._boundary.wait("forecast", self._source.due(at), ())
        self._boundary.guard("forecast", lambda: fits.submit(jobs), None)
