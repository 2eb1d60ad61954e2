"""Once a night, the failures that nobody could name are grouped by likeness, in the fit pool."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.control.stages import FitSource
from foreroute.core.errors import MissingExtra
from foreroute.cost.aims import AimJob, aims
from foreroute.forecast.experts import run_job
from foreroute.heal.clusters import ClusterJob, Clusters, cluster
from foreroute.heal.learning import FailureLearning

_EVERY_S: Final = 86_400.0
_NIGHT_S: Final = 3 * 3600.0
"""Three in the morning, UTC."""


def run_any(job: Any) -> Any:
    """What the fit pool does with a job, whoever's it is."""
    if isinstance(job, AimJob):
        return aims(job)
    if not isinstance(job, ClusterJob):
        return run_job(job)
    try:
        return cluster(job)
    except MissingExtra:
        return Clusters({})  # patterns are shown one by one then


@dataclass(slots=True)
class NightlyGroups:
    """The models' fits, and the grouping of failures among them."""

    fits: FitSource
    learning: FailureLearning
    _night: float | None = field(default=None, init=False)

    async def start(self) -> None:
        await self.fits.start()

    async def due(self, at: float) -> Sequence[Any]:
        return [*await self.fits.due(at), *self._grouping(at)]

    async def adopt(self, result: Any, at: float) -> None:
        if isinstance(result, Clusters):
            self.learning.grouped(result.groups)
        else:
            await self.fits.adopt(result, at)

    def _grouping(self, at: float) -> list[ClusterJob]:
        night = (at - _NIGHT_S) // _EVERY_S
        if self._night == night:
            return []
        first, self._night = self._night is None, night
        unnamed = {one.id: one.text for one in self.learning.unnamed()}
        return [] if first or not unnamed else [ClusterJob(unnamed)]
