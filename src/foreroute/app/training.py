"""Fitting and looking after stored forecast models by hand: what `foreroute train` and `foreroute models` do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foreroute.control.retrain import libraries_of, read_series, serving_model, store_verdict
from foreroute.core.errors import ConfigError, TooLittleHistory
from foreroute.core.ids import ChannelId
from foreroute.core.ports import PooledForecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.challenge import Challenge, ChallengeSettings, Verdict, run_challenge
from foreroute.forecast.model_folder import ModelFolder
from foreroute.forecast.registry import PoolSettings, pooled_forecaster, pooled_forecasters
from foreroute.monitor.fold import merge_rollups
from foreroute.settings.convert import objective_metrics
from foreroute.settings.model import Settings
from foreroute.store.sqlite import SqliteStore

Say = Callable[[str], None]
_DEFAULT = "lightgbm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of one model and metric: a verdict, or why there is none."""

    kind: str
    metric: str
    verdict: Verdict | None = None
    version: int | None = None
    """Of the challenger, if it was promoted and stored."""
    problem: str = ""


def model_folder(settings: Settings) -> ModelFolder:
    return ModelFolder(models_path(settings), keep=settings.forecast.retrain.keep)


def models_path(settings: Settings) -> Path:
    return settings.forecast.retrain.folder or settings.store.path.parent / "models"


def pool_settings(settings: Settings) -> PoolSettings:
    """What is held out is not learnt from, and counts as history all the same."""
    retrain = settings.forecast.retrain
    return PoolSettings(
        horizons_s=settings.forecast.horizons,
        history_min_s=max(retrain.history_min - retrain.held_out, 0.0),
        foundation=settings.forecast.foundation.path,
    )


def challenge_settings(settings: Settings) -> ChallengeSettings:
    return ChallengeSettings(
        horizons_s=settings.forecast.horizons, held_out_s=settings.forecast.retrain.held_out
    )


async def train(
    settings: Settings,
    *,
    at: float,
    models: Sequence[str] = (),
    metrics: Sequence[Metric] = (),
    say: Say = lambda _: None,
) -> list[Trained]:
    """Fits, scores and perhaps promotes each model for each metric, from the store's history, in this process.

    Without `models`, those of `forecast.models` that learn from all channels, or LightGBM; without `metrics`, those
    of the routes' objectives. Raises ConfigError for a store without a file or an unknown model, MissingExtra, and
    StoreError.
    """
    kinds = _kinds(settings, models)
    wanted = metrics or sorted(set(objective_metrics(settings).values()))
    if not settings.store.outlasts or not settings.store.path.exists():
        raise ConfigError(
            "there is no stored history to learn from",
            where="store.path",
            hint=f"{settings.store.path} is not there; `foreroute serve` makes it and fills it with every minute",
        )
    store = await SqliteStore.open(settings.store.path, merge_rollups)
    found: list[Trained] = []
    try:
        for metric in wanted:
            say(f"reading {metric.value} of {len(settings.channels)} channels")
            series = await _history(settings, store, metric, at)
            found += [_train_one(settings, kind, metric, series, at, say) for kind in kinds]
    finally:
        await store.close()
    return found


def _kinds(settings: Settings, models: Sequence[str]) -> list[PooledForecaster]:
    pools = pool_settings(settings)
    if models:
        return [pooled_forecaster(name, pools) for name in dict.fromkeys(models)]
    return list(pooled_forecasters(settings.forecast.models, pools)) or [pooled_forecaster(_DEFAULT, pools)]


async def _history(settings: Settings, store: SqliteStore, metric: Metric, at: float) -> list[Series]:
    step_s = settings.loop.tick
    end_at = at // step_s * step_s
    start_at = end_at - settings.forecast.retrain.history // step_s * step_s
    found = [
        await read_series(store.rollups, ChannelId(channel.id), metric, start_at, end_at, step_s)
        for channel in settings.channels
    ]
    return [one for one in found if one.values]


def _train_one(
    settings: Settings, kind: PooledForecaster, metric: Metric, series: Sequence[Series], at: float, say: Say
) -> Trained:
    folder = model_folder(settings)
    serving = serving_model(folder, kind, metric)
    for problem in serving.problems:
        say(f"{kind.name} for {metric.value}: {problem}; it is passed over")
    say(f"fitting {kind.name} for {metric.value} on {len(series)} channels")
    try:
        verdict = run_challenge(Challenge(kind, tuple(series), serving.files, challenge_settings(settings)))
    except TooLittleHistory as error:
        return Trained(kind=kind.name, metric=metric.value, problem=str(error))
    version = None
    if verdict.is_promoted:
        version = store_verdict(folder, verdict, at, libraries_of(kind)).version
    return Trained(kind=kind.name, metric=metric.value, verdict=verdict, version=version)
