"""The decayed moments of the regressions of `work`, and their ridge solutions: many in one go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.work import Linear
from foreroute.forecast.values import Floats

ENOUGH: Final = 5.0
"""Attempts, decayed, before a regression says anything."""
_HALF_LIFE_S: Final = 86_400.0
_CONSTANT_PRIOR: Final = 2.0
_SLOPE_PRIOR: Final = 50.0
"""How many attempts' worth of evidence the family's constant and slopes are for one channel."""
_FAMILY_RIDGE: Final = 1.0


@dataclass(slots=True, eq=False)
class Moments:
    """Of one regression of one channel or family, decayed to `at`. `solution` is dropped whenever they change."""

    square: Floats
    product: Floats
    at: float = -math.inf
    solution: Floats | None = None
    _linear: Linear | None = None

    @classmethod
    def none(cls, size: int) -> "Moments":
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

    def add(self, square: Floats, product: Floats) -> None:
        self.square += square
        self.product += product
        self.solution = self._linear = None

    @property
    def linear(self) -> Linear | None:
        """The solution as a value."""
        if self._linear is None and self.solution is not None:
            constant, *slopes = self.solution.tolist()
            self._linear = Linear(constant, tuple(slopes))
        return self._linear


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """One channel's, and its family's, to which it is held."""

    own: Moments
    family: Moments


def solve(regressions: Sequence[Regression]) -> None:
    """Fills in the solutions that are missing, of one size. A channel whose family has not answered enough has none."""
    ready = [one for one in regressions if one.own.solution is None and one.family.count >= ENOUGH]
    solve_families([one.family for one in ready])
    if not ready:
        return
    squares = np.array([one.own.square for one in ready])
    products = np.array([one.own.product for one in ready])
    family_squares = np.array([one.family.square for one in ready])
    shared = np.array([one.family.solution for one in ready])
    # Slopes are judged by the spread of their feature, so that the prior means the same for each.
    spread = np.diagonal(family_squares, axis1=1, axis2=2) / family_squares[:, :1, 0]
    prior = np.where(_slopes_only(shared.shape[1]) > 0, _SLOPE_PRIOR, _CONSTANT_PRIOR)
    found = _ridge(squares, products, shared, prior * np.maximum(spread, 1e-9))
    for one, solution in zip(ready, found, strict=True):
        one.own.solution = solution


def solve_families(families: Sequence[Moments]) -> None:
    """The same for what is held to nothing but zero."""
    ready = list({id(one): one for one in families if one.solution is None}.values())
    if not ready:
        return
    squares = np.array([one.square for one in ready])
    products = np.array([one.product for one in ready])
    size = products.shape[1]
    precision = np.broadcast_to(np.full(size, _FAMILY_RIDGE) * _slopes_only(size), products.shape)
    found = _ridge(squares, products, np.zeros_like(products), precision)
    for one, solution in zip(ready, found, strict=True):
        one.solution = solution


def _slopes_only(size: int) -> Floats:
    return np.concatenate([[0.0], np.ones(size - 1)])


def _ridge(squares: Floats, products: Floats, prior: Floats, precision: Floats) -> Floats:
    """The coefficients nearest to what was seen, held to `prior` by `precision` (attempts' worth, per coefficient).

    (regressions, size) each, `squares` (regressions, size, size).
    """
    left = squares.copy()
    diagonal = np.arange(products.shape[1])
    left[:, diagonal, diagonal] += precision + 1e-9
    right = products + precision * prior
    return np.asarray(np.linalg.solve(left, right[..., None])[..., 0], dtype=np.float64)
