"""Retraining: which plug-ins learn again, from what, and which of two models serves from then on.

A model that learns from all series of a metric is stored, scored against the one that serves, and takes its place only
when it is better. A model of a single series is fitted anew and must earn its weight in the engine's mix.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from foreroute.core.errors import ModelFileError
from foreroute.core.ids import ChannelId
from foreroute.core.ports import FittedPool, PooledForecaster, RollupStore
from foreroute.core.series import Metric, Series, series_of
from foreroute.forecast.challenge import Challenge, ChallengeSettings, Verdict
from foreroute.forecast.experts import Answers, DueFit, ExpertJob, Experts, FittedSeries, SeriesFit
from foreroute.forecast.model_folder import ModelFolder
from foreroute.forecast.model_manifest import Manifest

_log: Final = logging.getLogger("foreroute.control")
_ALWAYS: Final = ("foreroute", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainSettings:
    """Durations in seconds."""

    step_s: float = 60.0
    history_s: float = 14 * 86_400.0
    """How far back models of all series learn."""
    series_history_s: float = 3 * 86_400.0
    """How far back models of a single series do: they cost a fit per channel."""
    history_min_s: float = 7 * 86_400.0
    """Without so long a history no model of all series is fitted, nor is the store read for one again until it is due."""
    values_min: int = 60
    """Windows that must have been measured since the last fit: nothing is learnt twice from the same."""
    challenge: ChallengeSettings = ChallengeSettings()  # noqa: RUF009 - a frozen value


class Retraining:
    """Turns what is due into jobs, and what came of them into models that serve. Runs on the control loop's event loop."""

    def __init__(
        self,
        settings: RetrainSettings,
        experts: Experts,
        folder: ModelFolder,
        rollups: RollupStore,
    ) -> None:
        self._settings, self._experts = settings, experts
        self._folder, self._rollups = folder, rollups
        self._learnt_until: dict[DueFit, float] = {}

    async def start(self, metrics: Collection[Metric]) -> None:
        """Takes up the stored models. One that cannot be used is said and passed over for the one before."""
        for name in self._experts.pooled_names:
            for metric in metrics:
                await self._take_up(name, metric)

    async def due(
        self, at: float, metrics: Mapping[ChannelId, Collection[Metric]], drifted: Collection[Any] = ()
    ) -> list[ExpertJob]:
        """Jobs for the pool. Channels' histories are read one after the other, only those that are needed.

        `drifted`: (channel, metric) of series that are no longer what they were.
        """
        keys = [(channel, metric) for channel, found in metrics.items() for metric in found]
        due = self._experts.due_fits(at, keys, drifted)
        for one in due:
            self._experts.fit_asked(one, at)
        jobs: list[ExpertJob] = []
        for metric in sorted({one.metric for one in due}):
            jobs += await self._jobs(at, metric, [one for one in due if one.metric is metric], metrics)
        return jobs

    async def adopt(self, result: FittedSeries | Answers | Verdict, at: float) -> Manifest | None:
        """Takes a result in; the manifest of a model that was promoted and stored."""
        if not isinstance(result, Verdict):
            self._experts.adopt(result)
            return None
        said = {"model": result.kind, "metric": result.metric, "why": result.why}
        if not result.is_promoted:
            _log.info("model_kept", extra=said)
            return None
        libraries = libraries_of(self._experts.pooled(result.kind))
        stored = await asyncio.to_thread(store_verdict, self._folder, result, at, libraries)
        self._experts.adopt_pool(result.kind, Metric(result.metric), result.challenger)
        _log.info("model_promoted", extra={**said, "version": stored.version})
        return stored

    async def _take_up(self, name: str, metric: Metric) -> None:
        forecaster = self._experts.pooled(name)
        found = await asyncio.to_thread(serving_model, self._folder, forecaster, metric)
        for problem in found.problems:
            _log.warning("model_refused", extra={"model": name, "metric": metric.value, "why": problem})
        self._experts.adopt_pool(name, metric, found.model)

    async def _jobs(
        self,
        at: float,
        metric: Metric,
        due: Sequence[DueFit],
        metrics: Mapping[ChannelId, Collection[Metric]],
    ) -> list[ExpertJob]:
        settings = self._settings
        pooled = [one for one in due if one.channel is None]
        wanted = {one.channel for one in due if one.channel is not None}
        channels = [c for c, found in metrics.items() if metric in found and (pooled or c in wanted)]
        history_s = settings.history_s if pooled else settings.series_history_s
        series = {c: await self._series(c, metric, at, history_s) for c in channels}
        jobs: list[ExpertJob] = []
        for one in due:
            if one.channel is not None:
                seen = latest(series[one.channel], settings.series_history_s)
                if self._has_news(one, [seen], at):
                    jobs.append(SeriesFit(self._experts.forecaster(one.name), seen))
            elif self._has_news(one, list(series.values()), at) and _reaches(
                series.values(), settings.history_min_s
            ):
                jobs.append(await self._challenge(one, [s for s in series.values() if s.values]))
        return jobs

    async def _challenge(self, due: DueFit, series: Sequence[Series]) -> Challenge:
        forecaster = self._experts.pooled(due.name)
        found = await asyncio.to_thread(serving_model, self._folder, forecaster, due.metric)
        # Without a stored model none may serve from memory either: an operator has gone back behind it.
        self._experts.adopt_pool(due.name, due.metric, found.model)
        return Challenge(forecaster, tuple(series), found.files, self._settings.challenge)

    async def _series(self, channel: ChannelId, metric: Metric, at: float, history_s: float) -> Series:
        step_s = self._settings.step_s
        start_at = at - round(history_s / step_s) * step_s
        return await read_series(self._rollups, channel, metric, start_at, at, step_s)

    def _has_news(self, due: DueFit, series: Sequence[Series], at: float) -> bool:
        """Whether enough was measured since the last fit, over all series; notes that it is fitted now."""
        until = self._learnt_until.get(due, float("-inf"))
        fresh = sum(_measured_since(one, until) for one in series)
        if fresh < self._settings.values_min:
            return False
        self._learnt_until[due] = at
        return True


