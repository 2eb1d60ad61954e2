"""What no single key can say about alerts: receivers that exist, matchers that make sense, addresses that are some."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from foreroute.alerts.matchers import LABELS, matcher
from foreroute.core.fields import BadField
from foreroute.settings.document import Path, Problem
from foreroute.settings.model import AlertRouteSettings, Settings

_ADDRESS = "is not an http or https address"


def alert_problems(settings: Settings) -> Iterator[Problem]:
    yield from _receivers(settings)
    if settings.alerts.impact_critical <= settings.alerts.impact_warning:
        message = "must be above impact_warning: critical is worse than a warning"
        yield Problem(("alerts", "impact_critical"), message, "for example: impact_critical: 100")
    names = [receiver.name for receiver in settings.alerts.receivers]
    for number, route in enumerate(settings.alerts.routes):
        yield from _route(("alerts", "routes", number), route, names)


def _receivers(settings: Settings) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, receiver in enumerate(settings.alerts.receivers):
        path: Path = ("alerts", "receivers", number)
        if receiver.name in seen:
            yield Problem(
                (*path, "name"), f"{receiver.name!r} is taken already", "give each one its own name"
            )
        seen.add(receiver.name)
        if receiver.webhook_url is not None and not is_http(receiver.webhook_url.get_secret_value()):
            hint = "its variable holds something like https://pager.example.com/hook"
            yield Problem((*path, "webhook_url"), _ADDRESS, hint)


def _route(path: Path, route: AlertRouteSettings, names: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(route.receivers):
        if name not in names:
            hint = f"receivers: {', '.join(names) or 'none'}"
            yield Problem((*path, "receivers", index), f"there is no receiver {name!r}", hint)
    for index, text in enumerate(route.match):
        try:
            matcher(text)
        except BadField as error:
            yield Problem((*path, "match", index), error.message, error.hint)
    for index, label in enumerate(route.group_by):
        if label not in LABELS:
            known = ", ".join(sorted(LABELS))
            yield Problem((*path, "group_by", index), f"there is no label {label!r}", f"known: {known}")


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
