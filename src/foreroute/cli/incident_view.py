"""How incidents look on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from foreroute.cli.incident_runs import run_story, run_ways
from foreroute.cli.language import known, say
from foreroute.cli.say import console, table, text

Row = dict[str, Any]
_STYLES: Final = {
    "open": "red",
    "mitigated": "yellow",
    "pending": "yellow",
    "closed": "green",
    "prevented": "green",
    "came_through": "red",
}
_PHASES: Final = (
    ("detect", "first_bad_at", "detected_at"),
    ("decide", "detected_at", "decided_at"),
    ("shift", "decided_at", "shifted_at"),
    ("verify", "shifted_at", "verified_at"),
)
_GUARDS: Final = {
    "standby": "give {routes} a channel outside {scope} {name}: there was nowhere else to go",
    "act": "let autopilot act: it only proposed what would have helped",
    "second_key": "keep a second key, on a channel of its own with priority 1",
    "quota": "set a budget below the provider's quota, which resets at {reset}",
    "permission": "check the account's rights at the provider before the next change there",
    "successor": "move to the successor that the provider names: {model}",
    "certificate": "renew the certificate two weeks before its end; ForerouteEndsSoon says when",
    "rate": "tell Foreroute the provider's limit ({limit} requests a minute): it then sends no more",
    "capacity": "set limits.concurrency, so that the channel spills over before it is overloaded",
    "warm": "keep one replica warm, or give the channel a lower weight after a pause",
    "timeout": "shorten the time to the first byte, so that another channel is asked sooner",
    "resolver": "use a second resolver: Foreroute bridges an hour with the last good address",
    "hedge": "ask a second channel when the first is silent for long (it bills twice)",
    "peak": "it is {hour}: give the channel a lower weight ahead of it",
    "weight": "this is number {n} of {name}: lower its weight, or ask for another one",
}


def show_list(answer: Row) -> None:
    out = console()
    rows: list[Row] = answer.get("incidents", [])
    if not rows:
        out.print(say("incident.none"))
        return
    made = table(*say("incident.columns").split("|"))
    for row in rows:
        state = str(row.get("state"))
        made.add_row(
            text(row.get("id"), "bold"),
            text(_state(row), _STYLES.get(state, "")),
            text(_clock(row.get("opened_at"))),
            text(_what(row)),
            text(_took(row.get("user_s"))),
            text(_took(row.get("channel_s"))),
            text(row.get("lost")),
            text(row.get("rescued")),
            text(_again(row)),
        )
    out.print(made)
    out.print(text(_figures(answer.get("summary") or {}), "dim"))


def show_one(answer: Row) -> None:
    row: Row = answer.get("incident") or {}
    out = console()
    for name, value in _facts(row):
        out.print(text(f"{say(f'incident.{name}'):>12}", "dim"), text(value))
    _section("phases", _phases(row.get("phases") or {}))
    _section("done", _acts(row.get("acts") or []))
    _section("messages", (f"{one.get('count')} × {one.get('text')}" for one in row.get("patterns") or []))
    runs: list[Row] = answer.get("runs") or []
    _section("playbooks", (run_story(one) for one in runs))
    ways = [
        *(way for one in runs for way in run_ways(one)),
        *(_undo(one) for one in answer.get("undo") or []),
    ]
    _section("undo", iter(ways))
    guards = row.get("guards") or [] if row.get("closed_at") is not None else []
    _section("guard", (_guard(one) for one in guards))
    _section("notes", (_note(one) for one in row.get("notes") or []))


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    felt: Row = row.get("felt") or {}
    yield "id", str(row.get("id"))
    yield "what", _what(row)
    yield "state", _state(row)
    if row.get("foreseen_at") is not None:
        yield "foreseen", f"{_clock(row['foreseen_at'])}: {row.get('outcome_detail')}"
    yield "channels", ", ".join(row.get("channels") or [])
    if row.get("evidence"):
        sure = row.get("probability")
        shown = say("incident.sure", share=f"{sure:.0%}") if isinstance(sure, int | float) else ""
        yield "cause", f"{str(row.get('root_cause')).replace('_', ' ')}{shown}: {row['evidence']}"
    counts = {name: felt.get(name, 0) for name in ("lost", "requests", "rescued", "late")}
    yield "users", say("incident.felt", keys=len(felt.get("keys") or []), **counts)
    yield (
        "recovered",
        say("incident.times", user=_took(row.get("user_s")), channel=_took(row.get("channel_s"))),
    )
    if row.get("recurrence_of"):
        yield "again", _again(row)


def _phases(phases: Mapping[str, Any]) -> Iterator[str]:
    for name, start, end in _PHASES:
        at, since = phases.get(end), phases.get(start)
        if at is None:
            yield f"{say(f'incident.phase.{name}'):<7} –"
            continue
        first = [phases[one] for one in ("first_bad_at",) if phases.get(one) is not None]
        took = say("incident.took", time=_took(at - since)) if since is not None else ""
        total = say("incident.since", time=_took(at - first[0])) if first else ""
        yield f"{say(f'incident.phase.{name}'):<7} {_second(at)} {took}{total}"


def _acts(acts: Sequence[Row]) -> Iterator[str]:
    for act in acts:
        would = "" if act.get("applied") else say("incident.would")
        why = f" ({act['why']})" if act.get("why") else ""
        yield f"{_second(act.get('at'))} {act.get('kind')} {would}{act.get('what')}{why} [{act.get('id')}]"


def _undo(row: Row) -> str:
    control = str(row.get("control"))
    return say(f"incident.undo.{control}") if known(f"incident.undo.{control}") else control


def _guard(row: Row) -> str:
    values = {str(name): str(value) for name, value in (row.get("values") or {}).items()}
    words = _GUARDS.get(str(row.get("code")), str(row.get("code")))
    try:
        said = words.format(**values)
    except KeyError:
        said = words
    config = str(row.get("config") or "")
    return f"{said}\n{config}" if config else said


def _note(row: Row) -> str:
    by = f" {row['by']}:" if row.get("by") else ""
    return f"{_clock(row.get('at'))}{by} {row.get('text')}"


def _section(name: str, lines: Iterator[str]) -> None:
    for number, line in enumerate(lines):
        head, *rest = line.splitlines()
        console().print(text(f"{say(f'incident.{name}') if number == 0 else '':>12}", "dim"), text(head))
        for one in rest:
            console().print(text(f"{'':>12}", "dim"), text(f"  {one}", "dim"))


def _state(row: Row) -> str:
    word = str(row.get("state"))
    return say(f"incident.state.{word}") if known(f"incident.state.{word}") else word.replace("_", " ")


def _what(row: Row) -> str:
    kind = str(row.get("root_cause")).replace("_", " ")
    return f"{row.get('scope')} {row.get('name')}: {kind}"


def _again(row: Row) -> str:
    return say("incident.after", id=row["recurrence_of"]) if row.get("recurrence_of") else "–"


def _figures(summary: Row) -> str:
    days = float(summary.get("within_s") or 0.0) / 86_400.0
    parts = [f"{days:.0f} days: {summary.get('open', 0)} open, {summary.get('closed', 0)} closed"]
    for name in ("user", "channel"):
        clock: Row = summary.get(name) or {}
        if clock.get("measured"):
            parts.append(
                f"{name} recovered in {_took(clock.get('mean_s'))} on average, median {_took(clock.get('median_s'))}"
            )
    foreseen: Row = summary.get("foreseen") or {}
    told = [f"{count} {name.replace('_', ' ')}" for name, count in foreseen.items() if count]
    return "; ".join([*parts, *([f"foreseen: {', '.join(told)}"] if told else [])])


def _clock(at: Any) -> str:
    if not isinstance(at, int | float):
        return "–"
    return datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M UTC")


def _second(at: Any) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if isinstance(at, int | float) else "–"


def _took(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
