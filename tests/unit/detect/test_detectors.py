from collections.abc import Callable

import pytest

from foreroute.core.errors import ConfigError
from foreroute.core.series import Metric, Series
from foreroute.detect.iqr import Iqr
from foreroute.detect.registry import detectors
from foreroute.detect.zscore import ZScore

Make = Callable[..., Series]
NAN = float("nan")
PAST = (1.0, 2.0, 3.0, 4.0, 5.0) * 6


def test_zscore_counts_robust_deviations_from_the_median(series: Make) -> None:
    found = ZScore().score(series(*PAST, 9.0))
    assert found is not None
    assert found.expected == 3.0
    assert found.score == pytest.approx(6.0 / 1.4826)


def test_iqr_counts_quartile_ranges_outside_the_box_and_none_inside(series: Make) -> None:
    inside, above, below = (Iqr().score(series(*PAST, value)) for value in (3.9, 8.0, 0.5))
    assert inside is not None
    assert above is not None
    assert below is not None
    assert inside.score == 0.0
    assert above.score == pytest.approx((8.0 - 4.0) / 2.0)
    assert below.score == pytest.approx((2.0 - 0.5) / 2.0)
    assert above.expected == 3.0


@pytest.mark.parametrize("detector", [ZScore(), Iqr()])
def test_outliers_of_the_past_do_not_hide_the_next_one(detector: ZScore | Iqr, series: Make) -> None:
    clean = detector.score(series(*PAST, 30.0))
    polluted = detector.score(series(*PAST[:-4], 30.0, 30.0, 30.0, 30.0, 30.0))
    assert clean is not None
    assert polluted is not None
    assert polluted.score > 0.6 * clean.score


@pytest.mark.parametrize("detector", [ZScore(), Iqr()])
def test_a_ripple_on_a_flat_series_is_not_a_wave(detector: ZScore | Iqr, series: Make) -> None:
    ripple, wave = (detector.score(series(*(0.5,) * 60, value)) for value in (0.51, 0.8))
    assert ripple is not None
    assert wave is not None
    assert ripple.score < 1.5 < 10.0 < wave.score


@pytest.mark.parametrize("detector", [ZScore(), Iqr()])
def test_the_first_failures_after_none_are_strange(detector: ZScore | Iqr, series: Make) -> None:
    found = detector.score(series(*(0.0,) * 60, 0.2, metric=Metric.FAILURE_RATIO))
    assert found is not None
    assert found.score > 10.0


@pytest.mark.parametrize("detector", [ZScore(), Iqr()])
@pytest.mark.parametrize("values", [(*PAST, NAN), (*PAST[:19], 9.0), (9.0,), (), (*(NAN,) * 60, 1.0)])
def test_too_little_is_not_judged(detector: ZScore | Iqr, values: tuple[float, ...], series: Make) -> None:
    assert detector.score(series(*values)) is None


def test_detectors_are_found_by_name() -> None:
    assert [one.name for one in detectors(["iqr", "zscore", "iqr"])] == ["iqr", "zscore"]
    with pytest.raises(ConfigError, match="known: iqr, isolation_forest, streaming, zscore"):
        detectors(["oracle"])
