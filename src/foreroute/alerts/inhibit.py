"""Which alerts say nothing new: those that another one explains, and those that somebody has silenced. Pure."""

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
    active = [silence for silence in silences if silence.is_active(at)]
    return {
        name: alert if alert.phase is Phase.RESOLVED else _marked(alert, explains, active)
        for name, alert in alerts.items()
    }


def _marked(alert: Alert, explains: Mapping[str, Alert], silences: Iterable[Silence]) -> Alert:
    silence = next((one.id for one in silences if all_match(one.matchers, alert.all_labels)), None)
    above = (
        explains.get(alert.channel) if alert.source in _RANK and alert.source is not Source.EVENT else None
    )
    inhibitor = above.id if above is not None and _RANK[above.source] < _RANK[alert.source] else None
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
