from types import SimpleNamespace
from typing import Any, cast

from foreroute.app.demand import demand_rows
from foreroute.control.state import Board
from foreroute.core.findings import Findings, Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric

A = ChannelId("a")


def forecast(metric: Metric, mean: list[float], upper: list[float], step_s: float = 60.0) -> Forecast:
    return Forecast(
        channel=A,
        metric=metric,
        origin_at=0.0,
        step_s=step_s,
        mean=tuple(mean),
        lower=tuple(mean),
        upper=tuple(upper),
        coverage=0.8,
        model="m",
    )


def rows(*forecasts: Forecast) -> dict[tuple[str, ...], float]:
    findings = Findings(forecasts={(one.channel, one.metric): one for one in forecasts})
    board = cast("Board", SimpleNamespace(findings=findings))
    found: Any = demand_rows(board)
    return {tuple(labels): value for labels, value in found}


def test_the_busiest_minute_of_the_next_quarter_of_an_hour_counts() -> None:
    course = [10.0] * 14 + [30.0] + [500.0] * 10
    told = rows(forecast(Metric.ATTEMPTS, course, [2 * one for one in course]))
    assert told == {("a", "mean"): 30.0, ("a", "upper"): 60.0}


def test_other_steps_are_told_by_the_minute() -> None:
    assert rows(forecast(Metric.ATTEMPTS, [5.0, 4.0], [8.0, 4.0], 30.0))["a", "mean"] == 10.0


def test_nothing_is_told_without_a_forecast_of_traffic() -> None:
    assert rows(forecast(Metric.COST_USD, [1.0], [1.0])) == {}
    assert list(demand_rows(None)) == []
