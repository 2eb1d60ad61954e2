"""One suite for every forecaster, built in or not."""

from dataclasses import dataclass, field, replace

import pytest

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.naive import Naive
from foreroute.forecast.registry import forecasters
from foreroute.testing.check_forecaster import check_forecaster


@pytest.mark.parametrize("name", ["naive", "smoothing", "trend"])
def test_forecaster(name: str) -> None:
    (forecaster,) = (one for one in forecasters([name]) if one.name == name)
    check_forecaster(forecaster)


def test_ets() -> None:
    """Its parameters come from an optimiser that stops where it is near enough: scale is kept to a thousandth."""
    pytest.importorskip("statsforecast", reason="the extra `stats` is not installed")
    check_forecaster(forecasters(["ets"])[-1], scale_tolerance=1e-3)


@dataclass
class Wrong:
    """A naive forecaster with one fault."""

    fault: str
    name: str = "wrong"
    seen: list[float] = field(default_factory=list)

    def fit(self, series: Series) -> FittedForecaster:
        return self

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        said = Naive().fit(series).forecast(series, steps=steps)
        said = replace(said, model="naive" if self.fault == "name" else self.name)
        match self.fault:
            case "length":
                return replace(said, mean=said.mean[1:])
            case "crossed bounds":
                return replace(said, lower=said.upper, upper=said.lower)
            case "leak":
                self.seen.append(series.values[-1] if series.values else 0.0)
                return replace(said, upper=tuple(max(self.seen) + value for value in said.upper))
            case "origin":
                return replace(said, origin_at=0.0)
            case "made up":
                return replace(said, mean=(0.5,) * steps) if not series.values else said
            case "unit":
                return replace(said, upper=tuple(value + 1.0 for value in said.mean))
        return said


@pytest.mark.parametrize("fault", ["name", "length", "crossed bounds", "leak", "origin", "made up", "unit"])
def test_the_suite_refuses_a_forecaster_that_is_wrong(fault: str) -> None:
    with pytest.raises(AssertionError):
        check_forecaster(Wrong(fault))


def test_the_suite_accepts_the_same_forecaster_without_the_fault() -> None:
    check_forecaster(Wrong("none"))
