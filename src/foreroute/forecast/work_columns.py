"""Attempts as columns, and what each regression of `work` explains by which of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.attempt import Attempt
from foreroute.forecast.values import Floats


@dataclass(frozen=True, slots=True)
class Batch:
    """Attempts as columns; NaN where an attempt has no such number."""

    duration_s: Floats
    first_s: Floats
    inputs: Floats
    outputs: Floats
    outputs_max: Floats
    stream: Floats
    tools: Floats

    @classmethod
    def of(cls, attempts: Sequence[Attempt]) -> "Batch":
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
class Target:
    """One regression: what it explains, and by what. It learns from the attempts whose value is positive."""

    features: Callable[[Batch], tuple[Floats, ...]]
    """As in `foreroute.core.work`, a column each."""
    value: Callable[[Batch], Floats]
    size: int

    def table(self, batch: Batch) -> "Table":
        values = self.value(batch)
        usable = values > 0  # False for NaN
        features = np.column_stack([np.ones(len(values)), *self.features(batch)])
        return Table(features, np.log(np.where(usable, values, 1.0)), usable)


@dataclass(frozen=True, slots=True)
class Table:
    """A batch as one regression sees it. What is not `usable` has no say."""

    features: Floats
    """(attempts, size); the first is the constant."""
    logs: Floats
    usable: np.ndarray[tuple[int], np.dtype[np.bool_]]


TARGETS: Final[Mapping[str, Target]] = {
    "first_chunk": Target(Batch.first_chunk, lambda batch: batch.first_s, 3),
    "whole": Target(Batch.whole, lambda batch: batch.duration_s, 5),
    "per_token": Target(Batch.per_token, Batch.per_token_s, 2),
    "output": Target(Batch.output, lambda batch: batch.outputs, 5),
}


def _input_tokens(attempt: Attempt) -> int:
    """As the provider counts them, else as estimated from the size of the request."""
    usage = attempt.usage
    counted = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    return counted or attempt.asked.input_tokens


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
