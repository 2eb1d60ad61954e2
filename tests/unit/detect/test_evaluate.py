import math

import numpy as np
import pytest

from foreroute.detect.evaluate import EvaluateSettings, Outcome, evaluate, spans, total


def flags(*on: range | int, length: int = 200) -> np.ndarray:
    found = np.zeros(length, dtype=bool)
    for one in on:
        found[list(one) if isinstance(one, range) else [one]] = True
    return found


def judged(labels: np.ndarray, alarms: np.ndarray, counted: np.ndarray | None = None) -> Outcome:
    return evaluate(labels, alarms, step_s=60.0, counted=counted)


def test_one_event_found_one_missed_one_alarm_for_nothing() -> None:
    one = judged(flags(range(20, 30), range(100, 110)), flags(range(22, 25), 160))
    assert (one.events, one.events_found, one.true_alarms, one.false_alarms) == (2, 1, 1, 1)
    assert (one.precision, one.recall, one.f1) == (0.5, 0.5, 0.5)
    assert one.delays == (180.0,)
    assert one.points == (3, 1, 17)
    assert one.false_alarms_per_day == pytest.approx(1.0 / (200 / 1440))


def test_alarms_near_each_other_are_one_and_near_an_event_belong_to_it() -> None:
    one = judged(flags(range(50, 60)), flags(47, 63, 150, 155, 159))
    assert (one.events_found, one.true_alarms, one.false_alarms) == (1, 2, 1)
    assert one.delays == (60.0,)
    assert judged(flags(range(50, 60)), flags(40)).events_found == 0


def test_an_event_that_is_found_late_counts_as_missed_where_delay_is_limited() -> None:
    labels = flags(range(50, 80))
    late, soon = judged(labels, flags(60)), judged(labels, flags(57))
    assert late.events_found == 1
    assert (late.limited, soon.limited) == ((0, 0, 30), (30, 0, 0))
    assert (late.limited_f1, soon.limited_f1) == (0.0, 1.0)


def test_windows_that_do_not_count_are_neither_right_nor_wrong() -> None:
    one = judged(flags(range(20, 30), range(100, 110)), flags(25, 150), counted=~flags(range(90, 160)))
    assert (one.events, one.false_alarms, one.windows) == (1, 0, 130)
    assert one.false_positive_rate == 0.0


def test_an_alarm_that_never_ends_is_no_good_detector() -> None:
    one = judged(flags(range(20, 30)), flags(range(200)))
    assert (one.events_found, one.false_alarms) == (1, 3)
    assert one.precision == 0.25


def test_outcomes_add_up() -> None:
    one = judged(flags(range(20, 30)), flags(22))
    other = judged(flags(range(20, 30)), flags(160))
    both = total([one, other])
    assert (both.events, both.events_found, both.false_alarms) == (2, 1, 1)
    assert both.days == pytest.approx(one.days + other.days)
    assert both.delay_s == 180.0
    assert total([]).f1 == 0.0


def test_nothing_to_find_and_nothing_said() -> None:
    quiet = judged(flags(), flags())
    assert math.isnan(quiet.precision)
    assert quiet.f1 == 0.0
    assert math.isnan(quiet.delay_s)


def test_runs_with_small_gaps_are_one() -> None:
    assert spans(flags(3, 4, 7, length=10)) == [(3, 5), (7, 8)]
    assert spans(flags(3, 4, 7, length=10), gap=3) == [(3, 8)]
    assert EvaluateSettings().delay_max == 7