@dataclass(frozen=True, slots=True)
class Serving:
    """The stored model that can serve, and what was wrong with newer ones."""

    model: FittedPool | None
    manifest: Manifest | None
    files: Mapping[str, bytes] | None
    problems: tuple[str, ...]


def serving_model(folder: ModelFolder, forecaster: PooledForecaster, metric: Metric) -> Serving:
    """The newest stored version that is whole, not withdrawn, and understood by this program."""
    kind = forecaster.name
    problems = [f"version {v.number}: {v.problem}" for v in folder.versions(kind, metric.value) if v.problem]
    for stored in folder.candidates(kind, metric.value):
        try:
            model = forecaster.load(stored.files)
        except ModelFileError as error:
            problems.append(f"version {stored.manifest.version}: {error}")
        else:
            return Serving(model, stored.manifest, stored.files, tuple(problems))
    return Serving(None, None, None, tuple(problems))


def store_verdict(folder: ModelFolder, verdict: Verdict, at: float, libraries: Mapping[str, str]) -> Manifest:
    """Stores a challenger that was promoted. Raises ModelFileError when the disk refuses."""
    manifest = Manifest(
        kind=verdict.kind,
        metric=verdict.metric,
        version=0,
        created_at=at,
        trained_from_at=verdict.trained_from_at,
        trained_to_at=verdict.trained_to_at,
        series=verdict.series,
        held_out=verdict.held_out,
        libraries=libraries,
    )
    return folder.save(manifest, verdict.challenger.dump())


def libraries_of(forecaster: PooledForecaster) -> dict[str, str]:
    """The versions of what a model is made with: ours, and what the forecaster names in `libraries`, if it does."""
    found = {}
    for name in (*_ALWAYS, *getattr(forecaster, "libraries", ())):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


async def read_series(
    rollups: RollupStore, channel: ChannelId, metric: Metric, start_at: float, end_at: float, step_s: float
) -> Series:
    """One metric of one channel from the store, from its first rollup in that time on; without any, empty.

    What the store keeps as hours or days says nothing of a step, and is left out.
    """
    stored = await rollups.read(start_at=start_at, end_at=end_at, channels=[channel])
    found = [one for one in stored if one.window_s <= step_s + 1e-6]
    if found:
        skipped = math.floor((found[0].window_start - start_at) / step_s + 1e-6)
        start_at += max(0, skipped) * step_s
    else:
        start_at = end_at
    return series_of(found, channel, metric, start_at=start_at, end_at=end_at, step_s=step_s)


def latest(series: Series, history_s: float) -> Series:
    """Its newest part of that length."""
    count = max(1, round(history_s / series.step_s))
    values = series.values[-count:]
    return Series(
        channel=series.channel,
        metric=series.metric,
        start_at=series.end_at - series.step_s * len(values),
        step_s=series.step_s,
        values=values,
    )


def _measured_since(series: Series, at: float) -> int:
    first = 0 if math.isinf(at) else max(0, math.ceil((at - series.start_at) / series.step_s - 1e-6))
    return sum(not math.isnan(value) for value in series.values[first:])


def _reaches(series: Collection[Series], history_s: float) -> bool:
    return any(len(one.values) * one.step_s >= history_s * (1.0 - 1e-9) for one in series)
