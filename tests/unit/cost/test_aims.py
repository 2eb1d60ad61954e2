"""The optimum as something to aim at: what a decision is told of it, through a worker process and back."""

import pickle

import pytest

from foreroute.core.ids import ChannelId, RouteName
from foreroute.cost.aims import AimJob, aims
from foreroute.cost.programme import Capacity, Choice, Programme, RequestClass

DEAR, CHEAP, LOW = ChannelId("dear"), ChannelId("cheap"), ChannelId("low")


def programme(**more: object) -> Programme:
    choices = (
        Choice(channel="dear", usd=0.01, latency_s=0.5, late_ratio=0.01, quality=0.9),
        Choice(channel="cheap", usd=0.002, latency_s=0.9, late_ratio=0.09, quality=0.8),
        Choice(channel="low", usd=0.0001, latency_s=0.1, late_ratio=0.0, quality=0.3),
    )
    chat = RequestClass(name="chat", requests_per_minute=100.0, choices=choices, limit_s=1.5, quality_min=0.7)
    return Programme(classes=[chat], **more)  # type: ignore[arg-type]


def test_shares_prices_and_what_holds_it_are_told() -> None:
    found = aims(AimJob(at=5.0, programme=programme()))
    aim = found.routes[RouteName("chat")]
    assert found.feasible
    assert found.solved_at == 5.0
    assert aim.shares == pytest.approx({DEAR: 0.5, CHEAP: 0.5})
    assert aim.usd_per_hour[CHEAP] == pytest.approx(0.002 * 6000)
    assert aim.late_ratio[CHEAP] == 0.09
    assert aim.limit_s == 1.5
    assert aim.barred == {LOW}
    assert aim.held_by == "latency of chat"


def test_room_is_the_share_that_a_channel_can_serve() -> None:
    found = aims(AimJob(at=0.0, programme=programme(capacities={"cheap": Capacity(30.0, None)})))
    aim = found.routes[RouteName("chat")]
    assert aim.room == pytest.approx({CHEAP: 0.3})
    assert aim.shares[CHEAP] == pytest.approx(0.3)
    assert "requests of cheap" in aim.held_by


def test_a_budget_that_cannot_be_met_is_said_and_does_not_stop_the_saving() -> None:
    found = aims(AimJob(at=0.0, programme=programme(), usd_per_hour_left=1.0))
    assert found.feasible
    assert "even the cheapest shares cost $36 an hour, and the budgets leave $1" in found.why
    assert aims(AimJob(at=0.0, programme=programme(), usd_per_hour_left=99.0)).why == ""


def test_what_would_have_to_give_is_why() -> None:
    found = aims(
        AimJob(at=0.0, programme=programme(capacities={"dear": Capacity(1.0), "cheap": Capacity(1.0)}))
    )
    assert not found.feasible
    assert "requests a minute" in found.why


def test_it_goes_to_a_worker_and_back() -> None:
    job = pickle.loads(pickle.dumps(AimJob(at=0.0, programme=programme())))
    assert pickle.loads(pickle.dumps(aims(job))) == aims(job)
