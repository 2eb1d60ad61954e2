"""`foreroute explain`: one request's attempts, and the decision behind its route."""

from typing import TYPE_CHECKING, Any, Final

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
        out.print(text("The configured weights chose: no decision had changed them."))
        return
    out.print(text(f"The plan was made by decision {decision.get('id')} at {clock(decision.get('at'))}:"))
    for change in decision.get("changes", ()):
        line = f"  {change.get('channel')} on {change.get('route')}: "
        line += f"{percent(change.get('before'))} → {percent(change.get('after'))}"
        out.print(text(line, "bold"), text(f" {change.get('code')}: {change.get('detail')}"))
    for move in decision.get("moves", ()):
        out.print(text(f"  {outcome(move)}"))


def outcome(move: Row) -> str:
    """What became of a move, in one line."""
    grade = move.get("grade")
    if grade is None:
        return f"graded from {clock(move.get('due_at'))} on"
    return f"{_GRADES.get(str(grade), str(grade))}: {move.get('detail')}"


_GRADES: Final = {
    "helped": "it helped",
    "no_difference": "it made no difference",
    "hurt": "it hurt",
    "false_alarm": "a false alarm",
    "unknown": "what it was worth",
}


def headline(answer: Row) -> str:
    attempts = answer.get("attempts", [])
    if not attempts:
        return f"Request {answer.get('request_id')} reached no channel."
    last = attempts[-1]
    count = f"{len(attempts)} attempts" if len(attempts) > 1 else "one attempt"
    if last.get("outcome") == "success":
        return f"{last.get('channel')} answered request {answer.get('request_id')} after {count}."
    return f"Request {answer.get('request_id')} was not answered: {last.get('outcome')} after {count}."


_RULES: Final = {
    "weight": "by the shares of the plan; every channel was free",
    "load": "it had less to do for its share than the one that was drawn first",
    "slowdown": "the one that was drawn first answered much slower than usual",
    "prefix": "it may have the beginning of the prompt cached",
    "explore": "by chance alone, so that what is known of every channel stays fresh",
    "alone": "there was no other one to ask",
}


def _choice(attempt: Row) -> str:
    rule = str(attempt.get("rule", "weight"))
    why = _RULES.get(rule, rule)
    if rule == "weight" and attempt.get("candidates"):
        why = "by the shares of those that were free"
    return f"attempt {attempt.get('number')} went to {attempt.get('channel')}: {why}"


def _candidate(candidate: Row) -> str:
    slow = candidate.get("slowdown") or 1.0
    pace = "as fast as usual" if slow < 1.05 else f"{slow:.1f} × slower than usual"
    return (
        f"    {candidate.get('channel')}: {candidate.get('standing')}, share {percent(candidate.get('share'))}, "
        f"{pace}, {candidate.get('in_flight')} under way"
    )


def _attempts(attempts: list[Row]) -> "Table":
    made = table(
        "#", "channel", "why", "outcome", ">first chunk", ">duration", ">tokens", ">cost", "started", ">plan"
    )
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
            text("unpriced" if cost is None else f"${cost}"),
            clock(attempt.get("started_at")),
            text(attempt.get("plan_version")),
        )
    return made


def _outcome(attempt: Row) -> str:
    extra = [str(attempt[key]) for key in ("failure_class", "status") if attempt.get(key) is not None]
    return f"{attempt.get('outcome')} ({', '.join(extra)})" if extra else str(attempt.get("outcome"))
