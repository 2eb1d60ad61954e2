"""How well cost forecasts have done, as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foreroute.core.cost_record import CostRecord
from foreroute.cost.forecast_record import Grade, grades, live_grades
from foreroute.cost.period_forecast import PeriodForecast

Row = dict[str, Any]
RECORD_S: Final = 400 * 86_400.0
"""So far back a record is shown: a year of months."""


def no_record(at: float) -> Row:
    """Of a store that keeps none."""
    return {"at": at, "coverage": 0.8, "stated": 0, "ended": [], "live": []}


async def record_row(record: CostRecord, now: Mapping[str, PeriodForecast], at: float) -> Row:
    """`now`: the present forecast of each period, for those that still run."""
    ones = await record.forecasts(since_at=at - RECORD_S)
    return {
        "at": at,
        "coverage": 0.8,
        "stated": len(ones),
        "ended": _rows(grades(ones)),
        "live": _rows(live_grades(ones, now, at)),
    }


def _rows(found: Sequence[Grade]) -> list[Row]:
    return [
        {
            "period": one.period,
            "division": one.division,
            "elapsed": one.mark / 100,
            "graded": one.graded,
            "error_ratio": one.error,
            "coverage_ratio": one.coverage,
            "bias_ratio": one.bias,
        }
        for one in found
    ]
