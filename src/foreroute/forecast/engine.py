"""The forecast stage of the tick: take in what was measured, grade what has come due, say what is to come.

The bank does this for all series at once; plug-ins add their opinions, which count for as much as they have earned.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast, ForecastSkill, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.bank.answer import Answers
from foreroute.forecast.bank.archive import from_bytes, to_bytes
from foreroute.forecast.bank.bank import ForecastBank, Key, Minute
from foreroute.forecast.bank.record import Total, drifted, ensemble_skills, total
from foreroute.forecast.bank.settings import BankSettings
from foreroute.forecast.bank.standings import Standing
from foreroute.forecast.experts import AnswerJob, Experts, ExpertSettings
from foreroute.forecast.past import Past
from foreroute.forecast.values import Floats

_BLOCK: Final = 256
"""Series whose answers are taken out of the bank at a time."""
_SLACK_S: Final = 1e-6
"""Instants are sums of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Seconds; `outcomes_min` graded forecasts are needed before anything may have a vote."""

    step_s: float = 60.0
    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    """Where forecasts are made and graded. The largest is how far they reach."""
    outcomes_min: int = 20
    values_min: int = 10
    """Measured windows needed before anything is forecast at all."""
    warm_windows: int = 720
    """Stored windows that are played through at the start, at most."""
    past_s: float = 4 * 86_400.0
    """How much of the past plug-ins may look at."""


@dataclass(frozen=True, slots=True)
class Record:
    """Totals over all latencies and horizons, on the same origins for both. Errors in seconds."""

    made: int
    graded: int
    mean_absolute_error: float | None
    naive_mean_absolute_error: float | None


class Forecasts(Mapping[Key, Forecast]):
    """The newest forecasts by (channel, metric), each made when it is first asked for."""

    def __init__(self, bank: ForecastBank, keys: Collection[Key]) -> None:
        self._bank = bank
        self._made: dict[Key, Forecast | None] = dict.fromkeys(keys)
        self._places = {key: place for place, key in enumerate(self._made)}
        self._answers: dict[int, Answers] = {}

    def __getitem__(self, key: Key) -> Forecast:
        """Raises KeyError for a series that is not forecast."""
        made = self._made[key]
        if made is None:
            block, place = divmod(self._places[key], _BLOCK)
            if block not in self._answers:
                keys = tuple(self._made)[block * _BLOCK : (block + 1) * _BLOCK]
                self._answers[block] = self._bank.answers([self._bank.row(*one) for one in keys])
            made = self._answers[block].forecast(place)
            if made is None:
                raise KeyError(key)
            self._made[key] = made
        return made

    def __iter__(self) -> Iterator[Key]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class ForecastEngine:
    """Deterministic; not for use from two threads. What it has learnt can be taken out and put back (`dump`, `load`)."""

    def __init__(self, settings: ForecastSettings, experts: Experts | None = None) -> None:
        self._settings = settings
        self._experts = Experts(ExpertSettings(step_s=settings.step_s)) if experts is None else experts
        self._bank_settings = BankSettings(
            step_s=settings.step_s,
            horizons_s=settings.horizons_s,
            plug_ins=self._experts.names,
            outcomes_min=settings.outcomes_min,
        )
        self._bank = ForecastBank(self._bank_settings)
        self._past = Past(step_s=settings.step_s, steps=round(settings.past_s / settings.step_s))
        self._keys: tuple[Key, ...] = ()
        self._before = Total()
        self._made = 0

    def warm(self, series: Sequence[Series]) -> None:
        """Plays stored history through, so that there is a record at once. No forecast sees its own future.

        What `load` has brought back is not learnt twice.
        """
        if self._experts.names:
            self._past.add(series)
        end_at = max((one.end_at for one in series), default=0.0)
        windows = min(max((one.measured for one in series), default=0), self._settings.warm_windows)
        for left in range(windows - 1, -1, -1):
            self._step(end_at - left * self._settings.step_s, series, {})
        self._before = total(self._bank.memory)

    def update(self, series: Sequence[Series]) -> Forecasts:
        """Takes in the newest window of each series, all of which end at the same instant, and those that no tick saw.

        Forecasts the series of which enough windows have been measured. After a clock was set back it knows
        nothing of the present until that has caught up.
        """
        if not series:
            return Forecasts(self._bank, ())
        self._keys = tuple((one.channel, one.metric) for one in series)
        at, known_at = series[0].end_at, self._bank.memory.end_at
        if known_at is not None and at < known_at - _SLACK_S:
            return Forecasts(self._bank, ())
        for left in range(self._missed(at, series), 0, -1):
            self._step(at - left * self._settings.step_s, series, {})
        if known_at is None:
            self._before = total(self._bank.memory)
        self._step(at, series, self._opinions(at, series))
        measured = self._bank.measured
        known = [key for key in self._keys if measured[self._bank.row(*key)] >= self._settings.values_min]
        self._made += len(known)
        return Forecasts(self._bank, known)

    def skills(self, keys: Collection[Key]) -> tuple[ForecastSkill, ...]:
        """How good the mixed forecasts of these series have been of late, by the single window at each horizon."""
        known = [key for key in keys if self._bank.find(*key) is not None]
        return tuple(ensemble_skills(self._bank.memory, known))

    def standings(self, channel: ChannelId, metric: Metric) -> tuple[Standing, ...]:
        """Whose word counts for how much in one series, and why; empty for one that is not forecast."""
        row = self._bank.find(channel, metric)
        return () if row is None else self._bank.standings(row)

    def windows(self, channel: ChannelId, metric: Metric) -> tuple[WindowForecast, ...]:
        """What is expected of one series over its next quarter of an hour and hour; empty for one that is not known."""
        row = self._bank.find(channel, metric)
        return () if row is None else self._bank.windows(row)

    def record(self) -> Record:
        """Live forecasts only; what `warm` played through does not count."""
        since = total(self._bank.memory).since(self._before)
        return Record(
            made=self._made,
            graded=since.graded,
            mean_absolute_error=since.error_s / since.graded if since.graded else None,
            naive_mean_absolute_error=since.naive_error_s / since.graded if since.graded else None,
        )

    def past_predictions(self, channel: ChannelId, metric: Metric, horizon_s: float) -> Series | None:
        """What was predicted `horizon_s` before, on the window that it was for; NaN where nothing was."""
        row = self._bank.find(channel, metric)
        steps = max(1, round(horizon_s / self._settings.step_s))
        if row is None or steps not in self._bank_settings.horizons:
            return None
        found = self._bank.predicted(row, WindowTarget.POINT, horizon_s)
        return predictions_series(found, channel, metric, self._settings.step_s)

    def drifted(self) -> tuple[Key, ...]:
        """Series that are forecast much worse of late than they used to be: what was fitted to them fits no more."""
        return drifted(self._bank.memory)

    def due_answers(self) -> tuple[AnswerJob, ...]:
        """What is to be asked of plug-ins that answer in worker processes."""
        end_at = self._bank.memory.end_at
        if end_at is None or not self._experts.names:
            return ()
        return self._experts.due_answers(end_at, self._keys, self._past.of(self._keys))

    def dump(self) -> bytes:
        return to_bytes(self._bank)

    def load(self, state: bytes) -> None:
        """Raises StoreCorrupt and changes nothing if `state` is not what `dump` gave under the same settings."""
        self._bank = from_bytes(state, self._bank_settings)
        self._before = total(self._bank.memory)

    def _missed(self, at: float, series: Sequence[Series]) -> int:
        """How many windows before the newest one are news. At first, as many as were measured."""
        known_at = self._bank.memory.end_at
        if known_at is not None:
            return max(0, min(round((at - known_at) / self._settings.step_s), len(series[0].values)) - 1)
        measured = max(one.measured for one in series)
        return max(0, min(measured, self._settings.warm_windows) - 1)

    def _opinions(self, at: float, series: Sequence[Series]) -> Mapping[str, Floats]:
        """By name, (targets, horizons, rows of the bank)."""
        if not self._experts.names:
            return {}
        self._past.add(series)
        rows = [self._bank.row(*key) for key in self._keys]
        found = {}
        answers = self._experts.extra(at, self._keys, self._past.of(self._keys))  # noqa: S610 - no database here
        for name, said in answers.items():
            found[name] = np.full((*said.shape[:2], len(self._bank.keys)), np.nan)
            found[name][..., rows] = said
        return found

    def _step(self, end_at: float, series: Sequence[Series], opinions: Mapping[str, Floats]) -> None:
        """The window that ends then, of every series that reaches so far back."""
        rows = [self._bank.row(one.channel, one.metric) for one in series]
        values = np.full(len(self._bank.keys), np.nan)
        counts = np.zeros(len(self._bank.keys))
        for row, one in zip(rows, series, strict=True):
            at = round((end_at - one.start_at) / self._settings.step_s) - 1
            if 0 <= at < len(one.values):
                values[row] = one.values[at]
                counts[row] = one.counts[at] if one.counts else 0.0
        self._bank.update(Minute(end_at, values, counts), opinions)


def predictions_series(
    found: Sequence[tuple[float, float]], channel: ChannelId, metric: Metric, step_s: float
) -> Series | None:
    """(end of window, value) pairs, oldest first, on a regular grid. None without any."""
    if not found:
        return None
    start_at = found[0][0] - step_s
    values = [float("nan")] * round((found[-1][0] - start_at) / step_s)
    for due_at, value in found:
        values[round((due_at - start_at) / step_s) - 1] = value
    return Series(channel=channel, metric=metric, start_at=start_at, step_s=step_s, values=tuple(values))
