"""What is usual for a request on a channel, learnt from what came: log-linear, online, shrunk to the model's family.

Each regression keeps decayed moments (Σxxᵀ, Σxy, Σy²) instead of the attempts. A channel's coefficients are the
ridge solution around those of its family (all channels of one model): slopes are mostly the family's, since the same
model does the same work everywhere, while the constant is soon the channel's own. Memory is long (a day): what
changes within hours is not usual but a slowdown, and is measured against this. An answer counts as at most e² times
what was expected, so that an outage does not become the norm.
"""

import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from zipfile import BadZipFile

import numpy as np

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.work import Linear, Ratio, WorkModel
from foreroute.forecast.values import Floats
from foreroute.forecast.work_columns import TARGETS, Batch, Table
from foreroute.forecast.work_moments import ENOUGH, Moments, Regression, solve, solve_families

_SURPRISE_MAX: Final = 2.0
_RATIO_MAX: Final = 20.0
_FORMAT: Final = 1
_RATIOS: Final = ("whole", "first_chunk")
"""The regressions by which an attempt is called slow."""
_ALWAYS: Final = "whole"
"""The regression that learns from every answer."""


class WorkModels:
    """One model for each channel. Deterministic; not for use from two threads."""

    def __init__(self, families: Mapping[ChannelId, str]) -> None:
        """`families`: channel → the model that it serves; a channel that is not named is a family of its own."""
        self._families = dict(families)
        self._channels: dict[str, dict[ChannelId, Regression]] = {name: {} for name in TARGETS}
        self._shared: dict[tuple[str, str], Moments] = {}

    def observe(self, attempts: Sequence[Attempt], at: float) -> list[Ratio]:
        """How slow each attempt was against what was expected of it, then learns from them all.

        Only successes say how long an answer takes; the others are NaN.
        """
        by_channel: dict[ChannelId, list[int]] = {}
        for number, attempt in enumerate(attempts):
            if attempt.outcome is Outcome.SUCCESS and attempt.duration_s > 0:
                by_channel.setdefault(attempt.channel, []).append(number)
        ratios = np.full((len(attempts), len(_RATIOS)), np.nan)
        if by_channel:
            order = [number for numbers in by_channel.values() for number in numbers]
            batch = Batch.of([attempts[number] for number in order])
            sizes = {channel: len(numbers) for channel, numbers in by_channel.items()}
            for name in TARGETS:
                found = self._learn(name, TARGETS[name].table(batch), sizes, at)
                if name in _RATIOS:
                    ratios[order, _RATIOS.index(name)] = found
        return [Ratio(whole, first) for whole, first in ratios.tolist()]

    def model(self, channel: ChannelId) -> WorkModel:
        return WorkModel(**{name: self._linear(channel, name) for name in TARGETS})

    def models(self) -> dict[ChannelId, WorkModel]:
        """Of every channel that has answered."""
        for regressions in self._channels.values():
            solve(list(regressions.values()))
        return {channel: self.model(channel) for channel in self._channels[_ALWAYS]}

    def _learn(self, name: str, table: Table, sizes: Mapping[ChannelId, int], at: float) -> Floats:
        """The ratio of each attempt to what was expected; NaN where this regression has no say. `sizes`: how many
        attempts each channel has, one channel after the other.
        """
        expected = np.full(len(table.logs), np.nan)
        begin = 0
        for channel, size in sizes.items():
            part = slice(begin, begin + size)
            begin += size
            features, logs, usable = table.features[part], table.logs[part], table.usable[part]
            if not usable.all():
                features, logs = features[usable], logs[usable]
            if len(logs):
                solution = self._solution(channel, name)
                if solution is not None:
                    said = features @ solution
                    expected[part][usable] = said
                    logs = np.minimum(np.maximum(logs, said - _SURPRISE_MAX), said + _SURPRISE_MAX)
                self._add(channel, name, features, logs, at)
        most = math.log(_RATIO_MAX)
        return np.asarray(np.exp(np.clip(table.logs - expected, -most, most)), dtype=np.float64)

    def _add(self, channel: ChannelId, name: str, features: Floats, logs: Floats, at: float) -> None:
        regression = self._regression(channel, name)
        square, product = features.T @ features, features.T @ logs
        for moments in (regression.own, regression.family):
            moments.decay(at)
            moments.add(square, product)

    def _regression(self, channel: ChannelId, name: str) -> Regression:
        known = self._channels[name]
        if channel not in known:
            known[channel] = Regression(Moments.none(TARGETS[name].size), self._family(channel, name))
        return known[channel]

    def _family(self, channel: ChannelId, name: str) -> Moments:
        key = (self._families.get(channel, channel), name)
        if key not in self._shared:
            self._shared[key] = Moments.none(TARGETS[name].size)
        return self._shared[key]

    def _linear(self, channel: ChannelId, name: str) -> Linear | None:
        answering = self._answering(channel, name)
        return None if answering is None else answering.linear

    def _solution(self, channel: ChannelId, name: str) -> Floats | None:
        """The coefficients; of a channel that has not answered yet, its family's. None: neither has answered enough."""
        answering = self._answering(channel, name)
        return None if answering is None else answering.solution

    def _answering(self, channel: ChannelId, name: str) -> Moments | None:
        """Whose coefficients, solved, hold for the channel."""
        regression = self._channels[name].get(channel)
        family = self._shared.get((self._families.get(channel, channel), name))
        if family is None or family.count < ENOUGH:
            return None
        if regression is None:
            solve_families([family])
            return family
        if regression.own.solution is None:
            solve([regression])
        return regression.own

    # Across a restart ------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """All moments, to be restored by `load`."""
        arrays: dict[str, Floats] = {"format": np.array(float(_FORMAT))}
        for number, (names, moments) in enumerate(self._all()):
            arrays[f"names{number}"] = np.array(names)
            arrays[f"moments{number}"] = np.vstack(
                [moments.square, moments.product, np.full(len(moments.product), moments.at)]
            )
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stubs take `allow_pickle` for any name
        return file.getvalue()

    def load(self, dumped: bytes) -> None:
        """Goes on where `dump` was called. Raises StoreCorrupt and changes nothing if it is not what `dump` made."""
        restored = WorkModels(self._families)
        try:
            with np.load(io.BytesIO(dumped), allow_pickle=False) as arrays:
                known = float(arrays["format"]) == _FORMAT
                found = range((len(arrays.files) - 1) // 2 if known else 0)
                names = [arrays[f"names{number}"].tolist() for number in found]
                # Families first, whatever the order in which they were written: channels are held to theirs.
                for number in sorted(found, key=lambda one: names[one][0] != "family"):
                    kind, name, target = names[number]
                    moments = _restored(arrays[f"moments{number}"], TARGETS[target].size)
                    restored._put(kind, name, target, moments)
        except (ValueError, KeyError, OSError, EOFError, BadZipFile, zlib.error) as error:
            raise StoreCorrupt(f"the stored work models cannot be read: {error}") from None
        if not known:
            raise StoreCorrupt("the stored work models were written by another version")
        self._channels, self._shared = restored._channels, restored._shared

    def _put(self, kind: str, name: str, target: str, moments: Moments) -> None:
        if kind == "family":
            self._shared[name, target] = moments
        else:
            channel = ChannelId(name)
            self._channels[target][channel] = Regression(moments, self._family(channel, target))

    def _all(self) -> Iterator[tuple[tuple[str, str, str], Moments]]:
        for (family, target), moments in self._shared.items():
            if moments.count:
                yield ("family", family, target), moments
        for target, regressions in self._channels.items():
            for channel, regression in regressions.items():
                yield ("channel", channel, target), regression.own


def _restored(array: Floats, size: int) -> Moments:
    if array.shape != (size + 2, size) or not np.isfinite(array).all():
        raise ValueError("wrong shape or numbers")
    return Moments(array[:size].copy(), array[size].copy(), float(array[size + 1, 0]))
