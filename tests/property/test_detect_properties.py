"""What holds for any series, however strange."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.detect.bank import Window
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.evaluate import evaluate, spans
from foreroute.detect.rows import Rows
from foreroute.detect.streaming import Streaming

VALUE = st.one_of(
    st.floats(1e-4, 1e4),
    st.just(0.0),
    st.just(math.nan),
    st.floats(-10.0, -1e-3),
    st.sampled_from([0.3, 0.35]),
)
VALUES = st.lists(VALUE, min_size=1, max_size=80)
FLAGS = st.lists(st.booleans(), min_size=1, max_size=120)


def a_series(values: list[float], name: str = "a", metric: Metric = Metric.LATENCY_P95) -> Series:
    return Series(channel=ChannelId(name), metric=metric, start_at=0.0, step_s=60.0, values=tuple(values))


def scores(
    columns: list[list[float]], counts: float = math.nan, metric: Metric = Metric.LATENCY_P95
) -> np.ndarray:
    """(windows, series)"""
    rows = Rows()
    rows.take_in([(ChannelId(str(number)), metric) for number in range(len(columns))])
    found = []
    for at, values in enumerate(zip(*columns, strict=True)):
        window = Window(
            at=60.0 * at,
            step_s=60.0,
            values=np.array(values),
            counts=np.full(len(columns), counts),
            muted=np.zeros(len(columns), bool),
        )
        found.append(rows.bank.step(window, rate=1e-4).scores)
    return np.array(found)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.sampled_from(Metric))
def test_the_stage_never_raises_and_says_finite_things(values: list[float], metric: Metric) -> None:
    engine = DetectEngine(DetectSettings(), [Streaming()])
    for end in range(1, len(values) + 1):
        series = a_series(values[:end], metric=metric)
        for anomaly in engine.update([replace(series, counts=(5.0,) * end)]):
            assert math.isfinite(anomaly.score)
            assert math.isfinite(anomaly.expected)
            assert anomaly.score >= 1.0
            assert 0.0 <= anomaly.p_value <= 1.0
            assert anomaly.since_at is not None
            assert anomaly.since_at <= anomaly.at


@settings(max_examples=30, deadline=None)
@given(
    st.lists(VALUE, min_size=70, max_size=70), st.lists(VALUE, min_size=70, max_size=70), st.integers(35, 65)
)
def test_what_comes_later_changes_no_earlier_score(
    values: list[float], others: list[float], known: int
) -> None:
    one, other = scores([values]), scores([values[:known] + others[known:]])
    np.testing.assert_array_equal(one[:known], other[:known])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.floats(0.05, 20.0), st.just(math.nan)), min_size=60, max_size=60),
    st.integers(-6, 12),
)
def test_the_unit_makes_no_difference(values: list[float], power: int) -> None:
    one, other = scores([values]), scores([[value * 2.0**power for value in values]])
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUE, min_size=50, max_size=50), st.lists(VALUE, min_size=50, max_size=50))
def test_no_series_looks_at_another(values: list[float], others: list[float]) -> None:
    np.testing.assert_array_equal(scores([values, others])[:, 0], scores([values])[:, 0])


@settings(max_examples=20, deadline=None)
@given(st.lists(VALUE, min_size=40, max_size=40), st.lists(VALUE, min_size=40, max_size=40))
def test_what_is_restored_goes_on_as_if_nothing_had_been(values: list[float], others: list[float]) -> None:
    one, other = (DetectEngine(DetectSettings(), [Streaming()]) for _ in range(2))
    one.warm([a_series(values)])
    other.load(one.dump())
    later = replace(a_series(others), start_at=60.0 * len(values))
    one.warm([later])
    other.warm([later])
    assert one.dump() == other.dump()


@given(FLAGS, FLAGS)
def test_the_counts_of_an_evaluation_add_up(labels: list[bool], alarms: list[bool]) -> None:
    size = min(len(labels), len(alarms))
    truth, said = np.array(labels[:size]), np.array(alarms[:size])
    found = evaluate(truth, said, step_s=60.0)
    right, _, missed = found.points
    assert right + missed == truth.sum()
    assert 0 <= found.events_found <= found.events <= len(spans(truth))
    assert found.true_alarms + found.false_alarms >= len(spans(said, gap=10))
    assert 0.0 <= found.f1 <= 1.0
    same = evaluate(truth, truth, step_s=60.0)
    assert same.false_alarms == 0
    assert same.events_found == same.events
