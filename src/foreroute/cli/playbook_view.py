"""Playbooks and their runs for a person."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from foreroute.cli.say import console, table, text
from foreroute.heal.durations import words
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.steps import NAMES

_STYLES: Final = {
    "verified": "green",
    "rolled_back": "red",
    "rejected": "dim",
    "rehearsed": "cyan",
    "waiting": "yellow",
}
Row = Mapping[str, Any]


def show_playbooks(playbooks: Iterable[Playbook]) -> None:
    shown = table(">priority", "playbook", "mode", "steps", "what for")
    for one in playbooks:
        steps = ", ".join(NAMES[type(step.action)] for step in one.steps)
        shown.add_row(
            str(one.priority), text(one.name, "bold"), one.mode.value, text(steps), text(one.description)
        )
    console().print(shown)


def show_rehearsals(rows: Iterable[Row]) -> None:
    out = console()
    shown = table("playbook", "where it helps", "where it makes it worse", "on", "what began it")
    for row in rows:
        helps, worse = row["worlds"]["helps"], row["worlds"]["worse"]
        began = (
            helps.get("trigger", "")
            if not helps["by_hand"]
            else "begun by hand: its trouble cannot be made up here"
        )
        shown.add_row(
            text(row["playbook"], "bold"),
            text(_outcome(helps), _STYLES.get(helps["state"], "red")),
            text(_outcome(worse), "green" if worse["state"] == "rolled_back" else ""),
            text(helps.get("scope", "")),
            text(began),
        )
    out.print(shown)


def _outcome(world: Row) -> str:
    took = world.get("took_s")
    return str(world["state"]).replace("_", " ") + (f" after {words(took)}" if took else "")


def show_runs(rows: Iterable[Row]) -> None:
    rows = list(rows)
    if not rows:
        console().print("no run is on record")
        return
    shown = table("run", "began (UTC)", "playbook", "on", "state", "why")
    for row in rows:
        shown.add_row(
            text(row["id"], "bold"),
            _at(row["started_at"]),
            text(row["playbook"]),
            text(row["scope"]),
            text(row["state"].replace("_", " "), _STYLES.get(row["state"], "")),
            text(row["why"] or row["trigger"]),
        )
    console().print(shown)


def show_run(row: Row) -> None:
    out = console()
    state = row["state"].replace("_", " ")
    out.print(text(f"{row['playbook']} on {row['scope']}: {state}", _STYLES.get(row["state"], "bold")))
    out.print(text(f"  run {row['id']}, channels {', '.join(row['channels'])}"))
    if row["evidence"]:
        out.print(text(f"  known: {row['evidence']}"))
    for step in row["steps"]:
        out.print(
            text(f"  {step['state']:9} {step['id']} ({step['action']}, {step['risk']}): {step['said']}")
        )
        for hold in step["holds"]:
            lasts = words(round(hold["until"] - hold["from_at"]))
            out.print(
                text(f"            {hold['channel']}: {hold['kind']} at most {hold['value']:g} for {lasts}")
            )
        out.print(text(f"            undo: {step['undo']}", "dim"))
    if row["why"]:
        out.print(text(f"  {row['why']}"))


def _at(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
