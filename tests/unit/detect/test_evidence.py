"""Alarms from scores: alone, two of three, three of three, and a long lean."""

from collections.abc import Sequence

import numpy as np
import pytest

from foreroute.detect.evidence import Evidence, Judged

LIMIT = 8.0


def judged(scores: Sequence[float], limit: float = LIMIT) -> list[Judged]:
    evidence = Evidence.empty(1)
    found = []
    for number, score in enumerate(scores):
        one = evidence.judge(np.array([score]), np.array([limit]), 60.0)
        evidence.note(one.ratio >= 1.0, np.array([True]), 60.0 * number)
        found.append(one)
    return found


def alarms(scores: Sequence[float]) -> list[int]:
    return [number for number, one in enumerate(judged(scores)) if one.ratio[0] >= 1.0]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_one_far_beyond_is_enough_and_one_below_is_not(side: float) -> None:
    assert alarms([0.0, side * 8.1, 0.0]) == [1]
    assert alarms([0.0, side * 7.9, 0.0]) == []


def test_three_in_a_row_need_less_but_all_on_one_side() -> None:
    assert alarms([0.0, 6.0, 6.0, 6.0, 0.0]) == [3]
    assert alarms([0.0, 6.0, -6.0, 6.0, 0.0]) == []


def test_a_missing_score_is_no_evidence_and_does_not_break_a_row() -> None:
    assert alarms([6.0, 6.0, float("nan"), 6.0]) == [3]


def test_a_long_lean_is_a_drift() -> None:
    found = judged([3.2] * 60)
    first = next(number for number, one in enumerate(found) if one.ratio[0] >= 1.0)
    assert 20 <= first <= 40
    assert found[first].leaning[0]
    assert alarms([1.5] * 200) == []


def test_a_habit_of_lonely_windows_raises_the_bar_for_the_lonely_only() -> None:
    usual = [9.0, *[0.0] * 30]
    assert alarms([*usual * 6, 9.0])[-1] < len(usual * 6)
    assert alarms([*usual * 6, 9.0, 9.0])[-1] == len(usual * 6) + 1
