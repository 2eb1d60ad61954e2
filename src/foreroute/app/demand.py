"""The traffic that is foreseen, for whoever adds and removes gateways: a metric that is there before the load is."""

from collections.abc import Iterable, Sequence
from typing import Final

from foreroute.control.state import Board
from foreroute.core.series import Metric

AHEAD_S: Final = 900.0
"""A new gateway has to be started, and started again if that fails, before it is needed."""


def demand_rows(board: Board | None) -> Iterable[tuple[Sequence[str], float]]:
    """((channel, bound), attempts a minute) at the busiest minute of the next quarter of an hour: expected, and the upper
    end of the interval. Empty before there is a forecast. Pure.
    """
    if board is None:
        return
    for (channel, metric), forecast in board.findings.forecasts.items():
        if metric is not Metric.ATTEMPTS or not forecast.mean:
            continue
        steps = max(1, round(AHEAD_S / forecast.step_s))
        per_minute = 60.0 / forecast.step_s
        yield (channel, "mean"), max(0.0, *forecast.mean[:steps], 0.0) * per_minute
        yield (channel, "upper"), max(0.0, *forecast.upper[:steps], 0.0) * per_minute
