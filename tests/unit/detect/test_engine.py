import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from foreroute.core.findings import Anomaly, Direction
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Score
from foreroute.core.series import Series
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.registry import detectors

Make = Callable[..., Series]
NAN = float("nan")


def an_engine() -> DetectEngine:
    return DetectEngine(DetectSettings(false_alarms_per_day=1.0), detectors(["zscore", "iqr"]))


def window(series: Series, end: int) -> Series:
    start = max(0, end - 180)
    return replace(series, start_at=series.start_at + 60.0 * start, values=series.values[start:end])


def play(engine: DetectEngine, series: Series, ends: Sequence[int]) -> dict[int, Anomaly]:
    """Minute → the anomaly found in it."""
    return {end - 1: anomaly for end in ends for anomaly in engine.update([window(series, end)])}


def with_values(series: Series, at: int, *values: float) -> Series:
    return replace(series, values=(*series.values[:at], *values, *series.values[at + len(values) :]))


@pytest.mark.parametrize(("value", "direction"), [(1.5, Direction.HIGH), (0.05, Direction.LOW)])
def test_the_newest_window_is_judged_in_both_directions(
    noisy: Make, value: float, direction: Direction
) -> None:
    whole = with_values(noisy(200), 190, value)
    engine = an_engine()
    engine.warm([window(whole, 180)])
    (found,) = play(engine, whole, range(181, 201)).values()
    assert (found.direction, found.value, found.detector) == (direction, value, "zscore+iqr")
    assert found.at == whole.start_at + 60.0 * 190
    assert found.score > found.threshold == 1.0
    assert found.expected == pytest.approx(0.35, abs=0.05)


def test_usual_noise_raises_about_as_many_alarms_as_wanted(noisy: Make) -> None:
    """Four channel-days at one wanted false alarm a day."""
    alarms = 0
    for seed in range(4):
        whole = noisy(1440 + 180, seed=seed)
        engine = an_engine()
        engine.warm([window(whole, 180)])
        alarms += len(play(engine, whole, range(181, 1440 + 181)))
    assert alarms <= 8


def test_twice_the_usual_for_minutes_is_seen_at_once(noisy: Make) -> None:
    hits = 0
    for seed in range(10):
        whole = noisy(206, lambda t: 0.35 if t < 200 else 0.7, seed=seed)
        engine = an_engine()
        engine.warm([window(whole, 180)])
        hits += bool(play(engine, whole, range(181, 207)))
    assert hits == 10


def test_a_level_that_stays_is_no_anomaly_for_ever(noisy: Make) -> None:
    whole = noisy(480, lambda t: 0.35 if t < 200 else 0.7)
    engine = an_engine()
    engine.warm([window(whole, 180)])
    found = play(engine, whole, range(181, 481))
    assert found
    assert max(found) < 200 + 60


def test_missing_windows_and_short_series_raise_nothing(noisy: Make, series: Make) -> None:
    engine = an_engine()
    engine.warm([noisy(180)])
    assert engine.update([series(*noisy(180).values, NAN), series(9.0), series()]) == ()


def test_before_enough_scores_only_the_blatant_is_flagged(noisy: Make) -> None:
    engine = an_engine()
    past = noisy(40)
    assert engine.update([with_values(past, 39, 0.55)]) == ()
    assert len(an_engine().update([with_values(past, 39, 3.5)])) == 1


def test_a_window_judged_twice_teaches_once(noisy: Make) -> None:
    one, other = an_engine(), an_engine()
    whole = noisy(220)
    for engine in (one, other):
        engine.warm([window(whole, 180)])
    for _ in range(50):
        one.update([window(whole, 180)])
    struck = with_values(whole, 190, 0.62)
    assert play(one, struck, range(181, 221)) == play(other, struck, range(181, 221))


def test_series_do_not_share_thresholds(noisy: Make) -> None:
    calm = noisy(181, noise=0.05)
    wild = replace(noisy(181, noise=0.6), channel=ChannelId("wild"))
    engine = an_engine()
    engine.warm([window(calm, 180), window(wild, 180)])
    found = engine.update([with_values(calm, 180, 0.7), with_values(wild, 180, 0.7)])
    assert [anomaly.channel for anomaly in found] == ["a"]


def test_the_state_survives_pickling(noisy: Make) -> None:
    whole = with_values(noisy(220), 200, 1.2)
    engine = an_engine()
    engine.warm([window(whole, 180)])
    copy = pickle.loads(pickle.dumps(engine))
    found = play(engine, whole, range(181, 221))
    assert found
    assert play(copy, whole, range(181, 221)) == found


@dataclass(frozen=True)
class Constant:
    """Another package's detector."""

    name: str = "constant"

    def score(self, series: Series) -> Score | None:
        return Score(4.0, series.values[-1])


def test_an_unknown_detector_has_the_general_default(series: Make) -> None:
    def engine(limit: float) -> DetectEngine:
        return DetectEngine(DetectSettings(cautious_threshold=limit), [Constant()])

    assert engine(5.0).update([series(1.0)]) == ()
    (found,) = engine(3.0).update([series(1.0)])
    assert found.score == pytest.approx(4.0 / 3.0)
