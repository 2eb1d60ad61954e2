"""The simulated month behind `docs/cost.md`: with pacing the budget lasts, without it there is a wall."""

import pytest
from bench.budget.month import Month, run_month

TICK_S = 600.0


@pytest.mark.parametrize("month", [Month(), Month(growth=0.0, jump=0.5), Month(limit_ratio=0.5)])
def test_paced_it_lasts_and_dear_channels_lose_little_by_little(month: Month) -> None:
    wall = run_month(month, paced=False, seed=3, tick_s=TICK_S)
    assert wall.crossed_day is not None
    assert wall.crossed_day < 25.0
    assert wall.refused > 0.15 * wall.served
    paced = run_month(month, paced=True, seed=3, tick_s=TICK_S)
    assert paced.crossed_day is None or paced.crossed_day > 29.5
    assert paced.spent_ratio[-1] > 0.97, "and none of it is left over for nothing"
    assert paced.refused < 0.01 * paced.served
    assert paced.dear_share[-1] < 0.75 * wall.dear_share[0]
    assert paced.step_max < 0.03


def test_with_room_nothing_is_paced() -> None:
    free = run_month(Month(limit_ratio=1.1, growth=0.0), paced=True, seed=3, tick_s=TICK_S)
    assert free.step_max == 0.0
    assert max(free.price) == 0.0
