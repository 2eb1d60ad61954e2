"""What was learnt from failures, for the eye and for programs."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foreroute.app.plane import state_folder
from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.status import clock
from foreroute.core.errors import StoreCorrupt
from foreroute.core.patterns import ChannelFact, FailurePattern
from foreroute.heal.learning import FailureLearning
from foreroute.settings import load_settings
from foreroute.store.state_files import StateFiles


def learnt_by(config: Path | None) -> FailureLearning:
    """What the configured server has written down. Raises CommandError where it keeps nothing or it cannot be read."""
    section = (settings := load_settings(config_path(config))).store
    if not section.outlasts:
        hint = "set store.kind: sqlite; what was learnt in memory is gone when its process ends"
        raise CommandError("nothing is kept in a file", where=f"store.kind: {section.kind}", hint=hint)
    learning = FailureLearning()
    folder = state_folder(settings)
    state = asyncio.run(StateFiles(folder).read("failures"))
    if state is None:
        return learning
    try:
        learning.load(state)
    except StoreCorrupt as error:
        raise CommandError(str(error), where=str(folder)) from None
    return learning


def fields_of(patterns: Sequence[FailurePattern], facts: Sequence[ChannelFact]) -> dict[str, Any]:
    return {
        "patterns": [{"class": one.kind.value} | asdict(one) for one in patterns],
        "facts": [asdict(one) for one in facts],
    }


def show(patterns: Sequence[FailurePattern], facts: Sequence[ChannelFact]) -> None:
    out = console()
    if not patterns and not facts:
        out.print("No failure has been seen yet.")
        return
    made = table("id", "class", ">count", ">came back", "first", "last", "channels", "pattern", "example")
    for one in patterns:
        made.add_row(
            text(f"{one.id} {one.group}".strip(), "bold"),
            text(one.kind.value),
            text(one.count),
            text(one.recurrences or ""),
            clock(one.first_at),
            clock(one.last_at),
            text(", ".join(f"{name} {count}" for name, count in sorted(one.channels.items()))),
            text(one.text),
            text(one.example),
        )
    out.print(made)
    if facts:
        known = table("channel", "learnt", "", "seen")
        for fact in facts:
            known.add_row(text(fact.channel, "bold"), text(fact.name), text(fact.value), clock(fact.at))
        out.print(known)
