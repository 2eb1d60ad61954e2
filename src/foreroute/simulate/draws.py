"""Chance that depends on names alone: the same name, the same luck, in whatever order one asks."""

import hashlib
import math
import struct
from statistics import NormalDist
from typing import Final, NamedTuple

_NORMAL: Final = NormalDist()
_FOUR: Final = struct.Struct("<4Q")
_ONE: Final = struct.Struct("<Q")
_SCALE: Final = 2.0**-64


class Draws(NamedTuple):
    """The luck of one attempt: uniform in (0, 1), each for its own purpose."""

    noise: float
    speed: float
    trouble: float
    place: float


class Luck:
    """Everything that a seed decides."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()

    def attempt(self, name: str) -> Draws:
        first, second, third, fourth = _FOUR.unpack(
            hashlib.blake2b(name.encode(), key=self._key, digest_size=32).digest()
        )
        return Draws(
            (first + 0.5) * _SCALE,
            (second + 0.5) * _SCALE,
            (third + 0.5) * _SCALE,
            (fourth + 0.5) * _SCALE,
        )

    def uniform(self, name: str) -> float:
        """In (0, 1)."""
        (number,) = _ONE.unpack(hashlib.blake2b(name.encode(), key=self._key, digest_size=8).digest())
        return float((number + 0.5) * _SCALE)

    def normal(self, name: str) -> float:
        return _NORMAL.inv_cdf(min(max(self.uniform(name), 1e-15), 1 - 1e-15))


class Roam:
    """A level that wanders: standard normal at every instant, forgotten after a few hours, and not foreseeable.

    The sum of three octaves of noise between seeded nodes; the weights of two neighbours lie on a circle, so the
    variance is the same at the nodes and between them. Any instant can be asked for, in any order.
    """

    _OCTAVES: Final = ((10_800.0, math.sqrt(0.6)), (1_800.0, math.sqrt(0.3)), (300.0, math.sqrt(0.1)))
    """(seconds between nodes, root of the share of the variance)."""

    def __init__(self, luck: Luck, name: str) -> None:
        self._luck = luck
        self._name = name
        self._nodes: dict[float, dict[int, float]] = {span_s: {} for span_s, _ in self._OCTAVES}

    def at(self, at: float) -> float:
        total = 0.0
        for span_s, weight in self._OCTAVES:
            place = at / span_s
            index = math.floor(place)
            angle = (place - index) * math.pi / 2
            here, there = self._node(span_s, index), self._node(span_s, index + 1)
            total += weight * (here * math.cos(angle) + there * math.sin(angle))
        return total

    def _node(self, span_s: float, index: int) -> float:
        nodes = self._nodes[span_s]
        found = nodes.get(index)
        if found is None:
            found = nodes[index] = self._luck.normal(f"{self._name}/{span_s:g}/{index}")
        return found


def normal_quantile(uniform: float) -> float:
    return _NORMAL.inv_cdf(uniform)
