"""Alerts to messages: routed by labels, bundled in groups, at the pace of the route. Pure.

The rules of waiting are those that operators know from Prometheus' Alertmanager: `group_wait`, `group_interval`,
`repeat_interval`. They are looked at once a tick.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.alerts.matchers import all_match
from foreroute.alerts.settings import AlertRoute, AlertSettings
from foreroute.alerts.values import Alert, Group, Notice, Phase, Reason, Severity, Source

_WORTH: Final = ("severity=critical|warning",)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an alert goes: one group of one receiver."""

    key: str
    receiver: str
    route: AlertRoute
    labels: tuple[tuple[str, str], ...]


def routes_in_force(settings: AlertSettings) -> tuple[AlertRoute, ...]:
    """Without routes, whatever is worth a message goes to every receiver."""
    if settings.routes or not settings.receivers:
        return settings.routes
    return (AlertRoute(match=_WORTH, receivers=settings.receivers),)


def flush(
    groups: Mapping[str, Group], alerts: Iterable[Alert], at: float, settings: AlertSettings
) -> tuple[dict[str, Group], tuple[Notice, ...]]:
    """The groups after this tick, and the messages that are due."""
    after: dict[str, Group] = {}
    notices: list[Notice] = []
    for key, (place, members) in sorted(_placed(groups, list(alerts), settings).items()):
        group, notice = _flush_one(groups.get(key), place, members, at)
        if group is not None:
            after[key] = group
        if notice is not None:
            notices.append(notice)
    return after, tuple(notices)


def _placed(
    groups: Mapping[str, Group], alerts: Sequence[Alert], settings: AlertSettings
) -> dict[str, tuple[_Place, list[Alert]]]:
    """The groups and their alerts. Whoever was told of an alert is told of its end too, also when the alert has
    grown worse and belongs to another route now.
    """
    routes, everybody = routes_in_force(settings), settings.receivers
    found: dict[str, tuple[_Place, dict[str, Alert]]] = {}
    for key, group in groups.items():
        if group.receiver in everybody:
            route = next(
                (one for one in routes if key.startswith(_prefix(group.receiver, one))), AlertRoute()
            )
            place = _Place(key, group.receiver, route, tuple(group.labels.items()))
            found[key] = place, {alert.id: alert for alert in alerts if alert.id in group.told}
    for alert in alerts:
        for place in _places(alert, routes, everybody):
            found.setdefault(place.key, (place, {}))[1][alert.id] = alert
    return {key: (place, list(members.values())) for key, (place, members) in found.items()}


def _places(alert: Alert, routes: Sequence[AlertRoute], everybody: Sequence[str]) -> Iterator[_Place]:
    labels = alert.all_labels
    own = alert.labels.get("receiver") if alert.source is Source.RECEIVER else None
    sent = False
    for route in routes:
        if not all_match(route.match, labels):
            continue
        for receiver in route.receivers:
            if receiver != own:
                yield _place(route, receiver, labels)
                sent = True
        if not route.go_on:
            break
    if own is not None and not sent:  # a dead receiver is told to the others, whatever the routes say
        last_resort = AlertRoute()
        for receiver in everybody:
            if receiver != own:
                yield _place(last_resort, receiver, labels)


def _place(route: AlertRoute, receiver: str, labels: Mapping[str, str]) -> _Place:
    by = tuple((name, labels.get(name, "")) for name in route.group_by)
    which = ", ".join(f'{name}="{value}"' for name, value in by)
    return _Place(f"{_prefix(receiver, route)}{{{which}}}", receiver, route, by)


def _prefix(receiver: str, route: AlertRoute) -> str:
    return f"{receiver}/{{{','.join(route.match)}}}:"


def _flush_one(
    group: Group | None, place: _Place, members: Sequence[Alert], at: float
) -> tuple[Group | None, Notice | None]:
    told = {} if group is None else dict(group.told)
    firing = [alert for alert in members if alert.phase is Phase.FIRING and _is_told(alert, told)]
    fresh = [alert for alert in firing if alert.severity.rank > _told_rank(alert, told)]
    over = [alert for alert in members if alert.phase is Phase.RESOLVED and alert.id in told]
    if group is None:
        if not fresh:
            return None, None
        labels = dict(place.labels)
        group = Group(key=place.key, receiver=place.receiver, labels=labels, waiting_since_at=at)
    elif group.sent_at is None and not firing:
        return None, None  # it was over before anybody was told
    # The end of what an open alert explains is no news; it is told with the next message.
    open_ = {alert.id for alert in firing}
    ended = [alert for alert in over if alert.inhibited_by not in open_]
    reason = _due(group, place.route, at, fresh=fresh, over=ended, firing=firing)
    if reason is not None:
        return _sent(group, reason, [*firing, *over], at)
    is_done = not firing and not over
    if is_done and group.sent_at is not None and at - group.sent_at >= place.route.group_interval_s:
        return None, None
    return group, None


def _is_told(alert: Alert, told: Mapping[str, str]) -> bool:
    """Neither silenced nor explained by another one; and nothing new is told about what is about to end, unless it has
    come back before.
    """
    if alert.silenced_by is not None or alert.inhibited_by is not None:
        return False
    return alert.clear_since_at is None or alert.reopened > 0 or alert.id in told


def _told_rank(alert: Alert, told: Mapping[str, str]) -> int:
    """How severe it was when it was told last; an alert that has grown worse is news."""
    return Severity(told[alert.id]).rank if alert.id in told else -1


def _due(
    group: Group,
    route: AlertRoute,
    at: float,
    *,
    fresh: Sequence[Alert],
    over: Sequence[Alert],
    firing: Sequence[Alert],
) -> Reason | None:
    if group.sent_at is None:
        return Reason.FIRING if fresh and at - group.waiting_since_at >= route.group_wait_s else None
    if at - group.sent_at < route.group_interval_s:
        return None
    if fresh or over:
        if not firing:
            return Reason.RESOLVED
        return Reason.UPDATE if group.told else Reason.FIRING
    open_ = any(alert.acknowledged_at is None for alert in firing)
    return Reason.REMINDER if open_ and at - group.sent_at >= route.repeat_interval_s else None


def _sent(group: Group, reason: Reason, alerts: Sequence[Alert], at: float) -> tuple[Group, Notice]:
    over = {alert.id for alert in alerts if alert.phase is Phase.RESOLVED}
    # What was told before and is muted now stays known, so that its end can be told.
    told = {name: severity for name, severity in group.told.items() if name not in over}
    told |= {alert.id: alert.severity.value for alert in alerts if alert.id not in over}
    notice = Notice(
        id=_id_of(group, at),
        receiver=group.receiver,
        group_key=group.key,
        group_labels=group.labels,
        reason=reason,
        at=at,
        alerts=tuple(sorted(alerts, key=_importance)),
    )
    return replace(group, sent_at=at, told=told, sequence=group.sequence + 1), notice


def _importance(alert: Alert) -> tuple[bool, int, float, str]:
    return alert.phase is Phase.RESOLVED, -alert.severity.rank, alert.since_at, alert.id


def _id_of(group: Group, at: float) -> str:
    return hashlib.sha256(f"{group.key}\n{group.sequence}\n{at:.3f}".encode()).hexdigest()[:16]
