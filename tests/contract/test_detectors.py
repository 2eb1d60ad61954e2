"""One suite for every detector, built in or not."""

from dataclasses import dataclass

import pytest

from foreroute.core.ports import Score
from foreroute.core.series import Series
from foreroute.detect.isolation import IsolationForest
from foreroute.detect.registry import detectors
from foreroute.detect.zscore import ZScore
from foreroute.testing import samples
from foreroute.testing.check_detector import check_detector


@pytest.mark.parametrize("name", ["streaming", "zscore", "iqr"])
def test_detector(name: str) -> None:
    (detector,) = detectors([name])
    check_detector(detector)


def test_a_forest_that_has_grown() -> None:
    pytest.importorskip("sklearn")
    (forest,) = detectors(["isolation_forest"])
    assert isinstance(forest, IsolationForest)
    for _ in range(24):
        forest = forest.grown([samples.noisy(seed=6), samples.gappy(), samples.a_series(*(0.35,) * 180)])
    check_detector(forest)


@dataclass
class Wrong:
    """A robust z-score with one fault."""

    fault: str
    name: str = "wrong"
    highest: float = 0.0

    def score(self, series: Series) -> Score | None:
        said = ZScore().score(series)
        if said is None:
            return Score(0.0, 0.0) if self.fault == "judges nothing" else None
        match self.fault:
            case "negative":
                return Score(-said.score, said.expected)
            case "remembers":
                self.highest = max(self.highest, series.values[-1])
                return Score(said.score / (1.0 + self.highest), said.expected)
            case "one-sided":
                return said if series.values[-1] > said.expected else Score(0.0, said.expected)
            case "unit":
                return Score(abs(series.values[-1] - said.expected), said.expected)
        return said


@pytest.mark.parametrize("fault", ["judges nothing", "negative", "remembers", "one-sided", "unit"])
def test_the_suite_refuses_a_detector_that_is_wrong(fault: str) -> None:
    with pytest.raises(AssertionError):
        check_detector(Wrong(fault))


def test_the_suite_accepts_the_same_detector_without_the_fault() -> None:
    check_detector(Wrong("none"))
