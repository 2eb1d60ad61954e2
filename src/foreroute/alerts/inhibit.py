"""Which alerts say nothing new: those that another one explains, and those that somebody has silenced. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.alerts.matchers import all_match
from foreroute.alerts.values import Alert, Phase, Silence, Source

_RANK: Final = {
    Source.EVENT: 0,
    Source.INCIDENT: 1,
    Source.FAILING: 2,
    Source.SLOW: 3,
    Source.ANOMALY: 4,
    Source.FORECAST: 5,
}
"""On one channel, a lower number explains a higher one: a dead channel is slow too."""


def marked(alerts: Mapping[str, Alert], silences: Sequence[Silence], at: float) -> dict[str, Alert]:
    """The same alerts, each with what inhibits and silences it now. Resolved ones keep their marks."""
    explains = _explanations(alerts.values())
    spent = _most_spent(alerts.values())
    active = [silence for silence in silences if silence.is_active(at)]
    return {
        name: alert if alert.phase is Phase.RESOLVED else _marked(alert, explains, spent, active)
        for name, alert in alerts.items()
    }


def _marked(
    alert: Alert, explains: Mapping[str, Alert], spent: Mapping[str, Alert], silences: Iterable[Silence]
) -> Alert:
    silence = next((one.id for one in silences if all_match(one.matchers, alert.all_labels)), None)
    above = (
        explains.get(alert.channel) if alert.source in _RANK and alert.source is not Source.EVENT else None
    )
    inhibitor = above.id if above is not None and _RANK[above.source] < _RANK[alert.source] else None
    more = spent.get(alert.labels.get("budget", "")) if alert.source is Source.BUDGET else None
    if more is not None and _part(alert) < _part(more):
        inhibitor = more.id
    if (silence, inhibitor) == (alert.silenced_by, alert.inhibited_by):
        return alert
    return replace(alert, silenced_by=silence, inhibited_by=inhibitor)


def _explanations(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """Channel → the firing alert about it that explains the most."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        if alert.phase is Phase.FIRING and alert.source in _RANK:
            for channel in alert.members if alert.source is Source.EVENT else (alert.channel,):
                if channel not in found or _RANK[alert.source] < _RANK[found[channel].source]:
                    found[channel] = alert
    return found


def _most_spent(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """Budget → the firing alert about its largest part: that 80 % is spent says that 50 % is."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        # One that is only expected to be crossed says nothing of what is spent.
        if alert.phase is Phase.FIRING and alert.source is Source.BUDGET and alert.labels["kind"] != "budget":
            name = alert.labels.get("budget", "")
            if name not in found or _part(found[name]) < _part(alert):
                found[name] = alert
    return found


def _part(alert: Alert) -> float:
    """The part of the limit that an alert is about; a crossing that is only expected is explained by the limit itself."""
    kind, _, number = alert.labels["kind"].partition("_")
    if kind == "spent" and number:
        return float(number)
    return 99.999 if kind == "budget" else math.inf
