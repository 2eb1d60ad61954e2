"""The journal of a simulated run can be asked again: each snapshot leads to the decision that stands beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from foreroute.control.decision_log import TickRecord, read_tick, replay
from foreroute.control.replay import Candidate, Course, Replay
from foreroute.core.decision import Autopilot
from foreroute.core.ids import ChannelId


@pytest.mark.slow
def test_every_tick_replays_to_its_decision(live_day: Callable[..., Any]) -> None:
    run = live_day(3, 180, ramp_minute=60, burst_minute=20)
    ticks = [read_tick(record) for record in run.ticks]
    assert len(ticks) == 180
    assert sum(bool(tick.decision.changes) for tick in ticks) == len(run.decisions) > 3
    for tick in ticks:
        assert replay(tick) == tick.decision
    first = ticks[0]
    same = Candidate(
        configured=first.snapshot.configured,
        objectives=first.snapshot.objectives,
        rails=first.rails,
        autopilot=first.snapshot.autopilot,
    )
    again = played(ticks, same)
    assert again.differing == ()
    assert again.logged_decisions == again.candidate_decisions > 3
    assert all(step.logged == step.candidate for step in again.steps)
    bolder = played(ticks, replace(same, rails=replace(first.rails, share_step_max=0.4)))
    assert 0 < bolder.candidate_decisions < again.logged_decisions
    assert bolder.differing
    moved = {change.channel for one in bolder.differing for change in one.candidate}
    assert ChannelId("slowing") in moved
    idle = played(ticks, replace(same, autopilot=Autopilot.OBSERVE))
    assert idle.candidate_decisions == 0
    assert all(step.candidate == first.snapshot.configured for step in idle.steps)


def played(ticks: Sequence[TickRecord], candidate: Candidate) -> Course:
    run = Replay(candidate)
    for tick in ticks:
        run.take(tick)
    return run.course()
