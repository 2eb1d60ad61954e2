"""Series played through one bank side by side, and what it said at each origin. The bank never sees more than its past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.ids import ChannelId
from foreroute.core.series import Series
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings
from foreroute.forecast.bank.standings import Standing
from foreroute.forecast.values import Floats

HORIZONS_S: Final = (900.0, 3600.0)
MEAN, POINT = 0, 1
"""The targets: mean of the window up to the horizon, and the single value at its end."""
_STEPS_SAID: Final = 1000

Progress = Callable[[int, int], None]
"""Steps done, steps in all."""


def in_silence(done: int, total: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Replay:
    """`said` (targets, horizons, 5, origins, series): value, lower95, lower80, upper80, upper95.

    `outcomes` (targets, horizons, origins, series), NaN where there is none; `requests` (horizons, origins, series)
    behind them (the measured steps where requests are not counted). Origin number i is the end of step number i, and
    step 0 begins at `start_at`. `values` (steps, series), and series number i begins at step `begins[i]`.
    """

    series: tuple[Series, ...]
    settings: BankSettings
    start_at: float
    begins: tuple[int, ...]
    values: Floats
    said: NDArray[np.float32]
    outcomes: Floats
    requests: Floats
    standings: tuple[tuple[Standing, ...], ...]
    """Of each series, after the last step."""

    @property
    def horizons(self) -> tuple[int, ...]:
        """In steps, ascending."""
        return self.settings.horizons

    def span(self, number: int) -> slice:
        """The steps of one series."""
        begin = self.begins[number]
        return slice(begin, begin + len(self.series[number].values))


def replay(
    series: Sequence[Series], settings: BankSettings | None = None, progress: Progress = in_silence
) -> Replay:
    """Plays series of one step on their common clock; one that begins later or ends earlier is unmeasured there.

    Two series may have the same channel and metric. Raises ValueError for none, or for series of several steps.
    """
    steps_s = {one.step_s for one in series}
    if len(steps_s) != 1:
        raise ValueError(f"series of one step are played together, not of {sorted(steps_s)}")
    step_s = steps_s.pop()
    settings = settings or BankSettings(step_s=step_s, horizons_s=horizons_of(step_s))
    start_at = min(one.start_at for one in series)
    begins = tuple(round((one.start_at - start_at) / step_s) for one in series)
    values, counts = _columns(series, begins)
    bank = ForecastBank(settings)
    for number, one in enumerate(series):
        bank.row(ChannelId(f"{number}/{one.channel}"), one.metric)
    shape = (2, len(settings.horizons), 5, len(values), len(series))
    said = np.full(shape, np.nan, dtype=np.float32)
    for at, row in enumerate(values):
        bank.update(Minute(end_at=start_at + (at + 1) * step_s, values=row, counts=counts[at]))
        said[:, :, :, at] = bank.current()
        if (at + 1) % _STEPS_SAID == 0:
            progress(at + 1, len(values))
    outcomes, requests = outcomes_of(values, counts, settings.horizons)
    standings = tuple(bank.standings(row) for row in range(len(series)))
    return Replay(tuple(series), settings, start_at, begins, values, said, outcomes, requests, standings)


def horizons_of(step_s: float, horizons_s: Sequence[float] = HORIZONS_S) -> tuple[float, ...]:
    """A horizon shorter than a step is that step's."""
    return tuple(sorted({max(horizon, step_s) for horizon in horizons_s}))


def values_of(series: Series) -> Floats:
    return np.array(series.values, dtype=np.float64)


def columns(series: Sequence[Series]) -> tuple[Floats, Floats]:
    """(steps, series) of values and counts of series that begin together; NaN after the end of a shorter one."""
    return _columns(series, [0] * len(series))


def _columns(series: Sequence[Series], begins: Sequence[int]) -> tuple[Floats, Floats]:
    length = max(begin + len(one.values) for begin, one in zip(begins, series, strict=True))
    values, counts = (np.full((length, len(series)), np.nan) for _ in range(2))
    for number, (begin, one) in enumerate(zip(begins, series, strict=True)):
        values[begin : begin + len(one.values), number] = one.values
        if one.counts:
            counts[begin : begin + len(one.values), number] = one.counts
    return values, counts


def outcomes_of(values: Floats, counts: Floats, horizons: Sequence[int]) -> tuple[Floats, Floats]:
    """What came after each origin. A window of which less than a fifth was measured has no mean."""
    measured = np.isfinite(values)
    weights = np.where(measured, np.where(np.nan_to_num(counts) > 0, counts, 1.0), 0.0)
    total = _cumulated(weights)
    sums = _cumulated(np.where(measured, values, 0.0) * weights)
    known = _cumulated(measured.astype(np.float64))
    outcomes = np.full((2, len(horizons), *values.shape), np.nan)
    requests = np.zeros((len(horizons), *values.shape))
    for at, steps in enumerate(horizons):
        if steps >= len(values):
            continue
        ends = slice(1 + steps, None)
        starts = slice(1, len(values) + 1 - steps)
        behind = total[ends] - total[starts]
        enough = (5 * (known[ends] - known[starts]) >= steps) & (behind > 0)
        mean = (sums[ends] - sums[starts]) / np.where(enough, behind, 1.0)
        outcomes[MEAN, at, : len(values) - steps] = np.where(enough, mean, np.nan)
        outcomes[POINT, at, : len(values) - steps] = values[steps:]
        requests[at, : len(values) - steps] = behind
    return outcomes, requests


def _cumulated(values: Floats) -> Floats:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
