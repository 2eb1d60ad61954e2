"""A whole day of ticks on virtual time: what the loop may and may not do, whatever the day brings."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, RoutingPlan

MINUTE = 60.0
INPUT_TOKENS = 735
"""The median prompt of the synthetic traffic: where on the curve the truth is read."""
LIMIT_S = 0.9
SLOWING, FAILING = ChannelId("slowing"), ChannelId("failing")
SHORT = {"minutes": 180, "ramp_minute": 60, "burst_minute": 20}


@pytest.fixture(scope="module")
def day(live_day: Callable[..., Any]) -> Any:
    """A ramp in the evening, an error burst in the morning."""
    return live_day(1, 1440, ramp_minute=780, burst_minute=200)


def route_of(plan: RoutingPlan) -> Route:
    return next(iter(plan.routes.values()))


def weights(plan: RoutingPlan) -> dict[ChannelId, float]:
    return {target.channel: target.weight for target in route_of(plan).targets}


def changes(day: Any) -> Iterator[dict[str, Any]]:
    for record in day.decisions:
        for change in json.loads(record.body)["changes"]:
            yield {"at": record.at, **change}


@pytest.mark.slow
def test_every_minute_has_its_tick(day: Any) -> None:
    assert len(day.boards) == len(day.ticks) == 1440
    assert {later.at - earlier.at for earlier, later in pairwise(day.boards)} == {MINUTE}
    assert {error for board in day.boards for error in board.stage_errors.items()} == set()


@pytest.mark.slow
def test_the_weights_of_every_plan_sum_to_one(day: Any) -> None:
    for board in day.boards:
        targets = route_of(board.plan).targets
        for priority in {target.priority for target in targets}:
            group = [target.weight for target in targets if target.priority == priority]
            assert sum(group) == pytest.approx(1.0, abs=1e-9)
            assert all(weight >= 0.0 for weight in group)


@pytest.mark.slow
def test_no_share_moves_further_than_a_step_playbooks_excepted(day: Any) -> None:
    by_playbook = {change["at"] for change in changes(day) if change["code"] == "remedy"}
    plans = [(0.0, day.configured), *((board.at, board.plan) for board in day.boards)]
    for (_, earlier), (at, later) in pairwise(plans):
        before, after = weights(earlier), weights(later)
        moved = max(abs(after[channel] - before[channel]) for channel in before)
        assert moved <= day.rails.share_step_max + 1e-9 or at in by_playbook
    assert any(weights(board.plan) != weights(day.configured) for board in day.boards)


@pytest.mark.slow
def test_a_forecast_moves_the_slowing_channel_before_it_misses_its_objective(day: Any) -> None:
    start_at = day.boards[0].at
    crossed_at = day.world.crossing_at(
        SLOWING,
        LIMIT_S,
        start_at=start_at,
        end_at=start_at + 86_400.0,
        input_tokens=INPUT_TOKENS,
    )
    assert crossed_at is not None
    early = [
        change
        for change in changes(day)
        if change["code"] == "forecast"
        and change["channel"] == change["cause_channel"] == SLOWING
        and crossed_at - 3600.0 < change["at"] < crossed_at
    ]
    assert early
    assert all(change["after"] < change["before"] for change in early)


@pytest.mark.slow
def test_the_failing_channel_is_relieved_and_gets_its_share_back(day: Any) -> None:
    at = day.boards[0].at + 199 * MINUTE
    during = [weights(board.plan)[FAILING] for board in day.boards if at <= board.at < at + 10 * MINUTE]
    assert min(during) < 0.5 * weights(day.configured)[FAILING]
    assert weights(day.boards[-1].plan) == pytest.approx(weights(day.configured), abs=0.02)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_journal_to_the_byte(live_day: Callable[..., Any]) -> None:
    first, second, other = (live_day(seed, **SHORT) for seed in (1, 1, 2))
    assert first is not second
    assert len(first.decisions) > 3
    assert first.journal == second.journal
    assert first.journal != other.journal
