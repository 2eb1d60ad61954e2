"""How alerts look on a terminal."""

from datetime import UTC, datetime
from typing import Any, Final

from foreroute.cli.say import console, table, text

_STYLES: Final = {
    "firing": "red",
    "acknowledged": "yellow",
    "pending": "yellow",
    "resolved": "green",
    "silenced": "dim",
    "explained": "dim",
}
_RESOLVED_SHOWN: Final = 5

Row = dict[str, Any]


def show_alerts(answer: Row) -> None:
    out = console()
    if answer.get("enabled") is False:
        out.print("Alerts are switched off: alerts.enabled is false")
        return
    rows: list[Row] = answer.get("alerts", [])
    over = [row for row in rows if row.get("state") == "resolved"]
    shown = [row for row in rows if row.get("state") != "resolved"] + over[:_RESOLVED_SHOWN]
    if shown:
        made = table("id", "state", "severity", "since", ">for", ">users/min", "what")
        for row in shown:
            state = str(row.get("state"))
            made.add_row(
                text(row.get("id"), "bold"),
                text(state, _STYLES.get(state, "")),
                text(row.get("severity")),
                text(_clock(row.get("since_at"))),
                text(_took(row.get("duration_s"))),
                text(_users(row)),
                text(row.get("summary")),
            )
        out.print(made)
    else:
        out.print("Nothing is wrong that would be worth an alert.")
    _show_receivers(answer.get("receivers", []))


def show_one(row: Row) -> None:
    impact = row.get("impact") or {}
    users = (
        f"{_users(row)} requests/min at worst, {float(impact.get('excess') or 0):.2g} times over the usual"
    )
    lines = [
        ("id", row.get("id")),
        ("state", row.get("state")),
        ("severity", row.get("severity")),
        ("what", row.get("summary")),
        ("since", f"{_clock(row.get('since_at'))}, for {_took(row.get('duration_s'))}"),
        ("users", users),
        ("done", "; ".join(row.get("done") or []) or "nothing"),
        ("to do", row.get("advice")),
        ("channels", ", ".join(row.get("members") or []) or (row.get("labels") or {}).get("channel", "–")),
        ("acknowledged", row.get("acknowledged_by") or ("yes" if row.get("acknowledged_at") else "no")),
        (
            "feedback",
            f"{row.get('feedback') or 'none'}, threshold × {float(row.get('threshold_factor') or 1):.2f}",
        ),
    ]
    out = console()
    for name, value in lines:
        out.print(text(f"{name:>13}", "dim"), text(value))
    for one in row.get("deliveries") or []:
        said = f"{one.get('state')} to {one.get('receiver')} ({one.get('reason')}, {_clock(one.get('at'))})"
        error = f": {one['error']}" if one.get("error") else ""
        out.print(text(f"{'message':>13}", "dim"), text(said + error))


def show_silences(rows: list[Row]) -> None:
    if not rows:
        console().print("There are no silences: foreroute alerts silence MATCHER --for 1h")
        return
    made = table("id", "state", "matchers", "until", "by", "comment")
    for row in rows:
        made.add_row(
            text(row.get("id"), "bold"),
            text(row.get("state")),
            text(" ".join(row.get("matchers") or [])),
            text(_clock(row.get("end_at"))),
            text(row.get("author") or "–"),
            text(row.get("comment") or "–"),
        )
    console().print(made)


def show_mutes(rows: list[Row]) -> None:
    if not rows:
        console().print("There are no mutes: foreroute alerts mute CHANNEL --for 1h")
        return
    made = table("id", "state", "channel", "what", "until", "by", "because")
    for row in rows:
        made.add_row(
            text(row.get("id") or "settings", "bold"),
            text(row.get("state")),
            text(row.get("channel")),
            text(row.get("reason")),
            text(_clock(row.get("end_at"))),
            text(row.get("author") or "–"),
            text(row.get("because") or "–"),
        )
    console().print(made)


def _show_receivers(rows: list[Row]) -> None:
    out = console()
    if not rows:
        out.print(text("No receivers: nobody is told. See alerts.receivers in docs/alerts.md.", "dim"))
        return
    out.print()
    made = table("receiver", "kind", "state", ">waiting", ">sent", ">dropped", "last error")
    for row in rows:
        bad = row.get("state") != "ok"
        made.add_row(
            text(row.get("name"), "bold"),
            text(row.get("kind")),
            text(row.get("state"), "red" if bad else "green"),
            text(row.get("waiting")),
            text(row.get("sent")),
            text(row.get("dropped")),
            text(row.get("error") or "–"),
        )
    out.print(made)


def _users(row: Row) -> str:
    affected = float((row.get("impact") or {}).get("requests_per_minute") or 0.0)
    return f"{affected:.3g}"


def _clock(at: Any) -> str:
    if not isinstance(at, int | float):
        return "–"
    return datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M UTC")


def _took(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
