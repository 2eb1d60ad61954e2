"""Alerts to messages: events, inhibition, groups, reminders, silences, routes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.alerts.conftest import AT, TICK, House, anomaly, channel

from foreroute.alerts.engine import advance
from foreroute.alerts.inhibit import marked
from foreroute.alerts.settings import AlertRoute
from foreroute.alerts.values import Phase, Reason, Severity, Silence, Source
from foreroute.alerts.words import body, subject

Make = Callable[..., House]


def region(*, bad: int, well: int = 0, where: str = "us") -> list[object]:
    return [channel(f"{where}{n}", region=where, provider=f"p{n % 5}") for n in range(bad + well)]


def test_a_region_is_one_alert_and_its_channels_are_explained(house: Make) -> None:
    it = house(channels=[*region(bad=10), *region(bad=10, where="eu")])
    it.tick(incidents=[f"us{n}" for n in range(9)])
    [event] = [alert for alert in it.alerts() if alert.source is Source.EVENT]
    assert event.labels["region"] == "us"
    assert event.summary == "region us: 9 of 10 channels are in trouble"
    assert {alert.inhibited_by for alert in it.alerts() if alert is not event} == {event.id}
    assert event.impact.requests_per_minute == pytest.approx(9 * 40.0 * 0.49)


def test_what_was_only_observed_is_not_told_as_done(house: Make) -> None:
    it = house(channels=region(bad=10))
    it.minute = 1
    watching = replace(it.evidence(incidents=[f"us{n}" for n in range(9)]), acts=False)
    it.state, _ = advance(it.state, watching, it.settings)
    done = {alert.source: alert.done for alert in it.alerts()}
    assert done == {Source.EVENT: (), Source.INCIDENT: ("would run playbook server-error-burst",)}
    it.tick(2, incidents=[f"us{n}" for n in range(9)])
    assert next(one.done for one in it.alerts() if one.source is Source.EVENT) == ("acted on 9 of them",)


def test_a_provider_is_told_from_a_region(house: Make) -> None:
    it = house(channels=[*region(bad=10), *region(bad=10, where="eu")])
    it.tick(incidents=["us0", "us5", "eu0", "eu5"])
    assert [alert.labels["provider"] for alert in it.alerts() if alert.source is Source.EVENT] == ["p0"]


def test_when_everything_is_bad_it_is_one_alert(house: Make) -> None:
    it = house(channels=[*region(bad=10), *region(bad=10, where="eu")])
    it.tick(incidents=[one.id for one in it.channels])
    assert [alert.labels["kind"] for alert in it.alerts() if alert.source is Source.EVENT] == ["everywhere"]


def test_one_bad_channel_is_no_event(house: Make) -> None:
    it = house("a")
    it.tick(incidents=["a"])
    assert [alert.source for alert in it.alerts()] == [Source.INCIDENT]


def test_an_event_goes_on_until_few_are_left(house: Make) -> None:
    it = house(channels=region(bad=10))
    it.tick(incidents=[f"us{n}" for n in range(10)])
    it.tick(20, incidents=[f"us{n}" for n in range(3)])
    assert any(alert.source is Source.EVENT for alert in it.alerts())
    it.tick(4, incidents=["us0"])
    assert [alert.source for alert in it.alerts()] == [Source.INCIDENT]


def test_a_dead_channel_is_slow_too_and_that_is_not_told(house: Make) -> None:
    it = house()
    it.tick(5, incidents=["a"], anomalies=[anomaly("a")])
    told = {alert.source for notice in it.notices for alert in notice.alerts}
    assert told == {Source.INCIDENT}
    assert [alert.inhibited_by for alert in it.alerts() if alert.source is Source.ANOMALY] != [None]


def test_a_burst_within_the_wait_is_one_message(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    [notice] = it.tick(incidents=["a", "b"])
    assert [alert.channel for alert in notice.alerts] == ["a", "b"]


def test_what_is_over_before_the_wait_ends_is_not_told(house: Make) -> None:
    it = house(routes=(AlertRoute(receivers=("me",), group_wait_s=600.0),))
    it.tick(incidents=["a"])
    it.tick(20)
    assert it.notices == []


def test_a_message_says_that_it_is_over_and_how_long_it_lasted(house: Make) -> None:
    it = house()
    it.tick(10, incidents=["a"])
    it.tick(10)
    first, last = it.notices
    assert (first.reason, last.reason) == (Reason.FIRING, Reason.RESOLVED)
    assert subject(last).startswith("Over: a is in trouble")
    assert subject(last).endswith("after 10 min")


def test_reminders_come_at_their_interval_until_somebody_is_on_it(house: Make) -> None:
    it = house()
    it.tick(60 * 9, incidents=["a"])
    assert [notice.reason.value for notice in it.notices] == ["firing", "reminder", "reminder"]
    alert = it.only()
    it.state = replace(it.state, alerts={alert.fingerprint: replace(alert, acknowledged_at=it.at)})
    it.notices.clear()
    it.tick(60 * 9, incidents=["a"])
    assert it.notices == []
    it.tick(10)
    assert [notice.reason.value for notice in it.notices] == ["resolved"]


def test_what_grows_worse_is_told_again(house: Make) -> None:
    it = house()
    it.traffic = replace(it.traffic, attempts_per_minute=1.0, failure_ratio=1.0)
    it.tick(3, incidents=["a"])
    it.traffic = replace(it.traffic, attempts_per_minute=400.0)
    it.tick(10, incidents=["a"])
    assert [(notice.reason.value, notice.severity) for notice in it.notices] == [
        ("firing", Severity.WARNING),
        ("update", Severity.CRITICAL),
    ]


def test_whoever_was_told_of_a_warning_is_told_of_its_end_though_it_has_become_critical(house: Make) -> None:
    routes = (
        AlertRoute(match=("severity=critical",), receivers=("pager",)),
        AlertRoute(match=("severity=warning",), receivers=("mail",)),
    )
    it = house(receivers=("pager", "mail"), routes=routes)
    it.traffic = replace(it.traffic, attempts_per_minute=1.0, failure_ratio=1.0)
    it.tick(3, incidents=["a"])
    it.traffic = replace(it.traffic, attempts_per_minute=400.0)
    it.tick(5, incidents=["a"])
    it.tick(15)
    ends = {notice.receiver for notice in it.notices if notice.reason is Reason.RESOLVED}
    assert ends == {"pager", "mail"}


def test_a_silence_keeps_quiet_until_it_ends(house: Make) -> None:
    it = house()
    silence = Silence(id="s", matchers=("channel=a",), start_at=AT, end_at=AT + 30 * TICK, created_at=AT)
    it.state = replace(it.state, silences=(silence,))
    it.tick(29, incidents=["a"])
    assert it.only().silenced_by == "s"
    assert it.notices == []
    it.tick(3, incidents=["a"])
    assert it.only().silenced_by is None
    assert [notice.reason.value for notice in it.notices] == ["firing"]
    it.tick(24 * 60 + 60)
    assert it.state.silences == ()


def test_a_silence_of_another_channel_silences_nothing_here(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    other = Silence(id="s", matchers=("channel=b",), start_at=0.0, end_at=1e12, created_at=0.0)
    assert marked(it.state.alerts, [other], it.at) == it.state.alerts


def test_without_routes_only_what_matters_goes_to_everybody(house: Make) -> None:
    it = house(receivers=("x", "y"), routes=())
    it.tick(2, incidents=["a"])
    assert sorted(notice.receiver for notice in it.notices) == ["x", "y"]
    calm = house(receivers=("x",), routes=())
    calm.traffic = replace(calm.traffic, failure_ratio=0.0)
    calm.tick(20, incidents=["a"])
    assert calm.notices == []
    assert len(calm.alerts()) == 1


def test_the_first_route_that_matches_is_taken_unless_it_goes_on(house: Make) -> None:
    first = AlertRoute(match=("channel=a",), receivers=("x",))
    rest = AlertRoute(receivers=("y",))
    it = house(receivers=("x", "y"), routes=(first, rest))
    it.tick(2, incidents=["a"])
    assert [notice.receiver for notice in it.notices] == ["x"]
    both = house(receivers=("x", "y"), routes=(replace(first, go_on=True), rest))
    both.tick(2, incidents=["a"])
    assert sorted(notice.receiver for notice in both.notices) == ["x", "y"]


def test_a_dead_receiver_is_told_to_the_others_once(house: Make) -> None:
    it = house(receivers=("x", "y"), routes=(AlertRoute(match=("kind=incident",), receivers=("x",)),))
    it.tick(100, dead={"x": "it answers 500"})
    assert [(notice.receiver, notice.reason.value) for notice in it.notices] == [("y", "firing")]


def test_a_message_holds_what_a_person_needs(house: Make) -> None:
    it = house()
    it.tick(5, incidents=["a"])
    [notice] = it.notices
    said = body(notice, "http://127.0.0.1:8081/")
    assert subject(notice) == "[critical] a is in trouble: server error (9 of 10 attempts failed)"
    for part in (
        "Since: 2026-03-02 09:01 UTC (60 s)",
        "Users: at worst about 19.6 requests/min affected, 10 times over the usual",
        "Done: ran playbook server-error-burst",
        "To do: See the incident",
        "Dashboard: http://127.0.0.1:8081/",
        f"Message {notice.id}",
    ):
        assert part in said


def test_phases_of_alerts_that_were_never_told_stay_out_of_messages(house: Make) -> None:
    it = house()
    it.tick(3, incidents=["a"], anomalies=[anomaly("b")])
    assert all(alert.phase is not Phase.PENDING for notice in it.notices for alert in notice.alerts)
