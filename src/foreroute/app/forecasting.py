"""Settings to the forecast stage: the engine, the plug-ins beside it, and what is fitted outside the tick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.app.training import challenge_settings, model_folder, pool_settings
from foreroute.control.retrain import Retraining, RetrainSettings
from foreroute.core.ids import ChannelId
from foreroute.core.ports import RollupStore
from foreroute.core.series import Metric
from foreroute.forecast.challenge import Verdict
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.experts import Answers, ExpertJob, Experts, ExpertSettings, FittedSeries
from foreroute.forecast.registry import APART, LOCAL, forecasters, pooled_forecasters
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
    section, step_s = settings.forecast, settings.loop.tick
    engine_settings = ForecastSettings(
        step_s=step_s, horizons_s=section.horizons, outcomes_min=section.outcomes_min, past_s=_PAST_S
    )
    experts = Experts(
        ExpertSettings(
            step_s=step_s,
            horizons=tuple(sorted({max(1, round(horizon / step_s)) for horizon in section.horizons})),
            fit_every_s=section.retrain.every,
            answer_every=max(1, round(section.answer_every / step_s)),
        ),
        [one for one in forecasters(section.models) if one.name not in LOCAL],
        pooled_forecasters(section.models, pool_settings(settings)),
        apart=APART,
    )
    engine = ForecastEngine(engine_settings, experts)
    retraining = Retraining(
        RetrainSettings(
            step_s=step_s,
            history_s=section.retrain.history,
            history_min_s=section.retrain.history_min,
            challenge=challenge_settings(settings),
        ),
        experts,
        model_folder(settings),
        rollups,
    )
    return engine, Fitting(engine, retraining, metrics)
