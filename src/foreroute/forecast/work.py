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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zipfile import BadZipFile

import numpy as np

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId
from foreroute.core.work import Linear, Ratio, WorkModel
from foreroute.forecast.values import Floats

_HALF_LIFE_S: Final = 86_400.0
_SURPRISE_MAX: Final = 2.0
_RATIO_MAX: Final = 20.0
_ENOUGH: Final = 5.0
"""Attempts, decayed, before a regression says anything."""
_CONSTANT_PRIOR: Final = 2.0
_SLOPE_PRIOR: Final = 50.0
"""How many attempts' worth of evidence the family's constant and slopes are for one channel."""
_FAMILY_RIDGE: Final = 1.0
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class _Batch:
    """Attempts as columns; NaN where an attempt has no such number."""

    duration_s: Floats
    first_s: Floats
    inputs: Floats
    outputs: Floats
    outputs_max: Floats
    stream: Floats
    tools: Floats

    @classmethod
    def of(cls, attempts: Sequence[Attempt]) -> "_Batch":
        rows = [
            (
                one.duration_s,
                _or_nan(one.time_to_first_chunk_s) if one.stream else math.nan,
                _input_tokens(one),
                one.usage.output_tokens,
                _or_nan(one.asked.output_tokens_max),
                one.stream,
                one.asked.tools,
            )
            for one in attempts
        ]
        return cls(*np.array(rows, dtype=np.float64).T)

    def first_chunk(self) -> tuple[Floats, ...]:
        return np.log1p(self.inputs), self.tools

    def whole(self) -> tuple[Floats, ...]:
        return *self.first_chunk(), np.log1p(self.outputs), self.stream

    def per_token(self) -> tuple[Floats, ...]:
        return (np.log1p(self.outputs),)

    def output(self) -> tuple[Floats, ...]:
        unlimited = np.isnan(self.outputs_max)
        return (
            *self.first_chunk(),
            np.log1p(np.where(unlimited, 0.0, self.outputs_max)),
            unlimited.astype(float),
        )

    def per_token_s(self) -> Floats:
        tokens = np.where(self.outputs >= 2, self.outputs, np.nan)
        return (self.duration_s - self.first_s) / tokens


@dataclass(frozen=True, slots=True)
class _Target:
    """One regression: what it explains, and by what. It learns from the attempts whose value is positive."""

    features: Callable[[_Batch], tuple[Floats, ...]]
    """As in `foreroute.core.work`, a column each."""
    value: Callable[[_Batch], Floats]
    size: int


_TARGETS: Final[Mapping[str, _Target]] = {
    "first_chunk": _Target(_Batch.first_chunk, lambda batch: batch.first_s, 3),
    "whole": _Target(_Batch.whole, lambda batch: batch.duration_s, 5),
    "per_token": _Target(_Batch.per_token, _Batch.per_token_s, 2),
    "output": _Target(_Batch.output, lambda batch: batch.outputs, 5),
}


def _input_tokens(attempt: Attempt) -> int:
    """As the provider counts them, else as estimated from the size of the request."""
    usage = attempt.usage
    counted = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    return counted or attempt.asked.input_tokens


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


@dataclass(slots=True)
class _Moments:
    """Of one regression of one channel or family, decayed to `at`."""

    square: Floats
    product: Floats
    at: float = -math.inf

    @classmethod
    def none(cls, size: int) -> "_Moments":
        return cls(np.zeros((size, size)), np.zeros(size))

    @property
    def count(self) -> float:
        return float(self.square[0, 0])

    def decay(self, at: float) -> None:
        """A clock that was set back decays nothing."""
        if at > self.at:
            if self.at > -math.inf:
                left = 0.5 ** ((at - self.at) / _HALF_LIFE_S)
                self.square *= left
                self.product *= left
            self.at = at

    def add(self, features: Floats, logs: Floats) -> None:
        self.square += features.T @ features
        self.product += features.T @ logs


@dataclass(slots=True)
class _Regression:
    family: str
    moments: _Moments
    solution: Floats | None = None


