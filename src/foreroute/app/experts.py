"""Settings to the plug-ins at work and their retraining."""

from dataclasses import dataclass

from foreroute.app.training import challenge_settings, model_folder, pool_settings
from foreroute.control.retrain import Retraining, RetrainSettings
from foreroute.core.ports import RollupStore
from foreroute.forecast.experts import Experts, ExpertSettings
from foreroute.forecast.registry import LOCAL, apart, forecasters, pooled_forecasters
from foreroute.settings.model import Settings


@dataclass(frozen=True, slots=True)
class PlugIns:
    experts: Experts
    retraining: Retraining


def build_plug_ins(settings: Settings, rollups: RollupStore) -> PlugIns:
    """The plug-ins that `forecast.models` names; the engine's own models are not among them.

    Raises ConfigError for a model that does not exist.
    """
    section, step_s = settings.forecast, settings.loop.tick
    single = [one for one in forecasters(section.models) if one.name not in LOCAL]
    pooled = pooled_forecasters(section.models, pool_settings(settings))
    experts = Experts(
        ExpertSettings(
            step_s=step_s,
            horizons=tuple(sorted({max(1, round(horizon / step_s)) for horizon in section.horizons})),
            fit_every_s=section.retrain.every,
            answer_every=max(1, round(section.answer_every / step_s)),
        ),
        single,
        pooled,
        apart=apart(section.models),
    )
    retrain = RetrainSettings(
        step_s=step_s,
        history_s=section.retrain.history,
        history_min_s=section.retrain.history_min,
        challenge=challenge_settings(settings),
    )
    return PlugIns(experts, Retraining(retrain, experts, model_folder(settings), rollups))
