"""The engine with its own detector: what it finds, how soon, and what it leaves alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from foreroute.core.errors import StoreCorrupt
from foreroute.core.feedback import AlertFeedback, Vote
from foreroute.core.findings import Anomaly, AnomalyKind, Direction
from foreroute.core.ids import ChannelId
from foreroute.core.mute import Mute
from foreroute.core.series import Metric, Series
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.streaming import Streaming
from foreroute.detect.zscore import ZScore

Make = Callable[..., Series]
NAN = float("nan")
START = 300


def an_engine() -> DetectEngine:
    return DetectEngine(DetectSettings(), [Streaming()])


def window(series: Series, end: int) -> Series:
    start = max(0, end - 180)
    return replace(series, start_at=series.start_at + 60.0 * start, values=series.values[start:end])


def play(
    engine: DetectEngine, series: Series, counts: Sequence[float] = (), *, start: int = 180
) -> dict[int, Anomaly]:
    """Minute → the anomaly found in it."""
    found = {}
    for end in range(start, len(series.values) + 1):
        behind = tuple(counts[max(0, end - 180) : end])
        for anomaly in engine.update([replace(window(series, end), counts=behind)]):
            found[end - 1] = anomaly
    return found


@pytest.mark.parametrize("seed", range(5))
def test_half_as_slow_again_is_found_within_three_minutes(noisy: Make, seed: int) -> None:
    whole = noisy(320, lambda t: 0.35 * (1.5 if t >= START else 1.0), seed=seed, noise=0.05)
    found = play(an_engine(), whole)
    assert START <= min(found) < START + 3
    first = found[min(found)]
    assert first.direction is Direction.HIGH
    assert first.expected == pytest.approx(0.35, rel=0.15)
    assert first.p_value < 0.001
    assert first.score >= first.threshold == 1.0


def test_usual_noise_raises_hardly_an_alarm(noisy: Make) -> None:
    """Four channel-days at one wanted false alarm in twenty."""
    engine = an_engine()
    series = [replace(noisy(1440, seed=seed), channel=ChannelId(f"c{seed}")) for seed in range(4)]
    alarms = 0
    for end in range(1, 1441):
        alarms += len(
            engine.update(
                [
                    replace(
                        one,
                        values=one.values[max(0, end - 3) : end],
                        start_at=one.start_at + 60.0 * max(0, end - 3),
                    )
                    for one in series
                ]
            )
        )
    assert alarms <= 1


def test_a_level_that_stays_becomes_usual(noisy: Make) -> None:
    found = play(an_engine(), noisy(600, lambda t: 0.35 if t < START else 0.7, noise=0.08))
    assert found
    assert max(found) < START + 90


def test_an_episode_keeps_its_beginning_and_a_later_one_has_its_own(noisy: Make) -> None:
    whole = noisy(420, lambda t: 0.35 * (3.0 if t in (300, 301, 302, 380) else 1.0), noise=0.05)
    found = play(an_engine(), whole)
    assert {found[t].since_at for t in (300, 301, 302)} == {whole.start_at + 60.0 * 300}
    assert found[380].since_at == found[380].at == whole.start_at + 60.0 * 380


@pytest.mark.parametrize(
    ("truth", "kind", "direction"),
    [
        (lambda t: 3.0 if t == 300 else 1.0, AnomalyKind.SPIKE, Direction.HIGH),
        (lambda t: 2.0 if t >= 300 else 1.0, AnomalyKind.SHIFT, Direction.HIGH),
        (lambda t: 0.5 if t >= 300 else 1.0, AnomalyKind.SHIFT, Direction.LOW),
        (lambda t: 0.02 if t >= 300 else 1.0, AnomalyKind.DROPOUT, Direction.LOW),
        (lambda t: (3.0, 0.3)[t % 2] if t >= 300 else 1.0, AnomalyKind.VARIANCE, None),
    ],
)
def test_the_kind_and_the_direction_are_said(
    noisy: Make, truth: Callable[[int], float], kind: AnomalyKind, direction: Direction | None
) -> None:
    found = play(an_engine(), noisy(304, truth, noise=0.05))
    last = found[max(found)]
    assert last.kind is kind
    assert direction is None or last.direction is direction


def test_recurring_lonely_spikes_are_a_habit(noisy: Make) -> None:
    whole = noisy(1000, lambda t: 0.35 * (1.9 if t % 60 == 47 else 1.0), noise=0.05)
    found = play(an_engine(), whole)
    early, late = ([t for t in found if low <= t < low + 300] for low in (180, 700))
    assert len(early) >= 2
    assert len(late) < len(early)


def test_missing_windows_raise_nothing_and_stop_nothing(noisy: Make) -> None:
    values = list(noisy(320, noise=0.05).values)
    values[290:300] = [NAN] * 10
    values[305] = 1.4
    whole = replace(noisy(320), values=tuple(values))
    assert set(play(an_engine(), whole)) == {305}


def test_a_series_that_is_new_or_empty_is_not_judged(series: Make) -> None:
    engine = an_engine()
    assert engine.update([]) == ()
    assert engine.update([series()]) == ()
    assert engine.update([series(*(0.3,) * 20, 30.0)]) == ()


def test_a_mute_silences_one_channel_and_the_new_level_is_learnt_after_it(noisy: Make) -> None:
    """A deploy that doubles the latency for good."""
    one = noisy(380, lambda t: 0.35 if t < START else 0.7, noise=0.05)
    other = replace(one, channel=ChannelId("other"))
    engine = an_engine()
    engine.mute(
        [
            Mute(
                channel=one.channel,
                start_at=one.start_at + 60.0 * START,
                end_at=one.start_at + 60.0 * (START + 5),
            )
        ]
    )
    found = [
        anomaly
        for end in range(180, 381)
        for anomaly in engine.update([window(one, end), window(other, end)])
    ]
    assert {anomaly.channel for anomaly in found} == {"other"}


def test_missed_ticks_are_caught_up_on(noisy: Make) -> None:
    whole = noisy(320, lambda t: 0.35 * (3.0 if t == 310 else 1.0), noise=0.05)
    regular, late = an_engine(), an_engine()
    play(regular, window(whole, 300), start=120)
    late.warm([window(whole, 250)])
    late.update([window(whole, 300)])
    one, other = ([*engine.update([window(whole, 311)])] for engine in (regular, late))
    assert (
        [anomaly.at for anomaly in one] == [anomaly.at for anomaly in other] == [whole.start_at + 60.0 * 310]
    )


def test_a_window_seen_twice_teaches_once(noisy: Make) -> None:
    whole = noisy(320, lambda t: 0.35 * (1.6 if t >= START else 1.0))
    once, often = an_engine(), an_engine()
    for engine in (once, often):
        engine.warm([window(whole, 290)])
    for _ in range(30):
        often.update([window(whole, 290)])
    assert play(once, whole, start=291) == play(often, whole, start=291)


def test_the_state_goes_to_bytes_and_back(noisy: Make) -> None:
    whole = noisy(320, lambda t: 0.35 * (3.0 if t >= START else 1.0))
    engine, copy = an_engine(), an_engine()
    engine.warm([window(whole, 290)])
    copy.load(engine.dump())
    found = play(engine, whole, start=291)
    assert found
    assert play(copy, whole, start=291) == found


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: b"no archive", lambda data: data[: len(data) // 2]]
)
def test_bytes_that_are_no_state_change_nothing(noisy: Make, damage: Callable[[bytes], bytes]) -> None:
    engine = an_engine()
    engine.warm([noisy(180)])
    before = engine.dump()
    with pytest.raises(StoreCorrupt, match="detectors' state"):
        engine.load(damage(before))
    assert engine.dump() == before


def test_five_points_more_failures_are_found_when_enough_was_asked(series: Make) -> None:
    rng = np.random.default_rng(3)
    ratio = np.where(np.arange(340) >= START, 0.06, 0.01)
    failures = rng.binomial(200, ratio)
    whole = series(*(failures / 200), metric=Metric.FAILURE_RATIO)
    found = play(an_engine(), whole, [200.0] * 340)
    assert START <= min(found) < START + 3
    assert found[min(found)].expected == pytest.approx(0.01, abs=0.01)


def test_one_failure_of_three_requests_is_no_anomaly(series: Make) -> None:
    values = [0.0] * 320
    for at in (200, 260, 310):
        values[at] = 1.0 / 3.0
    whole = series(*values, metric=Metric.FAILURE_RATIO)
    assert play(an_engine(), whole, [3.0] * 320) == {}
    assert play(an_engine(), replace(whole, values=(*values[:310], 0.5, *values[311:])), [300.0] * 320)


def test_a_latency_that_one_request_stands_for_counts_for_less(noisy: Make) -> None:
    whole = noisy(310, lambda t: 0.35 * (1.9 if t == 305 else 1.0), noise=0.05)
    busy, quiet = [100.0] * 310, [100.0] * 305 + [1.0] + [100.0] * 4
    assert 305 in play(an_engine(), whole, busy)
    assert play(an_engine(), whole, quiet) == {}


def test_a_few_throttles_among_hardly_any_are_poisson(series: Make) -> None:
    values = [float(t % 7 == 0) for t in range(310)]
    assert play(an_engine(), series(*values, 3.0, metric=Metric.THROTTLES)) == {}
    assert play(an_engine(), series(*values, 40.0, metric=Metric.THROTTLES)).keys() == {310}


def test_another_detector_is_averaged_with_it(noisy: Make) -> None:
    whole = noisy(310, lambda t: 0.35 * (4.0 if t == 305 else 1.0), noise=0.05)
    engine = DetectEngine(DetectSettings(), [Streaming(), ZScore()])
    engine.warm([window(whole, 300)])
    (found,) = play(engine, whole, start=301).values()
    assert found.detector == "streaming+zscore"
    assert math.isfinite(found.p_value)


def test_what_people_found_useful_is_found_sooner_and_only_that(noisy: Make) -> None:
    """A step just too small for the threshold alone."""
    whole = noisy(320, lambda t: 0.35 * (1.3 if t == 310 else 1.0), noise=0.05)
    assert play(an_engine(), whole) == {}

    def found(metric: str, kind: str) -> dict[int, Anomaly]:
        vote = Vote(alert="1", channel="a", metric=metric, kind=kind, useful=True, at=whole.start_at)
        told = AlertFeedback(votes=(vote, replace(vote, alert="2")))
        return play(DetectEngine(DetectSettings(), [Streaming()], lambda: told), whole)

    (one,) = found("first_chunk_p95", "spike").values()
    assert one.at == whole.start_at + 60.0 * 310
    assert 0.7 <= one.threshold <= one.score < 1.0
    assert found("first_chunk_p95", "drift") == found("failure_ratio", "spike") == {}
