"""The bank as its callers see it."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.forecast.bank.conftest import START_AT, Floats, Play

from foreroute.core.findings import WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings

Noisy = Callable[..., Floats]
NAN = float("nan")
FEW = BankSettings(horizons_s=(300.0, 600.0))


def test_a_row_is_a_series_for_good() -> None:
    bank = ForecastBank()
    first = bank.row(ChannelId("a"), Metric.LATENCY_P50)
    assert bank.row(ChannelId("a"), Metric.LATENCY_P95) == first + 1
    assert bank.row(ChannelId("a"), Metric.LATENCY_P50) == first
    assert bank.find(ChannelId("b"), Metric.LATENCY_P50) is None
    assert bank.keys == ((ChannelId("a"), Metric.LATENCY_P50), (ChannelId("a"), Metric.LATENCY_P95))


def test_a_series_without_a_value_has_no_forecast(play: Play) -> None:
    bank = play(np.full((5, 2), NAN))
    assert bank.forecast(0) is None
    assert np.isnan(bank.current()).all()


def test_noise_is_averaged_away(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(180, 20))
    found = bank.current()[:, :, 0]
    assert np.abs(found / 0.35 - 1.0).mean() < 0.05


def test_a_forecast_has_a_path_and_its_windows(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(120, 2))
    forecast = bank.forecast(1)
    assert forecast is not None
    assert (forecast.channel, forecast.metric) == ("c1", Metric.LATENCY_P95)
    assert forecast.origin_at == START_AT + 120 * 60.0
    assert len(forecast.mean) == len(forecast.lower) == len(forecast.upper) == 60
    assert [(w.target, w.horizon_s) for w in forecast.windows] == [
        (WindowTarget.MEAN, 900.0),
        (WindowTarget.POINT, 900.0),
        (WindowTarget.MEAN, 3600.0),
        (WindowTarget.POINT, 3600.0),
    ]
    quarter = forecast.windows[1]
    assert forecast.at_horizon(900.0).mean == pytest.approx(quarter.value)
    assert quarter.lower95 <= quarter.lower80 <= quarter.value <= quarter.upper80 <= quarter.upper95
    over = forecast.over(900.0)
    assert over is not None
    assert over.upper80 - over.lower80 < quarter.upper80 - quarter.lower80


def test_the_first_step_of_the_path_is_where_the_level_is(play: Play, noisy: Noisy) -> None:
    ramp = noisy(140, 1, level=lambda t: 0.35 * (1.0 + 0.05 * max(0, t - 120)), noise=0.01)
    forecast = play(ramp).forecast(0)
    assert forecast is not None
    assert forecast.mean[0] == pytest.approx(0.35 * 1.95, rel=0.1)
    assert forecast.mean[14] > 1.15 * forecast.mean[0]


def test_a_ramp_is_foreseen_through_the_noise(play: Play, noisy: Noisy) -> None:
    """As `trend` sees it: above where the level is now, not behind it like an average."""
    now = 0.35 * (1.0 + 0.05 * 17)
    bank = play(noisy(138, 100, level=lambda t: 0.35 * (1.0 + 0.05 * max(0, t - 120))))
    assert np.median(bank.current()[1, 0, 0]) > now
    clear = play(noisy(138, 100, level=lambda t: 0.35 * (1.0 + 0.05 * max(0, t - 120)), noise=0.05))
    assert np.median(clear.current()[1, 0, 0]) > 1.2 * now


def test_a_step_is_taken_up_within_minutes(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(310, 50, level=lambda t: 0.35 if t < 300 else 1.05))
    assert np.median(bank.current()[1, 0, 0]) > 0.8


def test_one_outlier_moves_a_forecast_little(play: Play, noisy: Noisy) -> None:
    quiet = noisy(181, 20)
    struck = quiet.copy()
    struck[-1] = 20.0
    said, usual = play(struck).current(), play(quiet).current()
    assert (said[:, :, 0] < 1.5 * usual[:, :, 0]).mean() > 0.9


def test_a_mean_over_a_window_weighs_requests(play: Play, noisy: Noisy) -> None:
    """Nine of ten requests come in the slow minutes: what is forecast is what a request meets, not a minute."""
    values = np.where(np.arange(400) % 2 == 0, 1.0, 2.0)[:, None] * noisy(
        400, 1, level=lambda _: 1.0, noise=0.02
    )
    counts = np.where(np.arange(400) % 2 == 0, 10.0, 90.0)[:, None]
    assert play(values, counts=counts).current()[0, 1, 0, 0] == pytest.approx(1.9, abs=0.12)
    assert play(values).current()[0, 1, 0, 0] == pytest.approx(1.5, abs=0.12)


def test_amounts_are_not_weighed_by_requests(play: Play) -> None:
    values = np.where(np.arange(300) % 2 == 0, 10.0, 90.0)[:, None]
    bank = play(values, counts=values, metric=Metric.ATTEMPTS)
    assert bank.current()[0, 1, 0, 0] == pytest.approx(50.0, abs=10.0)


def test_a_clock_set_back_teaches_nothing(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(60, 3))
    before = {name: array.copy() for name, array in bank.memory.state.taken().items()}
    assert not bank.update(Minute(START_AT + 60 * 60.0, np.full(3, 9.0)))
    assert not bank.update(Minute(START_AT + 10 * 60.0, np.full(3, 9.0)))
    after = bank.memory.state.taken()
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    assert bank.forecast(0) is not None


def test_steps_left_out_are_as_steps_unmeasured(play: Play, noisy: Noisy) -> None:
    first, second = noisy(90, 3), noisy(20, 3, seed=2)
    left_out = play(second, bank=play(first), start=100)
    unmeasured = play(np.concatenate([first, np.full((10, 3), NAN), second]))
    assert np.array_equal(left_out.current(), unmeasured.current(), equal_nan=True)


def test_a_long_gap_leaves_a_forecast_wide_and_from_few(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(120, 1), counts=np.full((120, 1), 10.0))
    fresh = bank.forecast(0)
    bank.update(Minute(START_AT + 240 * 60.0, np.array([NAN])))
    stale = bank.forecast(0)
    assert fresh is not None
    assert stale is not None
    assert fresh.windows[0].n_effective == pytest.approx(155.0, rel=0.02)
    assert stale.windows[0].n_effective < 1.0
    assert stale.upper[14] - stale.lower[14] > 1.5 * (fresh.upper[14] - fresh.lower[14])
    assert stale.mean[14] == pytest.approx(fresh.mean[14], rel=0.2)


def test_after_a_gap_of_days_the_bank_goes_on(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(60, 2))
    play(noisy(40, 2, level=lambda _: 2.0, noise=0.02), bank=bank, start=60 * 24 * 9)
    assert bank.current()[0, 0, 0] == pytest.approx(2.0, rel=0.1)


def test_a_row_added_later_is_young_beside_old_ones(play: Play, noisy: Noisy) -> None:
    alone = play(noisy(200, 3))
    bank = play(noisy(200, 3)[:150])
    late = bank.row(ChannelId("late"), Metric.LATENCY_P50)
    for step, row in enumerate(noisy(200, 3)[150:], start=151):
        bank.update(Minute(START_AT + step * 60.0, np.array([*row, 5.0])))
    assert np.array_equal(bank.current()[..., :3], alone.current())
    forecast = bank.forecast(late)
    assert forecast is not None
    assert forecast.mean[14] == pytest.approx(5.0, rel=0.05)


def test_a_young_series_has_a_wide_interval(play: Play, noisy: Noisy) -> None:
    forecast = play(noisy(5, 1, noise=0.0)).forecast(0)
    assert forecast is not None
    assert forecast.upper[14] > 1.25 * forecast.mean[14]
    assert forecast.mean[14] == pytest.approx(0.35, rel=0.01)


def test_a_share_is_never_forecast_above_one(play: Play) -> None:
    rising = np.linspace(0.0, 1.0, 60)[:, None]
    forecast = play(rising, metric=Metric.FAILURE_RATIO).forecast(0)
    assert forecast is not None
    assert max(forecast.upper) <= 1.0
    assert min(forecast.lower) >= 0.0


def test_a_share_that_is_mostly_zero_stays_near_it(play: Play) -> None:
    values = np.zeros((300, 1))
    values[::37] = 0.2
    bank = play(values, metric=Metric.FAILURE_RATIO)
    assert 0.0 <= bank.current()[0, 0, 0, 0] < 0.03
    assert np.isfinite(bank.current()).all()


def test_nothing_is_forecast_far_from_what_was_usual(play: Play) -> None:
    runaway = np.array([0.1] * 60 + [0.1 * 1.5**t for t in range(12)])[:, None]
    assert play(runaway).current()[:, :, 0].max() <= 5.0 * runaway.max()


def test_values_that_cannot_be_count_as_unmeasured(play: Play, noisy: Noisy) -> None:
    odd = np.concatenate([noisy(100, 1), [[np.inf], [-3.0], [1e300]]])
    none = np.concatenate([noisy(100, 1), np.full((2, 1), NAN), [[1e300]]])
    assert np.isfinite(play(odd).current()).all()
    assert np.array_equal(play(odd).current(), play(none).current())


def test_too_many_values_are_refused(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(3, 2))
    with pytest.raises(ValueError, match="3 values for 2 rows"):
        bank.update(Minute(START_AT + 3600.0, np.ones(3)))


def test_what_was_said_before_is_kept_beside_its_instant(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(100, 1))
    said = bank.current()[1, 0, 0, 0]
    past = bank.predicted(0, WindowTarget.POINT, 900.0)
    assert past[-1][0] == START_AT + 115 * 60.0
    assert past[-1][1] == pytest.approx(said, rel=1e-3)
    assert [at for at, _ in past] == [START_AT + (115 - age) * 60.0 for age in range(len(past) - 1, -1, -1)]
    with pytest.raises(ValueError, match="nothing is forecast 120 s ahead"):
        bank.predicted(0, WindowTarget.POINT, 120.0)


def test_standings_tell_errors_weights_and_coverage(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(400, 2), settings=FEW)
    (mean5, *_) = bank.standings(0)
    assert (mean5.target, mean5.horizon_s, mean5.outcomes) == (WindowTarget.MEAN, 300.0, 395)
    assert sum(mean5.weights.values()) == pytest.approx(1.0, abs=1e-3)
    assert mean5.weights["average_60"] > mean5.weights["last"]
    assert 0.02 < mean5.mape < 0.12
    assert 0.7 < mean5.coverage80 < 0.9 < mean5.coverage95
    mine, naive = mean5.totals["ensemble"]
    assert mine < 0.7 * naive


def test_skills_are_the_records_of_every_expert(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(200, 2), settings=FEW)
    found = {(s.channel, s.horizon_s, s.model): s for s in bank.skills()}
    ensemble = found[ChannelId("c1"), 600.0, "ensemble"]
    assert ensemble.outcomes == 190
    assert ensemble.skill > 0.2
    assert ensemble.has_vote
    assert ensemble.coverage is not None
    last = found[ChannelId("c1"), 600.0, "last"]
    assert last.skill == 0.0
    assert not last.has_vote


def test_one_step_horizons_and_coarse_steps_work(play: Play, noisy: Noisy) -> None:
    bank = play(noisy(400, 3), settings=BankSettings(step_s=3600.0))
    assert bank.settings.horizons == (1,)
    forecast = bank.forecast(0)
    assert forecast is not None
    assert len(forecast.mean) == 1
    mean, point = forecast.windows
    assert mean.value == pytest.approx(point.value, rel=0.02)


def test_the_day_is_remembered(play: Play) -> None:
    """Every day at the same hour the load doubles within minutes: by the fourth day that is foreseen."""
    settings = BankSettings(step_s=300.0)
    step = np.arange(4 * 288 + 100)
    day = np.where((step % 288 >= 101) & (step % 288 < 200), 2.0, 1.0)
    bank = play(day[:, None], settings=settings)
    assert bank.current()[0, 1, 0, 0] > 1.4


def test_the_noise_of_what_is_measured_is_told(play: Play, noisy: Noisy) -> None:
    forecast = play(noisy(400, 1, noise=0.2)).forecast(0)
    assert forecast is not None
    floors = {(w.target, w.horizon_s): w.floor_ratio for w in forecast.windows}
    assert floors[WindowTarget.POINT, 900.0] == pytest.approx(0.16, rel=0.3)
    assert floors[WindowTarget.MEAN, 900.0] == pytest.approx(
        floors[WindowTarget.POINT, 900.0] / math.sqrt(15)
    )


# Experts from outside --------------------------------------------------------------------------------------------


def with_oracle(values: Floats, quality: Callable[[float], float]) -> ForecastBank:
    """An expert who knows each single window to come, as good as `quality` makes it."""
    bank = ForecastBank(replace(FEW, plug_ins=("oracle", "silent")))
    for number in range(values.shape[1]):
        bank.row(ChannelId(f"c{number}"), Metric.LATENCY_P95)
    for step in range(len(values) - 10):
        extra = np.full((2, 2, values.shape[1]), NAN)
        for at, ahead in enumerate((5, 10)):
            extra[1, at] = [quality(value) for value in values[step + ahead]]
        bank.update(Minute(START_AT + (step + 1) * 60.0, values[step]), {"oracle": extra})
    return bank


def test_an_expert_from_outside_has_to_earn_its_vote(noisy: Noisy) -> None:
    values = noisy(200, 2)
    unproven = with_oracle(values[:34], lambda value: value)
    assert unproven.standings(0)[1].weights["oracle"] == 0.0
    proven = with_oracle(values, lambda value: value)
    assert proven.standings(0)[1].weights["oracle"] > 0.9
    assert proven.standings(0)[1].weights["silent"] == 0.0
    assert proven.standings(0)[0].weights["oracle"] == 0.0, "it has said nothing about means"


def test_an_expert_worse_than_the_last_value_has_no_vote(noisy: Noisy) -> None:
    bank = with_oracle(noisy(200, 2), lambda value: 3.0 * value)
    assert bank.standings(0)[1].weights["oracle"] == 0.0


def test_opinions_from_nobody_or_of_another_shape_are_refused(noisy: Noisy) -> None:
    bank = with_oracle(noisy(20, 2), lambda value: value)
    measured = Minute(START_AT + 9999.0, np.ones(2))
    with pytest.raises(ValueError, match=r"no expert 'prophet'; known: oracle, silent"):
        bank.update(measured, {"prophet": np.ones((2, 2, 2))})
    with pytest.raises(ValueError, match=r"shape \(2, 2\), not \(2, 2, 2\)"):
        bank.update(measured, {"oracle": np.ones((2, 2))})
