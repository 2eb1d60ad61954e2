"""What every detector must do. Public: call it with your own from a test, it asserts."""

import math
import pickle
from dataclasses import replace

from foreroute.core.ports import Detector
from foreroute.core.series import Series
from foreroute.testing.samples import a_series, empty, noisy, usual

_OUTLIERS = (10.0, 0.05)
"""Times the usual level: much too high, much too low."""


def check_detector(detector: Detector, *, scale_tolerance: float | None = 1e-9) -> None:
    """Range, purity, determinism, pickling, warm-up and missing values, both directions, scale.

    `scale_tolerance`: relative difference allowed between the scores of a series and of eight times it; None for a
    detector that does not promise that the unit makes no difference.
    """
    assert detector.name, "a detector has a name"
    for name, series in usual().items():
        _check_score(detector, name, series)
    for name, series in empty().items():
        assert detector.score(series) is None, f"{name}: nothing to judge"
    assert detector.score(a_series(0.35)) is None, "one value cannot be strange"
    _check_missing(detector)
    _check_outliers(detector)
    _check_position(detector)
    if scale_tolerance is not None:
        _check_scale(detector, scale_tolerance)


def _check_score(detector: Detector, name: str, series: Series) -> None:
    found = detector.score(series)
    if found is not None:
        assert math.isfinite(found.score), f"{name}: a score is finite"
        assert found.score >= 0.0, f"{name}: a score is not negative"
        assert math.isfinite(found.expected), f"{name}: what was expected is a number"
    detector.score(replace(series, values=(*series.values, 99.0)))
    assert detector.score(series) == found, f"{name}: later values do not leak back, asking changes nothing"
    copy: Detector = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own bytes
    assert copy.score(series) == found, f"{name}: a detector survives pickling"


def _check_missing(detector: Detector) -> None:
    series = a_series(*noisy().values, math.nan)
    assert detector.score(series) is None, "a missing value is not judged"
    holes = a_series(*(math.nan if n % 7 == 0 else value for n, value in enumerate(noisy(182).values)))
    assert detector.score(holes) is not None, "holes before the newest value do not stop a judgement"


def _check_outliers(detector: Detector) -> None:
    """Usual values are less strange than outliers, upwards and downwards, also on a flat series."""
    flat = a_series(*(0.35,) * 180)
    for series in (noisy(), flat):
        usual_score = _score(detector, a_series(*series.values, 0.35))
        for factor in _OUTLIERS:
            found = detector.score(a_series(*series.values, 0.35 * factor))
            assert found is not None, "three hours are enough to judge"
            assert found.score > 2.0 * usual_score, f"{factor} times the usual is strange"
            is_high = 0.35 * factor > found.expected
            assert is_high == (factor > 1.0), "what was expected lies on the side of the usual values"


def _check_position(detector: Detector) -> None:
    series = noisy()
    elsewhere = replace(series, start_at=series.start_at + 3600.0 * 24 * 7)
    assert detector.score(series) == detector.score(elsewhere), "a week later the same is as strange"


def _check_scale(detector: Detector, tolerance: float) -> None:
    series = a_series(*noisy().values, 0.9)
    larger = replace(series, values=tuple(8.0 * value for value in series.values))
    one, other = _score(detector, series), _score(detector, larger)
    assert math.isclose(one, other, rel_tol=tolerance), "milliseconds or seconds make no difference"


def _score(detector: Detector, series: Series) -> float:
    found = detector.score(series)
    assert found is not None, "three hours are enough to judge"
    return found.score
