"""`foreroute heal tune`, for people."""

from typing import Any, Final

from foreroute.cli.say import console, table, text
from foreroute.cli.status import clock

Row = dict[str, Any]
_HISTORY: Final = 10


def show(answer: Row, *, explain: bool) -> None:
    out = console()
    if not answer.get("enabled"):
        out.print(text("nothing is tuned here: tuning.parameters is empty"))
        return
    if answer.get("held"):
        out.print(text(f"Nothing moves by itself: {answer['held']}."))
    rows = answer.get("parameters", [])
    if not rows:
        out.print(text("nothing is known yet: it looks with the control loop's ticks"))
        return
    if explain:
        for row in rows:
            _explain(row, answer.get("history", []))
        return
    made = table("channel", "parameter", ">configured", ">in force", ">proposed", "why")
    for row in rows:
        made.add_row(
            text(row["channel"]),
            text(row["parameter"], "bold"),
            text(_value(row, "configured")),
            text(_value(row, "current"), "bold" if row.get("tuned") else ""),
            text(_value(row, "proposal") if row.get("proposal") else "–"),
            text(row.get("trial") or row.get("reason")),
        )
    out.print(made)


def _explain(row: Row, history: list[Row]) -> None:
    out = console()
    out.print(text(f"{row['channel']} {row['parameter']}", "bold"))
    kind = "tuned" if row.get("tuned") else "as configured"
    out.print(text(f"  in force   {_value(row, 'current')} ({kind}; configured {_value(row, 'configured')})"))
    proposal = "nothing"
    if row.get("proposal"):
        proposal = f"{_value(row, 'proposal')}, on the way to {_value(row, 'wanted')}"
    out.print(text(f"  proposed   {proposal}"))
    out.print(text(f"  because    {row.get('reason')}"))
    if evidence := row.get("evidence"):
        said = ", ".join(f"{name} {value:.4g}" for name, value in evidence.items())
        out.print(text(f"  evidence   {said}"))
    if row.get("trial"):
        out.print(text(f"  on trial   {row['trial']}"))
    for rail in row.get("rails", ()):
        out.print(text(f"  bounded    {rail}"))
    mine = [
        one for one in history if (one["channel"], one["parameter"]) == (row["channel"], row["parameter"])
    ]
    for one in mine[:_HISTORY]:
        out.print(text(f"  {clock(one['at'])}   {_told(row, one)}"))
    if row.get("undo"):
        out.print(text(f"  undo       {row['undo']}"))
    out.print()


def _told(row: Row, one: Row) -> str:
    unit = row.get("unit", "")
    said = f"{one['event']} by the {one['actor']}: {_number(one['old'], unit)} to {_number(one['new'], unit)}"
    why = one.get("canary") or one.get("reason")
    return f"{said} ({why})" if why else said


def _value(row: Row, name: str) -> str:
    said = _number(row.get(name) or {}, row.get("unit", ""))
    setting = row.get(name) or {}
    if setting.get("per_1000_tokens"):
        said += f" ({setting['base']:.3g} s + {setting['per_1000_tokens']:.3g} s per 1000 {row.get('by_tokens')} tokens)"
    return said


def _number(setting: Row, unit: str) -> str:
    value = setting.get("value")
    if value is None:
        return "no limit"
    return f"{value:.4g} s" if unit == "s" else f"{value:.4g}"