class WorkModels:
    """One model for each channel. Deterministic; not for use from two threads."""

    def __init__(self, families: Mapping[ChannelId, str]) -> None:
        """`families`: channel → the model that it serves; a channel that is not named is a family of its own."""
        self._families = dict(families)
        self._channels: dict[tuple[ChannelId, str], _Regression] = {}
        self._shared: dict[tuple[str, str], _Moments] = {}

    def observe(self, attempts: Sequence[Attempt], at: float) -> list[Ratio]:
        """How slow each attempt was against what was expected of it, then learns from them all.

        Only successes say how long an answer takes; the others are NaN.
        """
        by_channel: dict[ChannelId, list[int]] = {}
        for number, attempt in enumerate(attempts):
            if attempt.outcome is Outcome.SUCCESS and attempt.duration_s > 0:
                by_channel.setdefault(attempt.channel, []).append(number)
        ratios = np.full((len(attempts), 2), np.nan)
        for channel, numbers in by_channel.items():
            batch = _Batch.of([attempts[number] for number in numbers])
            ratios[numbers, 0] = self._learn(channel, "whole", batch, at)
            ratios[numbers, 1] = self._learn(channel, "first_chunk", batch, at)
            self._learn(channel, "per_token", batch, at)
            self._learn(channel, "output", batch, at)
        return [Ratio(float(whole), float(first)) for whole, first in ratios]

    def model(self, channel: ChannelId) -> WorkModel:
        found = {name: self._linear(channel, name) for name in _TARGETS}
        return WorkModel(**found)

    def models(self) -> dict[ChannelId, WorkModel]:
        """Of every channel that has answered."""
        return {channel: self.model(channel) for channel in dict.fromkeys(name for name, _ in self._channels)}

    def _learn(self, channel: ChannelId, name: str, batch: _Batch, at: float) -> Floats:
        """The ratio of each attempt to what was expected; NaN where this regression has no say."""
        target = _TARGETS[name]
        values = target.value(batch)
        ratios = np.full(len(values), np.nan)
        usable = values > 0  # False for NaN
        if not usable.any():
            return ratios
        columns = target.features(batch)
        features = np.column_stack([np.ones(len(values)), *columns])[usable]
        logs = np.log(values[usable])
        solution = self._solution(channel, name)
        if solution is not None:
            expected = features @ solution
            ratios[usable] = np.exp(np.clip(logs - expected, -math.log(_RATIO_MAX), math.log(_RATIO_MAX)))
            logs = np.clip(logs, expected - _SURPRISE_MAX, expected + _SURPRISE_MAX)
        self._add(channel, name, features, logs, at)
        return ratios

    def _add(self, channel: ChannelId, name: str, features: Floats, logs: Floats, at: float) -> None:
        regression = self._regression(channel, name)
        family = self._shared.setdefault((regression.family, name), _Moments.none(_TARGETS[name].size))
        for moments in (regression.moments, family):
            moments.decay(at)
            moments.add(features, logs)
        regression.solution = None

    def _regression(self, channel: ChannelId, name: str) -> _Regression:
        key = (channel, name)
        if key not in self._channels:
            family = self._families.get(channel, channel)
            self._channels[key] = _Regression(family, _Moments.none(_TARGETS[name].size))
        return self._channels[key]

    def _linear(self, channel: ChannelId, name: str) -> Linear | None:
        solution = self._solution(channel, name)
        return None if solution is None else Linear(float(solution[0]), tuple(solution[1:].tolist()))

    def _solution(self, channel: ChannelId, name: str) -> Floats | None:
        """The coefficients; of a channel that has not answered yet, its family's. None: neither has answered enough."""
        size = _TARGETS[name].size
        family = self._shared.get((self._families.get(channel, channel), name))
        if family is None or family.count < _ENOUGH:
            return None
        regression = self._channels.get((channel, name))
        if regression is not None and regression.solution is not None:
            return regression.solution
        shared = _ridge(family, np.zeros(size), np.full(size, _FAMILY_RIDGE) * _slopes_only(size))
        if regression is None:
            return shared
        prior = np.where(_slopes_only(size) > 0, _SLOPE_PRIOR, _CONSTANT_PRIOR)
        # Slopes are judged by the spread of their feature, so that the prior means the same for each.
        prior *= np.maximum(np.diag(family.square) / family.count, 1e-9)
        regression.solution = _ridge(regression.moments, shared, prior)
        return regression.solution

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
        channels, shared = {}, {}
        try:
            with np.load(io.BytesIO(dumped), allow_pickle=False) as arrays:
                known = float(arrays["format"]) == _FORMAT
                for number in range((len(arrays.files) - 1) // 2 if known else 0):
                    kind, name, target = arrays[f"names{number}"].tolist()
                    moments = _restored(arrays[f"moments{number}"], _TARGETS[target].size)
                    if kind == "family":
                        shared[name, target] = moments
                    else:
                        channel = ChannelId(name)
                        channels[channel, target] = _Regression(self._families.get(channel, channel), moments)
        except (ValueError, KeyError, OSError, EOFError, BadZipFile, zlib.error) as error:
            raise StoreCorrupt(f"the stored work models cannot be read: {error}") from None
        if not known:
            raise StoreCorrupt("the stored work models were written by another version")
        self._channels, self._shared = channels, shared

    def _all(self) -> Iterable[tuple[tuple[str, str, str], _Moments]]:
        for (channel, target), regression in self._channels.items():
            yield ("channel", channel, target), regression.moments
        for (family, target), moments in self._shared.items():
            yield ("family", family, target), moments


def _restored(array: Floats, size: int) -> _Moments:
    if array.shape != (size + 2, size) or not np.isfinite(array).all():
        raise ValueError("wrong shape or numbers")
    return _Moments(array[:size].copy(), array[size].copy(), float(array[size + 1, 0]))


def _slopes_only(size: int) -> Floats:
    return np.concatenate([[0.0], np.ones(size - 1)])


def _ridge(moments: _Moments, prior: Floats, precision: Floats) -> Floats:
    """The coefficients nearest to what was seen, held to `prior` by `precision` (attempts' worth, per coefficient)."""
    left = moments.square + np.diag(precision + 1e-9)
    return np.asarray(np.linalg.solve(left, moments.product + precision * prior), dtype=np.float64)
