"""Messages for people: what, since when, how bad for users, what was done, what to do. Never a prompt, never a secret."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from foreroute.alerts.values import Alert, Notice, Phase, Reason, Severity, Source

_SHOWN_MAX: Final = 10
_MEMBERS_MAX: Final = 5
_ADVICE: Final = {
    Source.LOOP: "Look at the log of the process: the gateway goes on serving, but nothing is steered meanwhile.",
    Source.EVENT: "Look at the provider's status page. If all channels are bad, look at this machine's own network.",
    Source.INCIDENT: "See the incident on the dashboard: its evidence and the steps that were taken.",
    Source.FAILING: "Look at the channel's errors on the dashboard, and at the provider's status page.",
    Source.SLOW: "If it lasts, lower the channel's weight or give the route another channel.",
    Source.ANOMALY: "Look at the chart. If this is usual here, mark the alert as noise and it will take more next time.",
    Source.FORECAST: "Nothing has happened yet. With autopilot on act, traffic moves by itself.",
    Source.BUDGET: "Raise the limit, or move traffic to cheaper channels.",
    Source.PATTERN: "Look at it: foreroute heal patterns. It goes quiet by itself.",
    Source.EXPIRY: "Have it renewed: nothing else brings the channel back once it has ended.",
    Source.STAGE: "The other stages go on. The whole error is in the log.",
    Source.SHARED: "Look at the Redis that shared.redis names. The gateways go on, and tell it what was spent when it is back.",
    Source.RECEIVER: "Check its address and its credentials: foreroute alerts test NAME.",
}
_CAUSES: Final = {
    "authentication": "Renew the channel's API key: nothing else brings it back.",
    "quota_or_billing_exhausted": "Raise the quota or pay the bill at the provider.",
    "permission_or_region_denied": "Check the account's permissions and the region at the provider.",
    "model_not_found_or_deprecated": "The model is gone or renamed: change the channel's model.",
    "rate_limited": "Ask the provider for a higher limit, or give the route another channel.",
    "dns_failure": "Check the name in base_url and this machine's resolver.",
    "tls_failure": "Check the certificate of the channel and this machine's clock.",
    "backend_dead_or_oom": "Look at the server itself: it is down or out of memory.",
}


def advice_on(source: Source, cause: str = "") -> str:
    return _CAUSES.get(cause, _ADVICE[source])


def subject(notice: Notice) -> str:
    """One line, the outcome first."""
    if notice.reason is Reason.TEST:
        return "Foreroute: test message"
    firing = [alert for alert in notice.alerts if alert.phase is Phase.FIRING]
    first = (firing or notice.alerts)[0]
    more = len(firing or notice.alerts) - 1
    tail = f" (and {more} more)" if more else ""
    if not firing:
        return f"Over: {first.summary}{tail}, after {duration(first.duration_s(notice.at))}"
    still = "still open: " if notice.reason is Reason.REMINDER else ""
    return f"[{_worst(firing)}] {still}{first.summary}{tail}"


def body(notice: Notice, link: str = "") -> str:
    """Plain text. The last line is the message's id: one that comes twice has the same."""
    shown = [block(alert, notice.at, link) for alert in notice.alerts[:_SHOWN_MAX]]
    if len(notice.alerts) > _SHOWN_MAX:
        shown.append(f"and {len(notice.alerts) - _SHOWN_MAX} more: see the dashboard")
    tail = [f"Dashboard: {link}"] if link else []
    return "\n\n".join([*shown, "\n".join([*tail, f"Message {notice.id}"])])


def incident_link(alert: Alert, link: str) -> str:
    """Where the incident is told from beginning to end; empty when nobody can see a dashboard."""
    return f"{link.rstrip('/')}/incidents.html#{alert.incident}" if link and alert.incident else ""


def block(alert: Alert, at: float, link: str = "") -> str:
    """One alert in a few lines. `link`: the dashboard's address."""
    is_over = alert.phase is Phase.RESOLVED
    lines = [f"{'Over' if is_over else alert.severity.value.capitalize()}: {alert.summary}"]
    took = duration(alert.duration_s(at))
    lines.append(f"{'Lasted' if is_over else 'Since'}: {_span(alert, took)}")
    lines.append(f"Users: {users(alert)}")
    if alert.done:
        lines.append(f"Done: {'; '.join(alert.done)}")
    if alert.members:
        lines.append(f"Channels: {_members(alert)}")
    if not is_over and alert.advice:
        lines.append(f"To do: {alert.advice}")
    if alert.incident:
        lines.append(f"Incident: {incident_link(alert, link) or alert.incident}")
    return "\n".join([*lines, f"Alert {alert.id}"])


def users(alert: Alert) -> str:
    impact = alert.impact
    if impact.requests_per_minute <= 0:
        return "nobody is known to be affected"
    return (
        f"at worst about {impact.requests_per_minute:.3g} requests/min affected, "
        f"{impact.excess:.2g} times over the usual"
    )


def duration(seconds_: float) -> str:
    if seconds_ < 90:
        return f"{seconds_:.0f} s"
    if seconds_ < 5400:
        return f"{seconds_ / 60:.0f} min"
    return f"{seconds_ / 3600:.1f} h" if seconds_ < 172_800 else f"{seconds_ / 86_400:.1f} d"


def percent(ratio: float) -> str:
    return f"{ratio * 100:.{0 if ratio >= 0.1 or ratio == 0 else 1}f}%"


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 10 else f"{value:.1f} s"


def usd(value: Decimal) -> str:
    return f"${value:,.2f}"


def _worst(alerts: list[Alert]) -> Severity:
    return max((alert.severity for alert in alerts), key=lambda one: one.rank)


def _span(alert: Alert, took: str) -> str:
    start = _clock(alert.since_at)
    if alert.phase is Phase.RESOLVED and alert.resolved_at is not None:
        return f"{took}, {start} to {_clock(alert.resolved_at)}"
    flapping = f", came back {alert.reopened} times" if alert.reopened else ""
    return f"{start} ({took}{flapping})"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _members(alert: Alert) -> str:
    shown = ", ".join(alert.members[:_MEMBERS_MAX])
    rest = len(alert.members) - _MEMBERS_MAX
    return f"{shown} and {rest} more" if rest > 0 else shown
