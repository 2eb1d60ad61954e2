"""Fitted plug-ins at work: which are due, what they answer, and their answers as arrays for the engine's mix.

Plug-ins are slow beside the engine's own experts, so they are rationed: a series is asked about every few ticks, at
most so many per tick and plug-in, and an answer is held until the next one or until it is too old. What an answer is
worth is not decided here: the engine weighs each expert by its record.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.ports import FittedForecaster, FittedPool, Forecaster, PooledForecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.answers import TARGETS, answer_of
from foreroute.forecast.challenge import Challenge, Verdict, run_challenge
from foreroute.forecast.values import Floats

Key = tuple[ChannelId, Metric]
_NEVER: Final = -(10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertSettings:
    """`horizons`: steps ahead, as the engine has them; seconds and ticks as named."""

    step_s: float = 60.0
    horizons: tuple[int, ...] = (15, 60)
    fit_every_s: float = 86_400.0
    drift_wait_s: float = 3600.0
    """A drift asks for a new fit at the earliest this long after the last one."""
    answer_every: int = 5
    """Ticks between two answers about one series; an answer twice as old is let go."""
    answers_per_tick: int = 200
    """Series that a plug-in with one model for each is asked about in one tick, at most."""


@dataclass(frozen=True, slots=True)
class DueFit:
    """A fit that is due: of one series, or (without a channel) of all series of the metric."""

    name: str
    metric: Metric
    channel: ChannelId | None = None


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """One fit of one series, to be run in a worker process."""

    forecaster: Forecaster
    series: Series


@dataclass(frozen=True, slots=True)
class FittedSeries:
    key: Key
    name: str
    model: FittedForecaster


@dataclass(frozen=True, slots=True)
class AnswerJob:
    """Answers of a plug-in whose libraries the serving process is to be spared, to be given in a worker process."""

    name: str
    at: float
    horizons: tuple[int, ...]
    series: tuple[Series, ...]
    pool: FittedPool | None = None
    models: tuple[FittedForecaster, ...] = ()
    """One for each series, unless there is a `pool`."""


@dataclass(frozen=True, slots=True)
class Answers:
    name: str
    at: float
    found: Mapping[Key, Floats]
    """(targets, horizons) each."""


ExpertJob = SeriesFit | Challenge | AnswerJob
ExpertResult = FittedSeries | Verdict | Answers


def run_job(job: ExpertJob) -> ExpertResult:
    """What a worker runs. Raises what the plug-in raises."""
    match job:
        case SeriesFit(forecaster, series):
            return FittedSeries((series.channel, series.metric), forecaster.name, forecaster.fit(series))
        case Challenge():
            return run_challenge(job)
        case AnswerJob():
            return answer(job)


def answer(job: AnswerJob) -> Answers:
    steps = max(job.horizons)
    forecasts: Sequence[Forecast]
    if job.pool is not None:
        forecasts = job.pool.forecast(job.series, steps=steps)
    else:
        forecasts = [
            model.forecast(one, steps=steps) for model, one in zip(job.models, job.series, strict=True)
        ]
    found = {(one.channel, one.metric): answer_of(one, job.horizons) for one in forecasts}
    return Answers(job.name, job.at, found)


@dataclass(slots=True)
class _Held:
    """The newest answer about one series."""

    tick: int = _NEVER
    asked: int = _NEVER
    values: Floats | None = None


@dataclass(slots=True)
class _Fit:
    at: float = float("-inf")


class Experts:
    """Holds fitted plug-ins and their newest answers. Deterministic; not for use from two threads.

    `apart`: names of plug-ins that answer in worker processes (`due_answers`), one tick later than the others.
    """

    def __init__(
        self,
        settings: ExpertSettings,
        single: Sequence[Forecaster] = (),
        pooled: Sequence[PooledForecaster] = (),
        *,
        apart: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._single = {one.name: one for one in single}
        self._pooled = {one.name: one for one in pooled}
        self._apart = frozenset(apart)
        self._models: dict[str, dict[Key, FittedForecaster]] = {name: {} for name in self._single}
        self._pools: dict[str, dict[Metric, FittedPool]] = {name: {} for name in self._pooled}
        self._held: dict[str, dict[Key, _Held]] = {name: {} for name in self.names}
        self._fits: dict[DueFit, _Fit] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._single, *self._pooled)

    @property
    def pooled_names(self) -> tuple[str, ...]:
        return tuple(self._pooled)

    def forecaster(self, name: str) -> Forecaster:
        return self._single[name]

    def pooled(self, name: str) -> PooledForecaster:
        return self._pooled[name]

    def pool(self, name: str, metric: Metric) -> FittedPool | None:
        """The model that serves a metric."""
        return self._pools[name].get(metric)

    # Fits --------------------------------------------------------------------------------------------------------

    def due_fits(self, at: float, keys: Sequence[Key], drifted: Collection[Key] = ()) -> tuple[DueFit, ...]:
        """Fits that are due by the clock, or because a series has drifted away from what was learnt."""
        wishes = {
            DueFit(name, metric, channel): (channel, metric) in drifted
            for name in self._single
            for channel, metric in keys
        }
        moved = {metric for _, metric in drifted}
        wishes |= {DueFit(name, metric): metric in moved for name in self._pooled for _, metric in keys}
        settings = self._settings
        found = []
        for wish, has_drifted in wishes.items():
            age = at - self._fits.setdefault(wish, _Fit()).at
            if age >= (settings.drift_wait_s if has_drifted else settings.fit_every_s):
                found.append(wish)
        return tuple(found)

    def fit_asked(self, due: DueFit, at: float) -> None:
        """The fit is on its way (or was tried in vain): it is due again after the usual time."""
        self._fits.setdefault(due, _Fit()).at = at

    def adopt(self, result: FittedSeries | Answers) -> None:
        """Takes a fitted model or answers in; those of plug-ins that are not here are passed over."""
        if isinstance(result, Answers):
            if result.name in self._held:
                self._keep(result)
        elif result.name in self._models:
            self._models[result.name][result.key] = result.model

    def adopt_pool(self, name: str, metric: Metric, model: FittedPool | None) -> None:
        """The model that serves a metric from now on; None: none does."""
        if name not in self._pools:
            return
        if model is None:
            self._pools[name].pop(metric, None)
        else:
            self._pools[name][metric] = model

    def forget(self, keys: Collection[Key]) -> None:
        """Lets go of all that is known of series that are no more."""
        for key in keys:
            for models in self._models.values():
                models.pop(key, None)
            for held in self._held.values():
                held.pop(key, None)
        for due in [due for due in self._fits if (due.channel, due.metric) in keys]:
            del self._fits[due]

    # Answers -----------------------------------------------------------------------------------------------------

    def extra(self, at: float, keys: Sequence[Key], histories: Floats) -> dict[str, Floats]:
        """Name → (targets, horizons, series): the newest answer about each of `keys`, NaN where there is none.

        `histories` (series, steps): their values up to the origin `at`, the newest last, NaN where not measured.
        """
        tick = self._tick(at)
        for name in self.names:
            if name not in self._apart and (due := self._due(name, tick, keys)):
                for job in self._jobs(name, at, keys, histories, due):
                    self._keep(answer(job))
        return {name: self._newest(name, tick, keys) for name in self.names}

    def due_answers(self, at: float, keys: Sequence[Key], histories: Floats) -> tuple[AnswerJob, ...]:
        """What is to be asked of the plug-ins apart, for the pool; the results come back through `adopt`."""
        tick = self._tick(at)
        return tuple(
            job
            for name in self.names
            if name in self._apart and (due := self._due(name, tick, keys))
            for job in self._jobs(name, at, keys, histories, due)
        )

    def _tick(self, at: float) -> int:
        return round(at / self._settings.step_s)

    def _due(self, name: str, tick: int, keys: Sequence[Key]) -> list[int]:
        """Places in `keys` to be asked about now. Pools take turns by channel, so that ticks cost alike."""
        every, held = self._settings.answer_every, self._held[name]
        if name in self._pools:
            pools = self._pools[name]
            found = []
            for place, (channel, metric) in enumerate(keys):
                age = tick - _held(held, (channel, metric)).asked
                has_turn = (tick + zlib.crc32(channel.encode())) % every == 0
                if metric in pools and (age >= every or (has_turn and age > 0)):
                    found.append(place)
            return found
        models = self._models[name]
        ages = [
            (_held(held, key).asked, place)
            for place, key in enumerate(keys)
            if key in models and tick - _held(held, key).asked >= every
        ]
        return [place for _, place in sorted(ages)[: self._settings.answers_per_tick]]

    def _jobs(
        self, name: str, at: float, keys: Sequence[Key], histories: Floats, due: Sequence[int]
    ) -> list[AnswerJob]:
        tick, step_s, horizons = self._tick(at), self._settings.step_s, self._settings.horizons
        groups: dict[Metric | None, list[Series]] = {}
        for place in due:
            channel, metric = keys[place]
            self._held[name].setdefault((channel, metric), _Held()).asked = tick
            values = tuple(histories[place].tolist())
            one = Series(
                channel=channel,
                metric=metric,
                start_at=at - step_s * len(values),
                step_s=step_s,
                values=values,
            )
            groups.setdefault(metric if name in self._pools else None, []).append(one)
        jobs = []
        for group, series in groups.items():
            if group is not None:
                jobs.append(AnswerJob(name, at, horizons, tuple(series), pool=self._pools[name][group]))
            else:
                models = tuple(self._models[name][one.channel, one.metric] for one in series)
                jobs.append(AnswerJob(name, at, horizons, tuple(series), models=models))
        return jobs

    def _keep(self, answers: Answers) -> None:
        tick = self._tick(answers.at)
        for key, values in answers.found.items():
            held = self._held[answers.name].setdefault(key, _Held())
            if tick >= held.tick:
                held.tick, held.values = tick, values

    def _newest(self, name: str, tick: int, keys: Sequence[Key]) -> Floats:
        settings, held = self._settings, self._held[name]
        found = np.full((len(TARGETS), len(settings.horizons), len(keys)), np.nan)
        for place, key in enumerate(keys):
            one = held.get(key)
            if one is not None and one.values is not None and tick - one.tick < 2 * settings.answer_every:
                found[:, :, place] = one.values
        return found


def _held(held: Mapping[Key, _Held], key: Key) -> _Held:
    return held.get(key) or _Held()
