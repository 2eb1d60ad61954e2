"""`foreroute status`: one screen that says how things are, first in a sentence, then in numbers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from foreroute.cli.exits import ExitCode
from foreroute.cli.language import known, say
from foreroute.cli.say import console, table, text

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_STYLES: Final = {
    "excellent": "green",
    "good": "green",
    "degraded": "yellow",
    "poor": "red",
    "offline": "bold red",
    "unknown": "dim",
}
_UNWELL: Final = ("degraded", "poor", "offline")
_UNKNOWN: Final = "–"

Row = dict[str, Any]


def exit_code(status: Row, *, fail_on_budget: bool) -> ExitCode:
    if not _loop_lives(status) or any(_is_down(route, status) for route in status.get("routes", ())):
        return ExitCode.UNHEALTHY
    if fail_on_budget and any(_spent(budget) for budget in status.get("budgets", ())):
        return ExitCode.BUDGET
    return ExitCode.OK


def show(status: Row) -> None:
    out = console()
    out.print(text(headline(status), "bold"))
    out.print(text(_subline(status), "dim"))
    out.print()
    out.print(_channels(status))
    out.print()
    for line in (*_budgets(status), *_troubles(status), *_record(status)):
        out.print(line)


def headline(status: Row) -> str:
    """The state in one sentence, worst news first."""
    channels = status.get("channels", [])
    if not _loop_lives(status):
        return say("status.dead")
    down = [str(route.get("name")) for route in status.get("routes", ()) if _is_down(route, status)]
    if down:
        return say("status.none_left", routes=", ".join(down))
    if status.get("kill_switch"):
        return say("status.kill_switch")
    unwell = [
        say("status.is", channel=row.get("id"), health=_health(row))
        for row in channels
        if row.get("health") in _UNWELL
    ]
    moved = [str(row.get("id")) for row in channels if (row.get("why") or {}).get("code") == "forecast"]
    if moved:
        others = f"; {', '.join(unwell)}" if unwell else ""
        return say("status.moved", channels=", ".join(moved), others=others)
    if unwell:
        return say("status.unwell", count=len(unwell), total=len(channels), unwell=", ".join(unwell))
    return say("status.well", total=len(channels))


def _health(row: Row) -> str:
    word = str(row.get("health"))
    return say(f"health.{word}") if known(f"health.{word}") else word


def clock(at: float | None) -> str:
    """An instant for the eye, in UTC, with its date."""
    return _UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M UTC")


def duration(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def percent(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0%}"


def _loop_lives(status: Row) -> bool:
    return bool((status.get("loop") or {}).get("alive"))


def _is_down(route: Row, status: Row) -> bool:
    health = {row.get("id"): row.get("health") for row in status.get("channels", ())}
    grades = [health.get(target.get("channel")) for target in route.get("targets", ())]
    return bool(grades) and all(grade == "offline" for grade in grades)


def _subline(status: Row) -> str:
    plan = status.get("plan") or {}
    parts = [
        f"{clock(status.get('at'))}",
        say("status.autopilot", mode=status.get("autopilot")),
        say("status.plan", version=plan.get("version"), until=clock(plan.get("valid_until"))),
        say("status.ticks", count=status.get("ticks")),
        f"foreroute {status.get('version')}",
    ]
    return "  ·  ".join([*parts, say("status.demo")] if status.get("demo") else parts)


def _channels(status: Row) -> "Table":
    made = table(*say("status.columns").split("|"))
    shares = _shares(status.get("routes", ()))
    for row in status.get("channels", ()):
        health = str(row.get("health"))
        made.add_row(
            text(row.get("id"), "bold"),
            text(_health(row), _STYLES.get(health, "")),
            duration(row.get("now_s")),
            duration(row.get("in15_s")),
            duration(row.get("in60_s")),
            percent(row.get("failure_ratio")),
            text("\n".join(shares.get(str(row.get("id")), [_UNKNOWN]))),
            text(_why(row.get("why"))),
        )
    return made


def _shares(routes: Sequence[Row]) -> dict[str, list[str]]:
    """Each channel's share, with the configured one where they differ, and the route where there are several."""
    found: dict[str, list[str]] = {}
    for route in routes:
        prefix = f"{route.get('name')} " if len(routes) > 1 else ""
        for target in route.get("targets", ()):
            share, configured = target.get("share") or 0.0, target.get("configured_share") or 0.0
            was = (
                f" {say('status.of', share=f'{configured:.0%}')}" if abs(share - configured) >= 0.005 else ""
            )
            found.setdefault(str(target.get("channel")), []).append(f"{prefix}{share:.0%}{was}")
    return found


def _why(why: Row | None) -> str:
    return "" if not why else f"{why.get('code')}: {why.get('detail')}"


def _spent(budget: Row) -> bool:
    return float(budget.get("spent_usd") or 0) > float(budget.get("limit_usd") or 0)


def _budgets(status: Row) -> Iterator["Text"]:
    for budget in status.get("budgets", ()):
        projected, limit = budget.get("projected_usd"), float(budget.get("limit_usd") or 0)
        line = say(
            "status.budget",
            name=budget.get("name"),
            spent=_money(budget.get("spent_usd")),
            limit=_money(limit),
        )
        if projected is not None:
            line += f", {say('status.projected', amount=_money(projected))}"
            low, high = budget.get("projected_lower_usd"), budget.get("projected_upper_usd")
            if low is not None and high is not None:
                line += f" {say('status.between', low=_money(low), high=_money(high))}"
            line += f" {say('status.by', at=clock(budget.get('period_end_at')))}"
        if _spent(budget):
            yield text(say("status.spent", budget=line), "bold red")
        elif projected is not None and float(projected) > limit:
            yield text(say("status.overrun", budget=line), "yellow")
        else:
            yield text(line)


def _money(value: object) -> str:
    return f"{float(str(value or 0)):,.2f}"


def _troubles(status: Row) -> Iterator["Text"]:
    for incident in status.get("incidents", ()):
        if incident.get("closed_at") is None and incident.get("state") not in ("closed", "recovered"):
            since = clock(incident.get("opened_at"))
            cause = incident.get("root_cause")
            yield text(say("status.incident", channel=incident.get("channel"), cause=cause, at=since), "red")
    for stage, error in ((status.get("loop") or {}).get("stage_errors") or {}).items():
        yield text(say("status.stage", stage=stage, error=error), "yellow")


def _record(status: Row) -> Iterator["Text"]:
    record = status.get("forecast_record") or {}
    error, naive = record.get("mean_absolute_error"), record.get("naive_mean_absolute_error")
    if error is None or naive is None:
        yield text(say("status.ungraded"), "dim")
        return
    yield text(
        say(
            "status.record",
            made=record.get("made"),
            graded=record.get("graded"),
            error=duration(error),
            naive=duration(naive),
        ),
        "dim",
    )
