"""Signals to alerts: pending, firing, resolved, with patience at both ends. Pure, and idempotent per tick."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.alerts.impact import worse
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Alert, Impact, Phase, Severity, Signal, Source
from foreroute.core.feedback import AlertFeedback

_STAY_RATIO: Final = 0.8
"""A firing alert stays while its score is above this part of the threshold that made it fire."""
_PATIENCE_S: Final = 300.0
"""What feedback multiplies for findings without a score: noise makes them last longer before they fire."""
_FLAP_DOUBLINGS_MAX: Final = 4
_DONE_MAX: Final = 5
_MOVE: Final = re.compile(r"(?P<what>.+) from (?P<start>\S+) to (?P<end>\S+)")

Alerts = Mapping[str, Alert]
"""By fingerprint: the newest episode of each trouble."""


def step(
    alerts: Alerts,
    signals: Sequence[Signal],
    at: float,
    settings: AlertSettings,
    *,
    feedback: AlertFeedback,
    unknown: frozenset[Source],
) -> dict[str, Alert]:
    """The alerts after a tick. Of sources in `unknown` nothing could be learnt, so their alerts stay as they are."""
    after = dict(alerts)
    seen: set[str] = set()
    for signal in signals:
        name = signal.fingerprint
        alert = alerts.get(name)
        factor = factor_of(feedback, signal, at)
        if not _counts(signal, alert, factor):
            continue
        seen.add(name)
        after[name] = _seen(alert, signal, at, settings, factor)
    for name, alert in alerts.items():
        if name in seen or alert.source in unknown:
            continue
        gone = _unseen(alert, at, settings)
        if gone is None:
            del after[name]
        else:
            after[name] = gone
    return after


def factor_of(feedback: AlertFeedback, signal: Signal, at: float) -> float:
    labels = signal.labels
    return feedback.factor(labels.get("channel", ""), labels.get("metric", ""), labels["kind"], at)


def clear_s(alert: Alert, settings: AlertSettings) -> float:
    """How long it must be gone: each return within a short time doubles that, so that a flapping channel is one alert."""
    return settings.resolved_after_s * 2.0 ** min(alert.reopened, _FLAP_DOUBLINGS_MAX)


def severity_of(impact: Impact, floor: Severity, settings: AlertSettings) -> Severity:
    if impact.score >= settings.impact_critical:
        return Severity.CRITICAL
    return max(
        floor,
        Severity.WARNING if impact.score >= settings.impact_warning else Severity.INFO,
        key=lambda one: one.rank,
    )


def _counts(signal: Signal, alert: Alert | None, factor: float) -> bool:
    """Whether the score is over the threshold as feedback has moved it. A detector's own threshold bounds it below."""
    if signal.ratio is None:
        return True
    is_firing = alert is not None and alert.phase is Phase.FIRING
    return signal.ratio >= factor * (_STAY_RATIO if is_firing else 1.0)


def _seen(alert: Alert | None, signal: Signal, at: float, settings: AlertSettings, factor: float) -> Alert:
    if alert is None or _is_past(alert, at, settings):
        alert = _opened(signal, at)
    elif alert.phase is Phase.RESOLVED:
        alert = replace(alert, phase=Phase.PENDING, pending_since_at=at)
    worst = worse(alert.impact, signal.impact)
    severity = severity_of(signal.impact, signal.floor, settings)
    alert = replace(
        alert,
        summary=_summary(alert, signal),
        seen_at=at,
        clear_since_at=None,
        impact=worst,
        severity=max(alert.severity, severity, key=lambda one: one.rank),
        advice=signal.advice,
        done=_done(alert, signal),
        members=tuple(sorted({*alert.members, *signal.members})),
        members_now=len(signal.members),
        incident=signal.incident or alert.incident,
    )
    patience_s = signal.hold_s
    if signal.ratio is None:
        patience_s += _PATIENCE_S * max(0.0, factor - 1.0)
    if alert.phase is Phase.PENDING and at - alert.pending_since_at >= patience_s:
        return _fired(alert, at)
    return alert


def _summary(alert: Alert, signal: Signal) -> str:
    """An event is told at its widest: how many are left is in `members_now`."""
    return alert.summary if len(signal.members) < len(alert.members) else signal.summary


def _done(alert: Alert, signal: Signal) -> tuple[str, ...]:
    """An event says of how many channels; everything else adds to what was done before."""
    if signal.source is Source.EVENT:
        return signal.done or alert.done
    return _merged(alert.done, signal.done)[-_DONE_MAX:]


def _opened(signal: Signal, at: float) -> Alert:
    return Alert(
        id=f"{signal.fingerprint}-{at:.0f}",
        fingerprint=signal.fingerprint,
        source=signal.source,
        labels=signal.labels,
        summary=signal.summary,
        since_at=signal.since_at,
        seen_at=at,
        pending_since_at=min(signal.since_at, at),
    )


def _fired(alert: Alert, at: float) -> Alert:
    again = alert.fired_at is not None
    return replace(
        alert,
        phase=Phase.FIRING,
        fired_at=at if alert.fired_at is None else alert.fired_at,
        resolved_at=None,
        reopened=alert.reopened + again,
        # Who said "I am on it" said so about the trouble that has ended since.
        acknowledged_at=None if again else alert.acknowledged_at,
        acknowledged_by="" if again else alert.acknowledged_by,
    )


def _unseen(alert: Alert, at: float, settings: AlertSettings) -> Alert | None:
    """None: it is forgotten."""
    if alert.phase is Phase.PENDING:
        return None if alert.fired_at is None else replace(alert, phase=Phase.RESOLVED)
    if alert.phase is Phase.RESOLVED:
        ended_at = alert.resolved_at if alert.resolved_at is not None else alert.seen_at
        return None if at - ended_at > settings.keep_resolved_s else alert
    since_at = alert.clear_since_at if alert.clear_since_at is not None else at
    if at - since_at >= clear_s(alert, settings):
        return replace(alert, phase=Phase.RESOLVED, clear_since_at=None, resolved_at=since_at, members_now=0)
    return replace(alert, clear_since_at=since_at)


def _is_past(alert: Alert, at: float, settings: AlertSettings) -> bool:
    """Over for so long that it would be a new alert. A flapping one is remembered for longer."""
    if alert.phase is not Phase.RESOLVED or alert.resolved_at is None:
        return False
    return at - alert.resolved_at > settings.reopen_s + clear_s(alert, settings)


def _merged(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    """Steps of one move become one: from where the first began to where the last has come."""
    found: dict[str, str] = {}
    for sentence in [*old, *new]:
        step_ = _MOVE.fullmatch(sentence)
        key = step_["what"] if step_ else sentence
        before = _MOVE.fullmatch(found.get(key, ""))
        found[key] = f"{key} from {before['start']} to {step_['end']}" if step_ and before else sentence
    return tuple(found.values())
