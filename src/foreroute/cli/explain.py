"""`foreroute explain`: one request's attempts, and the decision behind its route."""

from typing import TYPE_CHECKING, Any, Final

from foreroute.cli.language import known, say
from foreroute.cli.say import console, table, text
from foreroute.cli.status import clock, duration, percent

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]


def show(answer: Row) -> None:
    out = console()
    attempts = answer.get("attempts", [])
    out.print(text(headline(answer), "bold"))
    out.print()
    out.print(_attempts(attempts))
    out.print()
    for attempt in attempts:
        out.print(text(_choice(attempt)))
        for candidate in attempt.get("candidates", ()):
            out.print(text(_candidate(candidate)))
    out.print()
    decision = answer.get("decision")
    if decision is None:
        out.print(text(say("explain.configured")))
        return
    out.print(text(say("explain.decision", id=decision.get("id"), at=clock(decision.get("at")))))
    for change in decision.get("changes", ()):
        line = say(
            "explain.change",
            channel=change.get("channel"),
            route=change.get("route"),
            before=percent(change.get("before")),
            after=percent(change.get("after")),
        )
        out.print(text(f"  {line}", "bold"), text(f" {change.get('code')}: {change.get('detail')}"))
    for move in decision.get("moves", ()):
        out.print(text(f"  {outcome(move)}"))


def outcome(move: Row) -> str:
    """What became of a move, in one line."""
    grade = move.get("grade")
    if grade is None:
        return say("explain.due", at=clock(move.get("due_at")))
    said = say(f"explain.{grade}") if grade in _GRADES else str(grade)
    return f"{said}: {move.get('detail')}"


_GRADES: Final = ("helped", "no_difference", "hurt", "false_alarm", "unknown")


def headline(answer: Row) -> str:
    attempts, request = answer.get("attempts", []), answer.get("request_id")
    if not attempts:
        return say("explain.nowhere", request=request)
    last = attempts[-1]
    count = say("explain.many", count=len(attempts)) if len(attempts) > 1 else say("explain.one")
    if last.get("outcome") == "success":
        return say("explain.answered", channel=last.get("channel"), request=request, count=count)
    return say("explain.unanswered", request=request, outcome=last.get("outcome"), count=count)


def _choice(attempt: Row) -> str:
    rule = str(attempt.get("rule", "weight"))
    why = say(f"explain.rule.{rule}") if known(f"explain.rule.{rule}") else rule
    if rule == "weight" and attempt.get("candidates"):
        why = say("explain.free")
    return say("explain.attempt", number=attempt.get("number"), channel=attempt.get("channel"), why=why)


def _candidate(candidate: Row) -> str:
    slow = candidate.get("slowdown") or 1.0
    pace = say("explain.usual") if slow < 1.05 else say("explain.slower", times=f"{slow:.1f}")
    said = say(
        "explain.candidate",
        channel=candidate.get("channel"),
        standing=candidate.get("standing"),
        share=percent(candidate.get("share")),
        pace=pace,
        in_flight=candidate.get("in_flight"),
    )
    return f"    {said}"


def _attempts(attempts: list[Row]) -> "Table":
    made = table(*say("explain.columns").split("|"))
    for attempt in attempts:
        tokens = f"{attempt.get('input_tokens')} + {attempt.get('output_tokens')}"
        cost = attempt.get("cost_usd")
        made.add_row(
            text(attempt.get("number")),
            text(attempt.get("channel"), "bold"),
            text(attempt.get("reason")),
            text(_outcome(attempt), "green" if attempt.get("outcome") == "success" else "red"),
            duration(attempt.get("time_to_first_chunk_s")),
            duration(attempt.get("duration_s")),
            text(tokens),
            text(say("unpriced") if cost is None else f"${cost}"),
            clock(attempt.get("started_at")),
            text(attempt.get("plan_version")),
        )
    return made


def _outcome(attempt: Row) -> str:
    extra = [str(attempt[key]) for key in ("failure_class", "status") if attempt.get(key) is not None]
    return f"{attempt.get('outcome')} ({', '.join(extra)})" if extra else str(attempt.get("outcome"))
