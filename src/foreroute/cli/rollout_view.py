"""`foreroute rollout show`, for people."""

from typing import Any, Final

from foreroute.cli.say import console, table, text
from foreroute.cli.status import clock, percent

Row = dict[str, Any]
_GRADES: Final = ("helped", "no_difference", "false_alarm", "hurt", "unknown")


def show(answer: Row) -> None:
    out = console()
    made = table(
        "capability",
        "stage",
        ">helped",
        ">no difference",
        ">false alarm",
        ">hurt",
        ">not told",
        ">waiting",
        "next",
    )
    for one in answer.get("capabilities", ()):
        grades = one.get("grades", {})
        made.add_row(
            text(one.get("capability"), "bold"),
            text(one.get("stage") if one.get("exists") else "–"),
            *(text(grades.get(name, 0)) for name in _GRADES),
            text(one.get("waiting")),
            text(_next(one)),
        )
    out.print(made)
    for one in answer.get("suggestions", ()):
        out.print()
        out.print(text(f"{one.get('id')} waits for an answer until {clock(one.get('expires_at'))}", "bold"))
        out.print(text(f"  {one.get('capability')} on {one.get('route')}: {one.get('detail')}"))
        before, after = one.get("before", {}), one.get("after", {})
        for channel, share in after.items():
            out.print(text(f"  {channel}: {percent(before.get(channel))} → {percent(share)}"))


def _next(one: Row) -> str:
    if not one.get("exists"):
        return "; ".join(one.get("missing", ()))
    if one.get("next") is None:
        return "–"
    missing = one.get("missing", ())
    return f"{one['next']}: {'; '.join(missing)}" if missing else f"{one['next']}: may be raised"
