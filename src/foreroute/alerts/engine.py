"""One tick of alerting: evidence in, alerts and due messages out. Pure; the same tick again changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from foreroute.alerts.events import events_of
from foreroute.alerts.evidence import Evidence
from foreroute.alerts.inhibit import marked
from foreroute.alerts.lifecycle import step
from foreroute.alerts.notify import flush
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.signals import STAGES, signals_of
from foreroute.alerts.values import Alert, Group, Notice, Phase, Silence, Source
from foreroute.core.feedback import AlertFeedback

_SILENCE_KEPT_S: Final = 86_400.0
_ALERTS_MAX: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """All that alerting remembers."""

    at: float = 0.0
    """The newest tick; 0: none yet."""
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    """By fingerprint."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    feedback: AlertFeedback = field(default_factory=AlertFeedback)

    def alert(self, name: str) -> Alert | None:
        """By its id."""
        return next((alert for alert in self.alerts.values() if alert.id == name), None)


def advance(
    state: AlertState, evidence: Evidence, settings: AlertSettings
) -> tuple[AlertState, tuple[Notice, ...]]:
    """The state after a tick, and the messages that are due now."""
    at = evidence.at
    if at <= state.at:
        return state, ()
    signals = signals_of(evidence, settings)
    if not evidence.is_blind:
        signals += events_of(signals, evidence.channels, state.alerts, settings)
    feedback = state.feedback.fresh(at)
    alerts = step(state.alerts, signals, at, settings, feedback=feedback, unknown=_unknown(evidence))
    silences = tuple(one for one in state.silences if at < one.end_at + _SILENCE_KEPT_S)
    alerts = marked(_bounded(alerts), silences, at)
    groups, notices = flush(state.groups, alerts.values(), at, settings)
    after = AlertState(at=at, alerts=alerts, groups=groups, silences=silences, feedback=feedback)
    return after, notices


def remarked(state: AlertState, at: float) -> AlertState:
    """The same state after a change of its silences."""
    return replace(state, alerts=marked(state.alerts, state.silences, at))


def _unknown(evidence: Evidence) -> frozenset[Source]:
    """The sources that this tick could not look at."""
    if evidence.is_blind:
        return frozenset(Source) - {Source.LOOP, Source.RECEIVER, Source.SHARED}
    missing = {source for source, stage in STAGES.items() if stage in evidence.stage_errors}
    # An event consists of incidents; without those it cannot be seen to end.
    return frozenset(missing | ({Source.EVENT} if Source.INCIDENT in missing else set()))


def _bounded(alerts: dict[str, Alert]) -> dict[str, Alert]:
    """The oldest resolved ones are forgotten when there are too many."""
    excess = len(alerts) - _ALERTS_MAX
    if excess <= 0:
        return alerts
    over = sorted(_over(alerts.values()), key=lambda alert: alert.seen_at)
    gone = {alert.fingerprint for alert in over[:excess]}
    return {name: alert for name, alert in alerts.items() if name not in gone}


def _over(alerts: Iterable[Alert]) -> Iterable[Alert]:
    return (alert for alert in alerts if alert.phase is Phase.RESOLVED)
