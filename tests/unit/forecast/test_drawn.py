"""A forecast whose path is drawn late is the one that is drawn at once."""

import copy
import pickle
from dataclasses import fields

import numpy as np
import pytest

from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.drawn import DrawnForecast
from foreroute.forecast.bank.settings import BankSettings


def bank(horizons_s: tuple[float, ...]) -> ForecastBank:
    made = ForecastBank(BankSettings(horizons_s=horizons_s))
    for name in ("a", "b", "c"):
        made.row(ChannelId(name), Metric.LATENCY_P50)
    rng = np.random.default_rng(1)
    for minute in range(90):
        made.update(Minute(60.0 * minute, rng.lognormal(0.0, 0.3, 3)))
    return made


def forecast_of(made: ForecastBank, row: int) -> Forecast:
    found = made.forecast(row)
    assert found is not None
    return found


def whole(one: Forecast) -> Forecast:
    return Forecast(**{field.name: getattr(one, field.name) for field in fields(one)})


@pytest.mark.parametrize("horizons_s", [(900.0, 3600.0), (60.0,), (60.0, 120.0, 600.0), (300.0,)])
def test_the_path_goes_through_the_windows_as_interpolation_draws_it(horizons_s: tuple[float, ...]) -> None:
    made = bank(horizons_s)
    one = forecast_of(made, 1)
    points = [window for window in one.windows if window.target.value == "point"]
    for window in points:
        assert Forecast.at_horizon(one, window.horizon_s) == one.at_horizon(window.horizon_s)
    steps = [1.0, *(window.horizon_s / 60.0 for window in points if window.horizon_s > 60.0)]
    for path, values in (
        (one.mean, [window.value for window in points]),
        (one.upper95, [window.upper95 for window in points]),
    ):
        ends = values if len(values) == len(steps) else [path[0], *values]
        grid = np.arange(1.0, steps[-1] + 1.0)
        assert path == tuple(np.interp(grid, steps, ends).tolist())


def test_it_equals_the_one_with_all_its_numbers_and_a_copy_is_that_one() -> None:
    made = bank((900.0, 3600.0))
    one = forecast_of(made, 0)
    assert isinstance(one, DrawnForecast)
    assert one == whole(one)
    assert whole(one) == one
    assert hash(one) == hash(whole(one))
    assert one == forecast_of(made, 0)
    assert one != forecast_of(made, 1)
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert type(again) is Forecast
        assert again == one


def test_what_was_said_stays_said_when_the_bank_goes_on() -> None:
    made = bank((900.0, 3600.0))
    late, early = forecast_of(made, 2), whole(forecast_of(made, 2))
    made.update(Minute(60.0 * 90, np.array([9.0, 9.0, 9.0])))
    assert late == early


def test_answers_of_several_series_are_those_of_each() -> None:
    made = bank((900.0, 3600.0))
    together = made.answers([2, 0])
    assert [together.forecast(place) for place in (0, 1)] == [forecast_of(made, 2), forecast_of(made, 0)]
    assert together.windows(1) == made.windows(0)
