"""The answer of a replay, as JSON and for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from foreroute.app.replay import ReplayReport, RouteReport
from foreroute.cli.say import console, table, text
from foreroute.cli.status import clock
from foreroute.control.offpolicy import Estimate, Interval
from foreroute.control.replay import Differing
from foreroute.control.replay_traffic import COST, DELAY, FAILED, LATE
from foreroute.core.decision import ShareChange

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]
ASSUMED: Final = (
    "the channels would have been as fast and as sound under the other shares",
    "what comes after a request's first channel, such as a failover, stays as it was",
    "forecasts, anomalies and playbooks stay as logged: settings of forecast, detect, heal and loop change nothing",
)
_NAMES: Final = {COST: "cost per 1000", FAILED: "failed", DELAY: "mean delay", LATE: "failed or late"}
_SHOWN: Final = 12


def answer_of(report: ReplayReport) -> Row:
    course = report.course
    return {
        "start_at": report.start_at,
        "end_at": report.end_at,
        "ticks": report.ticks,
        "ticks_unreadable": report.unreadable,
        "settings_differ": list(report.settings_differ),
        "decisions": {
            "logged": course.logged_decisions,
            "candidate": course.candidate_decisions,
            "differing": [_differing(one) for one in course.differing],
        },
        "routes": [
            {
                "route": one.route,
                "requests": one.requests,
                "without_chance": one.without_chance,
                "estimates": [asdict(estimate) for estimate in one.estimates],
            }
            for one in report.routes
        ],
        "assumed": list(ASSUMED),
    }


def _differing(one: Differing) -> Row:
    return {
        "at": one.at,
        "logged": [_change(change) for change in one.logged],
        "candidate": [_change(change) for change in one.candidate],
    }


def _change(change: ShareChange) -> Row:
    return {
        "route": change.route,
        "channel": change.channel,
        "before": change.before,
        "after": change.after,
        "code": change.reason.code.value,
        "detail": change.reason.detail,
    }


def show(report: ReplayReport) -> None:
    out, course = console(), report.course
    out.print(
        text(
            f"{report.ticks} ticks decided again: {course.logged_decisions} changes as logged, "
            f"{course.candidate_decisions} with the candidate, {len(course.differing)} ticks differ.",
            "bold",
        )
    )
    for line in report.settings_differ:
        out.print(text(f"  {line}"))
    if report.unreadable:
        out.print(text(f"  {report.unreadable} ticks of another version are left out", "yellow"))
    if course.differing:
        out.print()
        out.print(_differences(course.differing[:_SHOWN]))
        if len(course.differing) > _SHOWN:
            out.print(text(f"{len(course.differing) - _SHOWN} more: --json has all of them", "dim"))
    for route in report.routes:
        out.print()
        out.print(text(headline(route), "bold"))
        out.print(_estimates(route.estimates))
    if report.routes:
        out.print(text("\nIntervals are 95 %. Assumed: " + "; ".join(ASSUMED) + ".", "dim"))
    else:
        out.print(text("\nNo request is on record in this time: nothing can be said of cost and delay."))


def headline(route: RouteReport) -> str:
    said = f"{route.route}: {route.requests} requests"
    if route.without_chance:
        said += f"; {route.without_chance} more were not drawn by chance and are left out"
    return said


def _differences(differing: Sequence[Differing]) -> "Table":
    made = table("at", "as logged", "with the candidate")
    for one in differing:
        made.add_row(clock(one.at), text(_moves(one.logged)), text(_moves(one.candidate)))
    return made


def _moves(changes: Sequence[ShareChange]) -> str:
    moved = sorted(changes, key=lambda one: -abs(one.after - one.before))[:3]
    said = [f"{one.channel} {one.before:.0%} → {one.after:.0%} ({one.reason.code})" for one in moved]
    return ", ".join(said) or "nothing"


def _estimates(estimates: Sequence[Estimate]) -> "Table":
    made = table("", ">as served", ">with the candidate", ">difference", ">without a model", ">worth")
    for one in estimates:
        name = text(_NAMES[one.measure], "bold")
        if one.refused is not None:
            made.add_row(name, "", text(f"no number: {one.refused}", "yellow"), "", "", "")
            continue
        made.add_row(
            name,
            _interval(one.measure, one.logged),
            _interval(one.measure, one.candidate),
            _interval(one.measure, one.difference, signed=True),
            _number(one.measure, one.self_normalised),
            text(f"{one.effective:.0f} requests"),
        )
    return made


def _interval(measure: str, found: Interval | None, *, signed: bool = False) -> str:
    if found is None:
        return "–"
    mean = _number(measure, found.mean)
    sign = "+" if signed and found.mean > 0 else ""
    return f"{sign}{mean} ({_number(measure, found.lower)} to {_number(measure, found.upper)})"


def _number(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    if measure == COST:
        return f"{'-' if value < 0 else ''}${abs(value) * 1000:.3f}"
    return f"{value * 1000:.0f} ms" if measure == DELAY else f"{value:.2%}"
