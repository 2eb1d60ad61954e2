"""Pending, firing, resolved: with patience at both ends, and whatever a source does not know stays as it is."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.conftest import AT, TICK, House, anomaly, budget, cause, channel, incident

from foreroute.alerts.engine import AlertState, advance
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Phase, Severity, Source
from foreroute.core.channel import Channel
from foreroute.core.decision import Reason, ReasonCode, ShareChange
from foreroute.core.feedback import AlertFeedback, Vote
from foreroute.core.findings import Findings, Incident
from foreroute.core.ids import ChannelId, RouteName

Make = Callable[..., House]


def test_an_anomaly_waits_before_it_fires(house: Make) -> None:
    it = house()
    phases = []
    for _ in range(4):
        it.tick(anomalies=[anomaly("a")])
        phases.append(it.only().phase)
    assert phases == [Phase.PENDING, Phase.PENDING, Phase.FIRING, Phase.FIRING]
    assert it.only().since_at == AT + TICK


def test_a_blip_is_forgotten(house: Make) -> None:
    it = house()
    it.tick(anomalies=[anomaly("a")])
    it.tick()
    assert it.state.alerts == {}
    assert it.notices == []


def test_it_is_over_only_when_the_sign_stays_away_and_then_ends_when_the_sign_went(house: Make) -> None:
    it = house()
    it.tick(3, anomalies=[anomaly("a")])
    it.tick(2)
    assert it.only().phase is Phase.FIRING
    it.tick(anomalies=[anomaly("a")])
    it.tick(3)
    assert it.only().phase is Phase.FIRING
    it.tick()
    assert it.only().phase is Phase.RESOLVED
    assert it.only().resolved_at == AT + 7 * TICK


def test_an_incident_fires_at_once(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    assert it.only().phase is Phase.FIRING
    assert it.only().done == ("ran playbook server-error-burst",)


def test_a_firing_anomaly_may_weaken_a_little(house: Make) -> None:
    """Feedback has raised the threshold to 1.3 × 4: a score of 5 does not fire, 4.5 keeps it up."""
    it = house()
    votes = AlertFeedback().with_vote(
        Vote(alert="x", channel="a", metric="first_chunk_p95", kind="spike", useful=False, at=AT)
    )
    it.state = AlertState(feedback=votes)
    it.tick(5, anomalies=[anomaly("a", score=5.0)])
    assert it.state.alerts == {}
    it.tick(3, anomalies=[anomaly("a", score=5.3)])
    assert it.only().phase is Phase.FIRING
    it.tick(5, anomalies=[anomaly("a", score=4.5)])
    assert it.only().clear_since_at is None
    it.tick(anomalies=[anomaly("a", score=4.1)])
    assert it.only().clear_since_at is not None


def test_noise_makes_what_has_no_score_wait_longer(house: Make) -> None:
    it = house()
    vote = Vote(alert="x", channel="a", metric="", kind="incident", useful=False, at=AT)
    it.state = AlertState(feedback=AlertFeedback(votes=(vote,)))
    open_ = incident("a", opened_at=AT + TICK)
    phases = []
    for minute in range(1, 4):
        it.minute = minute
        evidence = replace(it.evidence(), findings=Findings(incidents=(open_,)))
        it.state, _ = advance(it.state, evidence, it.settings)
        phases.append(it.only().phase)
    assert phases == [Phase.PENDING, Phase.PENDING, Phase.FIRING]


@pytest.mark.parametrize(
    ("stage", "what"),
    [("heal", {"incidents": ["a"]}), ("detect", {"anomalies": [anomaly("a")]}), ("cost", {"budgets": [budget(200, 300)]})],
)  # fmt: skip
def test_a_stage_that_fails_ends_no_alert(house: Make, stage: str, what: dict[str, object]) -> None:
    it = house()
    it.tick(4, **what)
    it.tick(30, errors={stage: "ValueError: out of order"})
    found = [alert for alert in it.alerts() if alert.source is not Source.STAGE]
    assert len(found) == 1
    assert [alert.labels["stage"] for alert in it.alerts() if alert.source is Source.STAGE] == [stage]


def test_a_trouble_that_returns_soon_is_the_same_alert_and_needs_longer_to_be_believed_gone(
    house: Make,
) -> None:
    it = house()
    it.tick(incidents=["a"])
    first = it.only().id
    it.tick(4)
    assert it.only().phase is Phase.RESOLVED
    it.tick(incidents=["a"])
    assert it.only().id == first
    assert it.only().reopened == 1
    it.tick(6)
    assert it.only().phase is Phase.FIRING
    it.tick(2)
    assert it.only().phase is Phase.RESOLVED


def test_much_later_it_is_another_alert(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    first = it.only().id
    it.tick(60)
    it.tick(incidents=["a"])
    assert it.only().id != first
    assert it.only().reopened == 0


def test_a_flapping_channel_is_few_messages(house: Make) -> None:
    """Bad for two minutes of every ten, all day long: 144 times."""
    it = house()
    for _ in range(144):
        it.tick(2, incidents=["a"])
        it.tick(8)
    assert it.only().is_flapping
    reasons = [notice.reason.value for notice in it.notices]
    assert len(reasons) <= 15
    assert reasons.count("reminder") >= 5


@pytest.mark.parametrize(
    ("traffic", "severity"),
    [
        (Traffic(attempts_per_minute=40.0, failure_ratio=0.5), Severity.CRITICAL),
        (Traffic(attempts_per_minute=1.2, failure_ratio=1.0), Severity.WARNING),
        (Traffic(attempts_per_minute=40.0, failure_ratio=0.01), Severity.INFO),
        (Traffic(), Severity.INFO),
    ],
)
def test_severity_follows_what_users_feel(house: Make, traffic: Traffic, severity: Severity) -> None:
    it = house()
    it.traffic = traffic
    it.tick(incidents=["a"])
    assert it.only().severity is severity


def test_severity_does_not_go_down_when_traffic_has_moved_away(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    it.traffic = Traffic(attempts_per_minute=1.0, failure_ratio=1.0)
    it.tick(incidents=["a"])
    assert it.only().severity is Severity.CRITICAL
    assert it.only().impact.requests_per_minute == pytest.approx(40.0 * 0.49)


@pytest.mark.parametrize(
    ("code", "source"),
    [
        (ReasonCode.FORECAST, Source.FORECAST),
        (ReasonCode.SLOW, Source.SLOW),
        (ReasonCode.FAILING, Source.FAILING),
    ],
)
def test_standing_causes_of_the_decision_are_alerts(house: Make, code: ReasonCode, source: Source) -> None:
    it = house()
    it.tick(3, causes=[cause("a", code)])
    assert [alert.source for alert in it.alerts()] == [source]
    it.tick(4, causes=[replace(cause("a", code), clear_since_at=AT)])
    assert it.alerts() == []


def test_a_spent_budget_is_critical_and_one_that_is_heading_there_a_warning(house: Make) -> None:
    it = house()
    it.tick(7, budgets=[budget(20, 150)])
    assert it.only().severity is Severity.WARNING
    it.tick(budgets=[budget(101, 150)])
    assert it.only().severity is Severity.CRITICAL


def test_a_gap_of_the_loop_is_an_alert_that_says_since_when(house: Make) -> None:
    it = house()
    it.tick()
    gap = replace(it.evidence(), at=it.at + 3600.0, quiet_since_at=it.at)
    it.state, _ = advance(it.state, gap, it.settings)
    assert it.only().source is Source.LOOP
    assert it.only().since_at == it.at


def test_a_channel_that_left_the_configuration_has_no_open_alert(house: Make) -> None:
    it = house()
    it.tick(incidents=["a"])
    it.channels = [channel("b")]
    it.tick(5, incidents=["a"])
    assert it.alerts() == []


_FINDINGS = st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=40)


@given(_FINDINGS)
def test_the_same_tick_again_changes_nothing_and_phases_are_consistent(ticks: list[set[str]]) -> None:
    channels = tuple(channel(name, region="us" if name < "d" else "eu") for name in "abcdef")
    settings = AlertSettings(receivers=("me",))
    state = AlertState()
    ids: set[str] = set()
    for number, bad in enumerate(ticks):
        evidence = _evidence(channels, [incident(name) for name in sorted(bad)], AT + number * TICK)
        state, notices = advance(state, evidence, settings)
        assert advance(state, evidence, settings) == (state, ())
        assert not ids & {notice.id for notice in notices}
        ids |= {notice.id for notice in notices}
        for alert in state.alerts.values():
            assert (alert.phase is Phase.RESOLVED) == (
                alert.resolved_at is not None and alert.phase is not Phase.PENDING
            )
            assert alert.phase is not Phase.FIRING or alert.fired_at is not None
            assert alert.resolved_at is None or alert.resolved_at >= alert.since_at


def _evidence(channels: tuple[Channel, ...], incidents: list[Incident], at: float) -> Evidence:
    return Evidence(at=at, tick_s=TICK, channels=channels, findings=Findings(incidents=tuple(incidents)))


def test_the_steps_of_one_move_are_told_as_one(house: Make) -> None:
    it = house()
    changes = [(0.5, 0.35), (0.35, 0.2), (0.2, 0.03)]
    for minute, (before, after) in enumerate(changes, start=1):
        it.minute = minute
        evidence = it.evidence(causes=[cause("a", ReasonCode.FAILING)])
        assert evidence.decision is not None
        change = ShareChange(
            route=RouteName("chat"),
            channel=ChannelId("a"),
            before=before,
            after=after,
            reason=Reason(ChannelId("a"), ReasonCode.FAILING, "bad"),
        )
        moved = replace(evidence, decision=replace(evidence.decision, changes=(change,)))
        it.state, _ = advance(it.state, moved, it.settings)
    assert it.only().done == ("moved a on chat from 50% to 3.0%",)
