"""Settings to the forecast stage: the engine, the plug-ins beside it, and what is fitted outside the tick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.app.experts import build_plug_ins
from foreroute.control.retrain import Retraining
from foreroute.core.ids import ChannelId
from foreroute.core.ports import RollupStore
from foreroute.core.series import Metric
from foreroute.forecast.challenge import Verdict
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.experts import Answers, ExpertJob, FittedSeries
from foreroute.settings.model import Settings

_PAST_S: Final = 3 * 86_400.0 + 7200.0
"""Three days and the same hour before: what models of all channels look at."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What the forecast stage has worked out apart, in worker processes."""

    engine: ForecastEngine
    retraining: Retraining
    metrics: Mapping[ChannelId, Sequence[Metric]]

    async def start(self) -> None:
        await self.retraining.start({metric for found in self.metrics.values() for metric in found})

    async def due(self, at: float) -> list[ExpertJob]:
        fits = await self.retraining.due(at, self.metrics, self.engine.drifted())
        return [*fits, *self.engine.due_answers()]

    async def adopt(self, result: FittedSeries | Answers | Verdict, at: float) -> None:
        await self.retraining.adopt(result, at)


def build_forecasting(
    settings: Settings, rollups: RollupStore, metrics: Mapping[ChannelId, Sequence[Metric]]
) -> tuple[ForecastEngine, Fitting]:
    """Raises ConfigError for a model that there is not."""
    engine_settings = ForecastSettings(
        step_s=settings.loop.tick,
        horizons_s=settings.forecast.horizons,
        outcomes_min=settings.forecast.outcomes_min,
        past_s=_PAST_S,
    )
    plug_ins = build_plug_ins(settings, rollups)
    engine = ForecastEngine(engine_settings, plug_ins.experts)
    return engine, Fitting(engine, plug_ins.retraining, metrics)
