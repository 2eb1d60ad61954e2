"""Series played through one bank side by side, and what it said at each origin. The bank never sees more than its past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.forecast.data import Floats, Recorded
from foreroute.core.ids import ChannelId
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings

HORIZONS_S: Final = (900.0, 3600.0)
MEAN, POINT = 0, 1


@dataclass(frozen=True, slots=True)
class Replay:
    """`said` (targets, horizons, 5, origins, series): value, lower95, lower80, upper80, upper95.

    `outcomes` (targets, horizons, origins, series), NaN where there is none; `requests` (horizons, origins, series)
    behind them (the measured steps where requests are not counted). Origin number i is the end of step number i.
    """

    horizons: tuple[int, ...]
    said: NDArray[np.float32]
    outcomes: Floats
    requests: Floats
    bank: ForecastBank


Opinions = Callable[[int, ForecastBank], dict[str, Floats]]


def replay(members: Sequence[Recorded], step_s: float, settings: BankSettings | None = None) -> Replay:
    """All members start at the bank's first step; a shorter one is unmeasured at its end."""
    settings = settings or BankSettings(step_s=step_s, horizons_s=horizons_of(step_s))
    bank = ForecastBank(settings)
    for number, member in enumerate(members):
        bank.row(ChannelId(f"{number}/{member.series.channel}"), member.series.metric)
    values, counts = columns(members)
    shape = (2, len(settings.horizons), 5, len(values), len(members))
    said = np.full(shape, np.nan, dtype=np.float32)
    for at, row in enumerate(values):
        bank.update(Minute(end_at=(at + 1) * step_s, values=row, counts=counts[at]))
        said[:, :, :, at] = bank.current()
    outcomes, requests = outcomes_of(values, counts, settings.horizons)
    return Replay(settings.horizons, said, outcomes, requests, bank)


def horizons_of(step_s: float) -> tuple[float, ...]:
    """A horizon shorter than a step is that step's."""
    return tuple(sorted({max(horizon, step_s) for horizon in HORIZONS_S}))


def columns(members: Sequence[Recorded]) -> tuple[Floats, Floats]:
    """(steps, series) of values and counts, NaN after the end of a shorter one and where nothing is known."""
    length = max(len(member.series.values) for member in members)
    values, counts = (np.full((length, len(members)), np.nan) for _ in range(2))
    for number, member in enumerate(members):
        found = member.values
        values[: len(found), number] = found
        if member.counts is not None:
            counts[: len(found), number] = member.counts
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
