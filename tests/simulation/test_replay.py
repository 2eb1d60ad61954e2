"""The journal of a simulated run can be asked again: each snapshot leads to the decision that stands beside it."""

from collections.abc import Callable
from typing import Any

import pytest

from foreroute.control.decision_log import read_tick, replay


@pytest.mark.slow
def test_every_tick_replays_to_its_decision(live_day: Callable[..., Any]) -> None:
    run = live_day(3, 180, ramp_minute=60, burst_minute=20)
    ticks = [read_tick(record) for record in run.ticks]
    assert len(ticks) == 180
    assert sum(bool(tick.decision.changes) for tick in ticks) == len(run.decisions) > 3
    for tick in ticks:
        assert replay(tick) == tick.decision
