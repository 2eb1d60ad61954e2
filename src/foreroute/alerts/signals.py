"""From one tick's findings to signals: what is wrong, how bad that is for users, what was done. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from foreroute.alerts.budget_signals import budget_signals
from foreroute.alerts.evidence import NO_TRAFFIC, Evidence
from foreroute.alerts.impact import failure_impact, latency_impact, summed
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Impact, Severity, Signal, Source
from foreroute.alerts.words import advice_on, percent, seconds
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, Decision, ReasonCode
from foreroute.core.findings import Anomaly, Incident
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import ChannelFact
from foreroute.core.series import Metric

_NAMES: Final = {
    Source.LOOP: "ForerouteLoopSilent",
    Source.EVENT: "ForerouteOutage",
    Source.INCIDENT: "ForerouteIncident",
    Source.FAILING: "ForerouteChannelFailing",
    Source.SLOW: "ForerouteChannelSlow",
    Source.ANOMALY: "ForerouteAnomaly",
    Source.FORECAST: "ForerouteBreachExpected",
    Source.BUDGET: "ForerouteBudgetOverrun",
    Source.PATTERN: "ForerouteNewFailure",
    Source.EXPIRY: "ForerouteEndsSoon",
    Source.STAGE: "ForerouteStageFailed",
    Source.RECEIVER: "ForerouteReceiverDead",
    Source.SHARED: "ForerouteSharedStateLost",
}
_CAUSES: Final = {
    ReasonCode.FORECAST: Source.FORECAST,
    ReasonCode.SLOW: Source.SLOW,
    ReasonCode.FAILING: Source.FAILING,
}
STAGES: Final = {
    Source.INCIDENT: "heal",
    Source.ANOMALY: "detect",
    Source.FORECAST: "forecast",
    Source.BUDGET: "cost",
    Source.PATTERN: "heal",
    Source.EXPIRY: "heal",
}
"""The stage without which nothing is known about a source: its silence is no sign of an end."""


def signals_of(evidence: Evidence, settings: AlertSettings) -> list[Signal]:
    """Everything but events, which are seen in these: see `events`."""
    channels = {channel.id: channel for channel in evidence.channels}
    found = [*_loop(evidence), *_receivers(evidence), *_shared(evidence)]
    if not evidence.is_blind:
        found += _incidents(evidence, channels)
        found += _causes(evidence, channels, settings)
        found += _anomalies(evidence, channels, settings)
        found += (one for budget in evidence.findings.budgets for one in budget_signals(budget, evidence.at))
        found += _news(evidence)
        found += (_expiry(fact, evidence) for fact in evidence.told.due)
        found += _stages(evidence)
    return [_with_incident(signal, evidence) for signal in found]


def _with_incident(signal: Signal, evidence: Evidence) -> Signal:
    name = evidence.about.get(ChannelId(signal.labels.get("channel", "")), "")
    return replace(signal, incident=name) if name else signal


def labels(source: Source, kind: str, **more: str) -> dict[str, str]:
    return {"alertname": _NAMES[source], "source": source.value, "kind": kind} | more


def _about(channel: Channel) -> dict[str, str]:
    return {
        "channel": channel.id,
        "provider": channel.provider,
        "cloud": channel.cloud,
        "region": channel.region,
        "model": channel.model,
    }


def _incidents(evidence: Evidence, channels: Mapping[ChannelId, Channel]) -> Iterator[Signal]:
    for incident in evidence.findings.incidents:
        channel = channels.get(incident.channel)
        if incident.closed_at is None and channel is not None:
            yield _incident(incident, channel, evidence)


def _incident(incident: Incident, channel: Channel, evidence: Evidence) -> Signal:
    cause = incident.root_cause.value
    ran = [f"{'ran' if evidence.acts else 'would run'} playbook {name}" for name in incident.playbooks_run]
    return Signal(
        source=Source.INCIDENT,
        labels=labels(Source.INCIDENT, "incident", cause=cause, **_about(channel)),
        summary=f"{channel.id} is in trouble: {cause.replace('_', ' ')} ({incident.evidence})",
        since_at=min(incident.opened_at, evidence.at),
        impact=failure_impact(evidence.traffic.get(channel.id, NO_TRAFFIC)),
        done=(*ran, *_done(evidence.decision, channel.id)),
        advice=advice_on(Source.INCIDENT, cause),
    )


def _causes(
    evidence: Evidence, channels: Mapping[ChannelId, Channel], settings: AlertSettings
) -> Iterator[Signal]:
    """Standing trouble that the decision knows of; several routes of one channel are one signal."""
    worst: dict[tuple[ChannelId, Source], Cause] = {}
    for cause in sorted(evidence.causes, key=lambda one: -one.since_at):
        source = _CAUSES.get(cause.code)
        if source is not None and cause.clear_since_at is None and cause.channel in channels:
            worst[cause.channel, source] = cause
    for (name, source), cause in worst.items():
        yield Signal(
            source=source,
            labels=labels(source, source.value, **_about(channels[name])),
            summary=f"{name}: {cause.detail}",
            since_at=min(cause.since_at, evidence.at),
            impact=_cause_impact(source, name, evidence),
            hold_s=settings.firing_after_s if source is Source.FORECAST else settings.firing_after_s / 2,
            done=_done(evidence.decision, name),
            advice=advice_on(source),
        )


def _cause_impact(source: Source, name: ChannelId, evidence: Evidence) -> Impact:
    """A breach that is only expected affects nobody yet; one that has come true does."""
    traffic = evidence.traffic.get(name, NO_TRAFFIC)
    if source is Source.FAILING:
        return failure_impact(traffic)
    limit_s = evidence.limits.get(name)
    if limit_s is not None and traffic.now_s is not None:
        return latency_impact(traffic, Metric.FIRST_CHUNK_P95, traffic.now_s, limit_s)
    return Impact()


def _anomalies(
    evidence: Evidence, channels: Mapping[ChannelId, Channel], settings: AlertSettings
) -> Iterator[Signal]:
    strangest: dict[tuple[str, str, str], Anomaly] = {}
    for anomaly in evidence.findings.anomalies:
        key = (anomaly.channel, anomaly.metric.value, str(anomaly.kind))
        if anomaly.channel in channels and anomaly.score >= strangest.get(key, anomaly).score:
            strangest[key] = anomaly
    for anomaly in strangest.values():
        yield _anomaly(anomaly, channels[anomaly.channel], evidence, settings)


def _anomaly(anomaly: Anomaly, channel: Channel, evidence: Evidence, settings: AlertSettings) -> Signal:
    traffic = evidence.traffic.get(channel.id, NO_TRAFFIC)
    metric = anomaly.metric
    is_ratio = metric is Metric.FAILURE_RATIO
    say = percent if is_ratio else seconds if "latency" in metric or "chunk" in metric else "{:.3g}".format
    impact = (
        failure_impact(traffic, usual=anomaly.expected)
        if is_ratio
        else latency_impact(traffic, metric, anomaly.value, anomaly.expected)
    )
    return Signal(
        source=Source.ANOMALY,
        labels=labels(Source.ANOMALY, str(anomaly.kind), metric=metric.value, **_about(channel)),
        summary=f"{channel.id}: {metric.value.replace('_', ' ')} is {say(anomaly.value)}, "
        f"{say(anomaly.expected)} would be usual ({anomaly.kind})",
        since_at=evidence.at,
        impact=impact,
        ratio=anomaly.score / anomaly.threshold if anomaly.threshold > 0 else None,
        hold_s=settings.firing_after_s,
        done=_done(evidence.decision, channel.id),
        advice=advice_on(Source.ANOMALY),
    )


def _news(evidence: Evidence) -> Iterator[Signal]:
    for pattern in evidence.told.news:
        seen_on = ", ".join(sorted(pattern.channels)[:3])
        yield Signal(
            source=Source.PATTERN,
            labels=labels(Source.PATTERN, "pattern", pattern=pattern.id, cause=pattern.kind.value),
            summary=f"{pattern.count} failures of a kind never seen before on {seen_on}: {pattern.text}",
            since_at=min(pattern.first_at, evidence.at),
            advice=advice_on(Source.PATTERN),
        )


def _expiry(fact: ChannelFact, evidence: Evidence) -> Signal:
    is_over = fact.expected_at is not None and fact.expected_at <= evidence.at
    return Signal(
        source=Source.EXPIRY,
        labels=labels(Source.EXPIRY, fact.name, channel=fact.channel),
        summary=f"{fact.channel}: its {fact.name} {fact.value}",
        since_at=evidence.at,
        floor=Severity.CRITICAL if is_over else Severity.WARNING,
        advice=advice_on(Source.EXPIRY),
    )


def _stages(evidence: Evidence) -> Iterator[Signal]:
    for stage, text in sorted(evidence.stage_errors.items()):
        yield Signal(
            source=Source.STAGE,
            labels=labels(Source.STAGE, "stage", stage=stage),
            summary=f"the stage {stage} fails: {_first_line(text)}",
            since_at=evidence.at,
            hold_s=2 * evidence.tick_s,
            floor=Severity.WARNING,
            advice=advice_on(Source.STAGE),
        )


def _loop(evidence: Evidence) -> Iterator[Signal]:
    if evidence.quiet_since_at is not None:
        yield Signal(
            source=Source.LOOP,
            labels=labels(Source.LOOP, "loop"),
            summary="the control loop did not tick: the gateway served the last plan, then the configured weights",
            since_at=evidence.quiet_since_at,
            floor=Severity.CRITICAL,
            advice=advice_on(Source.LOOP),
        )


def _receivers(evidence: Evidence) -> Iterator[Signal]:
    for name, why in sorted(evidence.dead_receivers.items()):
        yield Signal(
            source=Source.RECEIVER,
            labels=labels(Source.RECEIVER, "receiver", receiver=name),
            summary=f"messages do not reach the receiver {name}: {why}",
            since_at=evidence.at,
            floor=Severity.WARNING,
            advice=advice_on(Source.RECEIVER),
        )


def _shared(evidence: Evidence) -> Iterator[Signal]:
    health = evidence.shared
    if health is not None and not health.is_up:
        yield Signal(
            source=Source.SHARED,
            labels=labels(Source.SHARED, "shared"),
            summary=f"what the gateways share cannot be reached ({health.problem}): {health.without}",
            since_at=health.since_at,
            floor=Severity.CRITICAL,
            advice=advice_on(Source.SHARED),
        )


def _done(decision: Decision | None, channel: ChannelId) -> tuple[str, ...]:
    """What this tick's decision did to the channel's own share."""
    if decision is None:
        return ()
    return tuple(
        f"{'moved' if decision.applied else 'would move'} {channel} on {change.route} "
        f"from {percent(change.before)} to {percent(change.after)}"
        for change in decision.changes
        if change.channel == channel and change.after < change.before
    )


def _first_line(text: str) -> str:
    return text.splitlines()[0][:200] if text else "no reason given"


def total_impact(signals: Iterable[Signal]) -> Impact:
    return summed([signal.impact for signal in signals])
