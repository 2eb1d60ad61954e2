"""State of all series side by side: arrays whose first axis is the series, one row each.

A part of the state is a dataclass of such arrays with a classmethod `empty(rows)`. These functions let any part grow
as series appear, and turn it into named arrays and back.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from foreroute.core.errors import StoreCorrupt

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Part(Protocol):
    @classmethod
    def empty(cls, rows: int) -> Self: ...


P = TypeVar("P", bound=Part)


def grow(part: Part, rows: int) -> None:
    """Appends `rows` fresh rows to every array, in place."""
    fresh = type(part).empty(rows)
    for field in _fields(part):
        joined = np.concatenate([getattr(part, field), getattr(fresh, field)])
        setattr(part, field, joined)


def to_arrays(prefix: str, part: Part) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{field}": getattr(part, field) for field in _fields(part)}


def from_arrays(prefix: str, kind: type[P], arrays: Mapping[str, NDArray[Any]], rows: int) -> P:
    """Raises StoreCorrupt when an array is missing or has another shape than this version writes."""
    part = kind.empty(rows)
    for field in _fields(part):
        name, expected = f"{prefix}.{field}", getattr(part, field)
        found = arrays.get(name)
        if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
            raise StoreCorrupt(f"the detectors' state has no usable {name}")
        setattr(part, field, np.array(found))
    return part


def known(values: Floats) -> Floats:
    """The values, 0 where there is none."""
    return np.where(np.isfinite(values), values, 0.0)


def blend(old: Floats, new: Floats, weight: Floats | float) -> Floats:
    """`old` moved towards `new` by `weight`; where `new` is not a number it stays, where `old` is none it is `new`."""
    moved = np.where(np.isfinite(old), old + weight * (new - old), new)
    return np.where(np.isfinite(new), moved, old)


def log_ratio(value: Floats, expected: Floats, floor: Floats) -> Floats:
    """ln((value + floor) / (expected + floor)) for positive numbers, extended to any sign; 0 where they are equal.

    `floor` is a small part of the usual size, so that falling to nothing counts as much as growing manyfold.
    """
    difference = value - expected
    smaller = np.minimum(np.abs(value), np.abs(expected))
    return np.sign(difference) * np.log1p(np.abs(difference) / (smaller + floor))


def at_log_ratio(expected: Floats, ratio: Floats, floor: Floats) -> Floats:
    """The value at `ratio` from an `expected` ≥ 0: the inverse of `log_ratio`."""
    return (expected + floor) * np.exp(ratio) - floor


def _fields(part: Part) -> list[str]:
    return [field.name for field in fields(part)]  # type: ignore[arg-type]  # every part is a dataclass
