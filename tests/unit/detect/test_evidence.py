"""Alarms from scores: alone, two of three, three of three, and what is known beside them."""

from collections.abc import Sequence

import numpy as np
import pytest

from foreroute.detect.evidence import Beside, Evidence, Judged

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
    assert alarms([0.0, side * 1.11 * LIMIT, 0.0]) == [1]
    assert alarms([0.0, side * 1.09 * LIMIT, 0.0]) == []


def test_three_in_a_row_need_less_but_all_on_one_side() -> None:
    assert alarms([0.0, 6.0, 6.0, 6.0, 0.0]) == [3]
    assert alarms([0.0, 6.0, -6.0, 6.0, 0.0]) == []


def test_a_missing_score_is_no_evidence_and_does_not_break_a_row() -> None:
    assert alarms([6.0, 6.0, float("nan"), 6.0]) == [3]


def test_a_lean_is_no_alarm_but_makes_the_next_one_a_drift() -> None:
    assert alarms([3.2] * 60) == []
    found = judged([*[3.2] * 20, 9.0])
    assert found[-1].ratio[0] >= 1.0
    assert found[-1].leaning[0]


def test_what_lasts_is_an_alarm_by_itself() -> None:
    judged = Evidence.empty(1).judge(np.zeros(1), np.array([LIMIT]), 60.0, beside=beside(lasts=1.2))
    assert judged.ratio[0] == pytest.approx(1.2)
    assert judged.lasting[0]


def test_back_at_the_held_level_is_no_news_however_large_the_step() -> None:
    judged = Evidence.empty(1).judge(np.array([-30.0]), np.array([LIMIT]), 60.0, beside=beside(back=True))
    assert judged.ratio[0] < 1.0


def test_traffic_needs_a_second_window() -> None:
    evidence = Evidence.empty(1)
    first, second = (
        evidence.judge(np.array([30.0]), np.array([LIMIT]), 60.0, beside=beside(never_alone=True))
        for _ in range(2)
    )
    assert first.ratio[0] < 1.0 <= second.ratio[0]


def beside(*, lasts: float = 0.0, back: bool = False, never_alone: bool = False) -> Beside:
    return Beside(np.array([lasts]), np.array([back]), np.array([False]), np.array([never_alone]))


def test_a_habit_of_lonely_windows_raises_the_bar_for_the_lonely_only() -> None:
    usual = [9.5, *[0.0] * 30]
    assert alarms([*usual * 6, 9.5])[-1] < len(usual * 6)
    assert alarms([*usual * 6, 9.5, 9.5])[-1] == len(usual * 6) + 1
