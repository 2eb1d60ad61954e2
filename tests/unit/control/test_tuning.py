"""What the tuner is told by the loop, and how its word reaches several gateways."""

from dataclasses import replace

import pytest

from foreroute.control.controls import Steering
from foreroute.control.tuning import TuningDesk, TuningSettings
from foreroute.control.tuning_records import change_record, read_change
from foreroute.core.decision import Autopilot
from foreroute.core.failure import FailureClass
from foreroute.core.findings import (
    Findings,
    Forecast,
    ForecastSkill,
    Incident,
    WindowForecast,
    WindowTarget,
)
from foreroute.core.ids import ChannelId, IncidentId, RouteName
from foreroute.core.limits import ChannelLimits, Parameter, Setting
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.ports import Record
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Change, Event, Look, Round

A, B = ChannelId("a"), ChannelId("b")
AT = 1_750_000_020.0
SLOWDOWN = Metric.FIRST_CHUNK_SLOWDOWN


class Listening(Tuner):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[Look] = []
        self.says: dict[ChannelId, ChannelLimits] = {}

    def round(self, look: Look) -> Round:
        self.looks.append(look)
        return Round(limits=self.says, changes=(), views=())


def desk(**more: int) -> tuple[TuningDesk, Listening]:
    targets = (Target(channel=A, weight=0.5), Target(channel=B, weight=0.5))
    routes = {RouteName("chat"): Route(name=RouteName("chat"), targets=targets)}
    plan = RoutingPlan(version=0, made_at=0.0, valid_until=0.0, routes=routes)
    tuner = Listening()
    return TuningDesk(tuner, TuningSettings(**more), plan), tuner


def forecast(upper: float) -> Forecast:
    window = WindowForecast(
        target=WindowTarget.MEAN,
        horizon_s=900.0,
        value=1.0,
        lower80=0.9,
        upper80=upper,
        lower95=0.8,
        upper95=upper,
        n_effective=100.0,
        floor_ratio=0.1,
    )
    return Forecast(
        channel=A,
        metric=SLOWDOWN,
        origin_at=AT,
        step_s=60.0,
        mean=(1.0,),
        lower=(0.9,),
        upper=(upper,),
        coverage=0.8,
        model="m",
        windows=(window,),
    )


def skill(error: float, outcomes: int = 99) -> ForecastSkill:
    return ForecastSkill(
        channel=A,
        metric=SLOWDOWN,
        horizon_s=900.0,
        model="m",
        outcomes=outcomes,
        mean_absolute_error=error,
        naive_mean_absolute_error=1.0,
    )


MINUTE = Rollup(
    channel=A,
    window_start=AT - 60.0,
    source="t",
    first_chunk=LatencySummary(count=10, slowdown_total=12.0, slowdown_count=10),
)


def told(findings: Findings) -> Look:
    made, tuner = desk()
    made.update(AT, Steering(autopilot=Autopilot.ACT), findings, [MINUTE])
    return tuner.looks[0]


def test_a_forecast_of_slowness_is_told_against_the_last_hour() -> None:
    known = Findings(forecasts={(A, SLOWDOWN): forecast(1.8)}, skills=(skill(0.5),))
    outlook = told(known).outlooks[A]
    assert outlook.first_chunk_ratio == pytest.approx(1.8 / 1.2)
    assert outlook.whole_ratio == 1.0
    assert outlook.skill == pytest.approx(0.5)
    assert (
        told(replace(known, forecasts={(A, SLOWDOWN): forecast(50.0)})).outlooks[A].first_chunk_ratio == 3.0
    )
    assert (
        told(replace(known, forecasts={(A, SLOWDOWN): forecast(float("nan"))})).outlooks[A].first_chunk_ratio
        == 1.0
    )


def test_a_forecast_that_is_worse_than_the_last_value_frightens_nobody() -> None:
    bad = Findings(forecasts={(A, SLOWDOWN): forecast(1.8)}, skills=(skill(1.5),))
    assert told(bad).outlooks[A].first_chunk_ratio == 1.0
    assert told(bad).outlooks[A].skill == pytest.approx(-0.5)
    assert told(replace(bad, skills=(skill(1.5, outcomes=3),))).outlooks[A].skill is None


def test_open_incidents_are_told_and_closed_ones_are_not() -> None:
    incident = Incident(
        id=IncidentId("i"),
        channel=A,
        opened_at=AT - 100.0,
        root_cause=FailureClass.OVERLOADED,
        probability=0.9,
        evidence="",
    )
    assert told(Findings(incidents=(incident,))).outlooks[A].incident
    assert not told(Findings(incidents=(incident,))).outlooks[B].incident
    assert not told(Findings(incidents=(replace(incident, closed_at=AT),))).outlooks[A].incident


def test_peers_are_the_other_channels_of_a_route() -> None:
    assert told(Findings()).peers == {A: [B], B: [A]}


def test_rounds_keep_their_rhythm_and_a_clock_that_went_back_does_not_stop_them() -> None:
    made, tuner = desk(every_s=120)
    steering = Steering(autopilot=Autopilot.ACT)
    for at in (AT, AT + 60, AT + 120, AT - 3600):
        made.update(at, steering, Findings(), [])
    assert [look.at - AT for look in tuner.looks] == [0, 120, -3600]


def test_stage_and_kill_switch_bound_it() -> None:
    made, tuner = desk()
    steering = Steering(autopilot=Autopilot.SUGGEST)
    made.update(AT, steering, Findings(), [])
    steering.kill_switch = True
    made.update(AT + 60, steering, Findings(), [])
    assert [(look.act, look.killed) for look in tuner.looks] == [(False, False), (False, True)]
    assert "kill switch" in made.held


def test_several_gateways_share_a_concurrency_limit() -> None:
    made, tuner = desk(gateways=3)
    tuner.says = {
        A: ChannelLimits(settings={Parameter.CONCURRENCY: Setting(10.0), Parameter.STALL: Setting(2.0)})
    }
    limits, _, _ = made.update(AT, Steering(autopilot=Autopilot.ACT), Findings(), [])
    assert limits[A].settings == {Parameter.CONCURRENCY: Setting(4.0), Parameter.STALL: Setting(2.0)}


def test_a_change_on_record_can_be_read_back() -> None:
    change = Change(
        at=AT,
        channel=A,
        parameter=Parameter.TOTAL,
        event=Event.PROMOTED,
        old=Setting(60.0),
        new=Setting(50.0, 0.01, 100.0, most=600.0),
        reason="because",
        evidence={"samples": 10},
        canary="1 of 100 went badly",
    )
    assert read_change(change_record(change)) == change
    assert read_change(Record(kind="tuning", id="x", at=AT, body=b"{}")) is None
