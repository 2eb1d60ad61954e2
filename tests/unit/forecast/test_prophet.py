"""Prophet's curve, evaluated without Prophet."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from foreroute.core.series import Series
from foreroute.forecast.prophet import Cycle, FittedProphet, Prophet
from foreroute.testing.check_forecaster import check_forecaster
from foreroute.testing.samples import a_series

Make = Callable[..., Series]
# The library uses what pandas is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_the_suite() -> None:
    pytest.importorskip("prophet", reason="the extra `prophet` is not installed")
    check_forecaster(Prophet(), scale_tolerance=1e-2)


def test_it_says_what_the_library_says(noisy: Make) -> None:
    library = pytest.importorskip("prophet", reason="the extra `prophet` is not installed")
    pd = pytest.importorskip("pandas")
    past = noisy(
        3 * 1440, lambda minute: 0.4 + 0.1 * np.sin(minute / 229.0) + 2e-5 * minute, seed=3, noise=0.05
    )
    fitted = Prophet().fit(past)
    assert isinstance(fitted, FittedProphet)
    size = -(-len(past.values) // 2016)
    count = len(past.values) // size * size
    at = past.start_at + 60.0 * np.arange(len(past.values))
    frame = pd.DataFrame(
        {
            "ds": pd.to_datetime(at[-count:].reshape(-1, size).mean(axis=1), unit="s"),
            "y": np.array(past.values)[-count:].reshape(-1, size).mean(axis=1),
        }
    )
    model = library.Prophet(
        daily_seasonality=True, weekly_seasonality=False, yearly_seasonality=False, uncertainty_samples=0
    )
    model.fit(frame, seed=1)
    ahead = np.asarray(past.end_at + 60.0 * np.arange(60), dtype=np.float64)
    said = model.predict(pd.DataFrame({"ds": pd.to_datetime(ahead, unit="s")}))["yhat"].to_numpy()
    np.testing.assert_allclose(fitted.curve(ahead), np.asarray(said), rtol=1e-4)


def test_the_curve_is_a_line_and_turns() -> None:
    midnight = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
    curve = FittedProphet(2.0, 1.0, midnight, (Cycle(1.0, (0.5, 0.0)),)).curve
    at = np.asarray(midnight + 86_400.0 * np.array([0.0, 0.25, 0.5, 1.0]), dtype=np.float64)
    np.testing.assert_allclose(curve(at), [1.0, 2.0, 2.0, 3.0])


def test_what_the_curve_missed_of_late_moves_it() -> None:
    forecast = FittedProphet(offset=1.0).forecast(a_series(*(1.5,) * 30), steps=3)
    assert forecast.mean == pytest.approx((1.5, 1.5, 1.5))
