"""What holds of the bank whatever the series do."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings

Floats = NDArray[np.float64]
SETTINGS = BankSettings(horizons_s=(120.0, 420.0))
METRICS = (Metric.LATENCY_P95, Metric.FAILURE_RATIO, Metric.ATTEMPTS, Metric.COST_USD)


@st.composite
def histories(draw: st.DrawFn) -> Floats:
    """(steps, one series of each metric): noise, holes, steps, zeros and spikes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length = draw(st.integers(20, 50))
    values = np.array([0.3, 0.02, 40.0, 0.05]) * rng.lognormal(
        0.0, draw(st.sampled_from([0.0, 0.2, 1.5])), (length, 4)
    )
    values[draw(st.integers(0, length - 1)) :] *= draw(st.sampled_from([0.0, 0.1, 1.0, 8.0]))
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = np.nan
    values[rng.random(values.shape) < 0.02] *= 1000.0
    return values


def played(values: Floats, bank: ForecastBank | None = None, start: int = 0) -> tuple[ForecastBank, Floats]:
    """The bank and all it said: (steps, targets, horizons, 5, rows)."""
    bank = bank or ForecastBank(SETTINGS)
    for metric in METRICS:
        bank.row(ChannelId("c"), metric)
    said = []
    for step, row in enumerate(values, start=start + 1):
        bank.update(Minute(step * 60.0, row))
        said.append(bank.current())
    return bank, np.array(said)


@settings(max_examples=12, deadline=None)
@given(histories(), st.floats(0.0, 1.0), st.sampled_from([0.0, 1e6, float("nan")]))
def test_the_future_changes_nothing_that_was_said_before(
    values: Floats, share: float, garbage: float
) -> None:
    origin = int(share * (len(values) - 1))
    other = values.copy()
    other[origin + 1 :] = garbage
    said, said_otherwise = played(values)[1], played(other)[1]
    assert np.array_equal(said[: origin + 1], said_otherwise[: origin + 1], equal_nan=True)


@settings(max_examples=12, deadline=None)
@given(histories())
def test_forecasts_are_within_what_a_metric_can_be_and_in_order(values: Floats) -> None:
    _, said = played(values)
    value, low95, low80, high80, high95 = np.moveaxis(said, 3, 0)
    known = np.isfinite(value)
    assert np.array_equal(
        known.any(axis=(1, 2)), np.isfinite(np.maximum.accumulate(np.nan_to_num(values, nan=-np.inf)))
    )
    slack = 1e-5 * (1.0 + np.abs(value))
    for lower, upper in ((low95, low80), (low80, value), (value, high80), (high80, high95)):
        assert (lower <= upper + slack)[known].all()
    assert (low95[known] >= 0).all()
    assert (high95[..., 1][known[..., 1]] <= 1.0).all()


@settings(max_examples=8, deadline=None)
@given(histories())
def test_a_series_is_forecast_the_same_alone_or_among_others(values: Floats) -> None:
    _, together = played(values)
    bank = ForecastBank(SETTINGS)
    row = bank.row(ChannelId("c"), METRICS[2])
    for step, value in enumerate(values[:, 2], start=1):
        bank.update(Minute(step * 60.0, np.array([value])))
        np.testing.assert_allclose(
            bank.current()[..., row], together[step - 1][..., 2], rtol=0.02, equal_nan=True
        )


@settings(max_examples=8, deadline=None)
@given(histories(), st.integers(1, 400))
def test_after_any_gap_everything_is_finite_again(values: Floats, gap: int) -> None:
    bank, _ = played(values)
    usual = np.array([0.3, 0.02, 40.0, 0.05])
    played(np.tile(usual, (12, 1)), bank, start=len(values) + gap)
    assert np.isfinite(bank.current()).all()
    assert all(np.isfinite(skill.mean_absolute_error) for skill in bank.skills())


@settings(max_examples=8, deadline=None)
@given(histories())
def test_a_plug_in_that_says_nothing_changes_nothing(values: Floats) -> None:
    bank = ForecastBank(replace(SETTINGS, plug_ins=("silent",)))
    _, said = played(values, bank)
    assert np.array_equal(said, played(values)[1], equal_nan=True)
