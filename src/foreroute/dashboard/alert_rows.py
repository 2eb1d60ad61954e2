"""Alerts, silences and deliveries as JSON rows."""

from collections.abc import Sequence
from typing import Any

from foreroute.alerts.delivery import Delivery
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.values import Alert, Phase, Silence
from foreroute.core.mute import Mute

Row = dict[str, Any]


def state_of(alert: Alert) -> str:
    """One word for people: what is the matter with it, before what it is."""
    if alert.phase is not Phase.FIRING:
        return alert.phase.value
    if alert.silenced_by is not None:
        return "silenced"
    if alert.inhibited_by is not None:
        return "explained"
    return "acknowledged" if alert.acknowledged_at is not None else "firing"


def alert_row(alert: Alert, desk: AlertDesk, at: float) -> Row:
    labels = alert.labels
    feedback = desk.feedback
    vote = feedback.of(alert.id)
    factor = feedback.factor(labels.get("channel", ""), labels.get("metric", ""), labels.get("kind", ""), at)
    return {
        "id": alert.id,
        "state": state_of(alert),
        "phase": alert.phase.value,
        "source": alert.source.value,
        "severity": alert.severity.value,
        "labels": dict(labels),
        "summary": alert.summary,
        "since_at": alert.since_at,
        "seen_at": alert.seen_at,
        "fired_at": alert.fired_at,
        "clear_since_at": alert.clear_since_at,
        "resolved_at": alert.resolved_at,
        "duration_s": alert.duration_s(at),
        "impact": {
            "requests_per_minute": alert.impact.requests_per_minute,
            "excess": alert.impact.excess,
        },
        "members": list(alert.members),
        "members_now": alert.members_now,
        "done": list(alert.done),
        "advice": alert.advice,
        "flapping": alert.is_flapping,
        "reopened": alert.reopened,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "silenced_by": alert.silenced_by,
        "inhibited_by": alert.inhibited_by,
        "incident": alert.incident or None,
        "feedback": None if vote is None else "useful" if vote.useful else "noise",
        "threshold_factor": factor,
    }


def in_order(alerts: Sequence[Alert]) -> list[Alert]:
    """What needs somebody first: firing before the rest, the worst first, then the newest."""
    order = ["firing", "acknowledged", "pending", "silenced", "explained", "resolved"]
    return sorted(
        alerts, key=lambda one: (order.index(state_of(one)), -one.severity.rank, -one.since_at, one.id)
    )


def silence_row(silence: Silence, at: float) -> Row:
    state = "active" if silence.is_active(at) else "ended" if at >= silence.end_at else "planned"
    return {
        "id": silence.id,
        "state": state,
        "matchers": list(silence.matchers),
        "start_at": silence.start_at,
        "end_at": silence.end_at,
        "created_at": silence.created_at,
        "author": silence.author,
        "comment": silence.comment,
    }


def mute_row(mute: Mute, at: float) -> Row:
    state = "ended" if at >= mute.end_at else "active" if mute.start_at <= at else "planned"
    return {
        "id": mute.id or None,
        "state": state,
        "channel": mute.channel,
        "start_at": mute.start_at,
        "end_at": mute.end_at,
        "reason": mute.reason.value,
        "because": mute.because,
        "author": mute.author,
        "from_settings": not mute.id,
    }


def delivery_row(delivery: Delivery) -> Row:
    notice = delivery.notice
    return {
        "id": notice.id,
        "receiver": notice.receiver,
        "reason": notice.reason.value,
        "at": notice.at,
        "state": delivery.state,
        "tries": delivery.tries,
        "sent_at": delivery.sent_at,
        "error": delivery.error,
        "alerts": [alert.id for alert in notice.alerts],
    }
