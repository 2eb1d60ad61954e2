from random import Random

import pytest

from foreroute.detect.ensemble import Opinion, judge
from foreroute.detect.threshold import Threshold

RATE = 1.0 / 1440.0


def taught(scores: list[float], *, default: float = 5.0, rate: float = RATE) -> Threshold:
    threshold = Threshold(default, rate)
    for score in scores:
        threshold.learn(score, threshold.value())
    return threshold


def test_a_cautious_default_holds_until_enough_is_known() -> None:
    assert taught([0.1] * 119).value() == 5.0
    assert taught([0.1] * 120).value() < 5.0


@pytest.mark.parametrize("rate", [0.01, 0.003])
def test_the_wanted_share_of_usual_windows_is_flagged(rate: float) -> None:
    rng = Random(1)
    threshold = taught([rng.expovariate(1.0) for _ in range(1440)], default=3.0, rate=rate)
    limit = threshold.value()
    flagged = sum(rng.expovariate(1.0) > limit for _ in range(100_000)) / 100_000
    assert flagged == pytest.approx(rate, rel=0.5)


def test_scores_that_are_mostly_zero_have_a_thin_tail() -> None:
    """Two in a hundred above zero, each about 1: a threshold for one in a hundred lies within them."""
    rng = Random(2)
    scores = [rng.expovariate(1.0) if rng.random() < 0.02 else 0.0 for _ in range(1440)]
    assert taught(scores, default=1.0, rate=0.01).value() == pytest.approx(0.69, abs=0.3)


def test_the_threshold_never_falls_below_half_of_the_default() -> None:
    assert taught([0.0] * 500).value() == 2.5


def test_a_noisier_series_gets_a_higher_threshold() -> None:
    rng = Random(3)
    calm = taught([abs(rng.gauss(0.0, 1.0)) for _ in range(1000)])
    wild = taught([abs(rng.gauss(0.0, 3.0)) for _ in range(1000)])
    assert wild.value() > 2.0 * calm.value()


def test_an_incident_teaches_little() -> None:
    rng = Random(4)
    threshold = taught([abs(rng.gauss(0.0, 1.0)) for _ in range(1000)])
    before = threshold.value()
    for _ in range(10):
        threshold.learn(1000.0, threshold.value())
    assert threshold.value() < 1.5 * before


def test_a_change_that_stays_becomes_usual() -> None:
    threshold = taught([1.0] * 200)
    for _ in range(300):
        threshold.learn(9.0, threshold.value())
    assert threshold.value() >= 9.0


def test_detectors_are_averaged_and_the_most_alarmed_one_explains() -> None:
    found = judge([Opinion("zscore", 1.6, 0.3), Opinion("iqr", 0.8, 0.4)])
    assert found is not None
    assert found.ratio == pytest.approx(1.2)
    assert (found.expected, found.detector) == (0.3, "zscore+iqr")


def test_nobody_has_an_opinion() -> None:
    assert judge([]) is None
