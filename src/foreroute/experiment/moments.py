"""Sums that say all about means, variances and covariances: small, mergeable, and exact to take back.

Of each unit there are three numbers: how many requests it made (N), the sum of what was measured (Y), and the sum of
what was known before (X). With requests as units N is 1. Sums may be arrays, one element a point in time.
"""

from dataclasses import dataclass
from typing import Any, Final

SIZE: Final = 10


@dataclass(slots=True)
class Moments:
    units: Any = 0.0
    n: Any = 0.0
    y: Any = 0.0
    x: Any = 0.0
    nn: Any = 0.0
    ny: Any = 0.0
    nx: Any = 0.0
    yy: Any = 0.0
    yx: Any = 0.0
    xx: Any = 0.0

    def add(self, n: float, y: float, x: float) -> None:
        """A unit is new."""
        self.units += 1
        self._sum(n, y, x, 1.0)

    def change(self, before: tuple[float, float, float], after: tuple[float, float, float]) -> None:
        """A known unit has more."""
        self._sum(*before, -1.0)
        self._sum(*after, 1.0)

    def dump(self) -> list[float]:
        return [self.units, self.n, self.y, self.x, self.nn, self.ny, self.nx, self.yy, self.yx, self.xx]

    @property
    def mean(self) -> Any:
        return self.y / self.n

    @property
    def mean_x(self) -> Any:
        return self.x / self.n

    def variance_of_mean(self) -> Any:
        """Of Y/N, units being independent: the delta method for a ratio of sums (Deng et al. 2018)."""
        r = self.mean
        return self._scaled(self.yy - 2.0 * r * self.ny + r * r * self.nn)

    def variance_of_x(self) -> Any:
        q = self.mean_x
        return self._scaled(self.xx - 2.0 * q * self.nx + q * q * self.nn)

    def covariance(self) -> Any:
        """Of Y/N and X/N."""
        r, q = self.mean, self.mean_x
        return self._scaled(self.yx - q * self.ny - r * self.nx + r * q * self.nn)

    def _scaled(self, squares: Any) -> Any:
        return squares / (self.n * self.n) * (self.units / (self.units - 1.0))

    def _sum(self, n: float, y: float, x: float, sign: float) -> None:
        self.n += sign * n
        self.y += sign * y
        self.x += sign * x
        self.nn += sign * n * n
        self.ny += sign * n * y
        self.nx += sign * n * x
        self.yy += sign * y * y
        self.yx += sign * y * x
        self.xx += sign * x * x
