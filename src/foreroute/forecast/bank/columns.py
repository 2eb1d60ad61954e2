"""State of many series side by side: named arrays whose last axis is the series, growing together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Bound = Array | float | np.floating[Any]
_CAPACITY_MIN = 8


@dataclass(frozen=True, slots=True)
class Column:
    """`shape` without the series axis; `fill` is what a new series starts with, of that shape or a scalar."""

    shape: tuple[int, ...]
    dtype: DTypeLike = np.float32
    fill: float | Array = 0.0


class Columns:
    """Views are `(*shape, count)`. They are into the state: writing to one changes it. Adding rows voids them."""

    def __init__(self, declared: Mapping[str, Column]) -> None:
        self._declared = dict(declared)
        self.count = 0
        self._capacity = 0
        self._arrays: dict[str, Array] = {}
        self._views: dict[str, Array] = {}
        self._reserve(_CAPACITY_MIN)

    def __getitem__(self, name: str) -> Array:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = self._arrays[name][..., : self.count]
        return view

    def __setitem__(self, name: str, value: Array | float) -> None:
        self[name][...] = value

    def add(self, rows: int) -> None:
        """New series at the end, in their starting state. Capacity at least doubles when it is not enough."""
        if self.count + rows > self._capacity:
            self._reserve(max(2 * self._capacity, self.count + rows))
        self.count += rows
        self._views.clear()

    def nbytes(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())

    def taken(self) -> dict[str, Array]:
        """Everything, by name, without the spare capacity."""
        return {name: np.ascontiguousarray(self[name]) for name in self._declared}

    def put(self, arrays: Mapping[str, Array]) -> None:
        """Takes back what `taken` gave. Raises ValueError if anything is missing or of another shape or kind."""
        counts = {array.shape[-1] for array in arrays.values() if array.ndim}
        if set(arrays) != set(self._declared) or len(counts) != 1:
            raise ValueError("not the columns of this state")
        (count,) = counts
        for name, column in self._declared.items():
            array = arrays[name]
            if array.shape != (*column.shape, count) or array.dtype != np.dtype(column.dtype):
                raise ValueError(f"column {name} has shape {array.shape} of {array.dtype}")
        self.add(count - self.count)
        for name, array in arrays.items():
            self[name] = array

    def _reserve(self, capacity: int) -> None:
        for name, column in self._declared.items():
            fresh = np.empty((*column.shape, capacity), dtype=column.dtype)
            fresh[...] = np.asarray(column.fill)[..., None]
            if name in self._arrays:
                fresh[..., : self.count] = self[name]
            self._arrays[name] = fresh
        self._views.clear()
        self._capacity = capacity


def clip(values: Array, low: Bound, high: Bound) -> Array:
    """`np.clip` without its checks, which take longer than the work itself on a few hundred series."""
    return np.asarray(np.minimum(np.maximum(values, low), high))
