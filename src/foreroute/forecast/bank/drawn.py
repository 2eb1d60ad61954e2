"""A forecast whose path is drawn when somebody looks at it: a tick looks at its windows alone, a page at one series."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from foreroute.core.findings import Forecast, ForecastPoint, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric

Path = tuple[tuple[float, ...], ...]
"""The value, lower95, lower80, upper80 and upper95, each at every step."""


class DrawnForecast(Forecast):
    """Equal to the `Forecast` with all its numbers, and that is what a copy or a pickle of it is."""

    __slots__ = ("_draw", "_drawn")
    _draw: Callable[[], Path]
    _drawn: Path | None

    def __init__(
        self,
        *,
        channel: ChannelId,
        metric: Metric,
        origin_at: float,
        step_s: float,
        coverage: float,
        model: str,
        windows: tuple[WindowForecast, ...],
        draw: Callable[[], Path],
    ) -> None:
        """`draw` is called once at most; it must not depend on when."""
        put = object.__setattr__  # as the values of frozen dataclasses are put
        put(self, "channel", channel)
        put(self, "metric", metric)
        put(self, "origin_at", origin_at)
        put(self, "step_s", step_s)
        put(self, "coverage", coverage)
        put(self, "model", model)
        put(self, "windows", windows)
        put(self, "_draw", draw)
        put(self, "_drawn", None)

    def at_horizon(self, horizon_s: float) -> ForecastPoint:
        """The path goes through the windows, so at their ends nothing need be drawn."""
        for window in self.windows:
            if window.target is WindowTarget.POINT and window.horizon_s == horizon_s:
                return ForecastPoint(window.value, window.lower80, window.upper80)
        return Forecast.at_horizon(self, horizon_s)

    @property
    def mean(self) -> tuple[float, ...]:
        return self._path()[0]

    @property
    def lower95(self) -> tuple[float, ...]:
        return self._path()[1]

    @property
    def lower(self) -> tuple[float, ...]:
        return self._path()[2]

    @property
    def upper(self) -> tuple[float, ...]:
        return self._path()[3]

    @property
    def upper95(self) -> tuple[float, ...]:
        return self._path()[4]

    def _path(self) -> Path:
        drawn = self._drawn
        if drawn is None:
            drawn = self._draw()
            object.__setattr__(self, "_drawn", drawn)
        return drawn

    def _whole(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __eq__(self, other: object) -> bool:
        return Forecast(**self._whole()) == (
            Forecast(**other._whole()) if isinstance(other, DrawnForecast) else other
        )

    def __hash__(self) -> int:
        return hash(Forecast(**self._whole()))

    def __reduce__(self) -> tuple[Callable[[], Forecast], tuple[()]]:
        return partial(Forecast, **self._whole()), ()
