"""What would keep an incident from happening again: proposals from its cause and from where there was no way out. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from foreroute.control.incidents.seen import routes_of
from foreroute.core.failure import FailureClass as F
from foreroute.core.incident import SLOW, ActKind, Guard, IncidentReport, Origin
from foreroute.core.patterns import ChannelFact
from foreroute.core.plan import RoutingPlan

_BY_KIND: Final[Mapping[str, str]] = {
    F.AUTHENTICATION: "second_key",
    F.QUOTA_EXHAUSTED: "quota",
    F.PERMISSION_OR_REGION_DENIED: "permission",
    F.MODEL_NOT_FOUND: "successor",
    F.TLS_FAILURE: "certificate",
    F.RATE_LIMITED: "rate",
    F.OVERLOADED: "capacity",
    F.BACKEND_DEAD: "capacity",
    F.COLD_START: "warm",
    F.TIMEOUT_READ: "timeout",
    F.DNS_FAILURE: "resolver",
    SLOW: "hedge",
}


def guards_of(
    report: IncidentReport, plan: RoutingPlan, facts: Iterable[ChannelFact], *, acts: bool
) -> tuple[Guard, ...]:
    """At most four, the one that would have helped the most first. `acts`: the loop was allowed to move shares."""
    if report.origin is Origin.FORECAST and report.felt.lost == 0:
        return ()
    known = {fact.name: fact.value for fact in facts if fact.channel in report.channels}
    found = [*_no_way_out(report, plan), *_not_allowed(report, acts=acts), *_by_kind(report, known)]
    if report.recurrences and "peak_hour" in known:
        found.append(Guard(code="peak", values={"hour": known["peak_hour"]}))
    if report.recurrences >= 2:
        found.append(Guard(code="weight", values={"n": str(report.recurrences + 1), "name": report.name}))
    return tuple(found[:4])


def _no_way_out(report: IncidentReport, plan: RoutingPlan) -> list[Guard]:
    """Routes of which every channel was in it: nothing could have been moved."""
    routes = [
        name
        for name in sorted(routes_of(plan, report.channels))
        if all(target.channel in report.channels for target in plan.routes[name].targets)
    ]
    if not routes:
        return []
    config = f"routes:\n  - model: {routes[0]}\n    targets:\n      - {{channel: ANOTHER, priority: 1}}"
    return [
        Guard(
            code="standby",
            values={"routes": ", ".join(routes[:3]), "scope": report.scope, "name": report.name},
            config=config,
        )
    ]


def _not_allowed(report: IncidentReport, *, acts: bool) -> list[Guard]:
    proposed = any(not act.applied and act.kind is ActKind.DECISION for act in report.acts)
    return [Guard(code="act", config="autopilot: act")] if proposed and not acts else []


def _by_kind(report: IncidentReport, facts: Mapping[str, str]) -> list[Guard]:
    code = _BY_KIND.get(report.kind)
    if code is None:
        return []
    channel = min(report.channels, default="")
    values, line = _particulars(code, facts)
    if code in _ON_ROUTES:
        return [Guard(code=code, values=values, config=f"routes:\n  - model: ROUTE\n    {line}")]
    config = f"channels:\n  - id: {channel}\n    {line}" if line else ""
    return [Guard(code=code, values=values, config=config)]


_ON_ROUTES: Final = frozenset({"hedge"})


def _particulars(code: str, facts: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The values of a text, and the line of the configuration that would do it; empty where there is none."""
    found = re.search(r"\d+", facts.get("requests_per_minute", ""))
    limit = "" if found is None else found[0]
    known: dict[str, tuple[dict[str, str], str]] = {
        "successor": (
            {"model": facts.get("successor", "?")},
            f"model: {facts['successor']}" if "successor" in facts else "",
        ),
        "rate": ({"limit": limit or "?"}, f"limits: {{requests_per_minute: {limit}}}" if limit else ""),
        "quota": ({"reset": facts.get("quota_reset_at", "?")}, ""),
        "hedge": ({}, "hedge_after: 2s"),
        "timeout": ({}, "timeouts: {first_chunk: 20s}"),
    }
    return known.get(code, ({}, ""))
