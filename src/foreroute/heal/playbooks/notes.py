"""A run's account in words: what was known, what was asked, what it said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from foreroute.core.playbook_run import PlaybookRun, RunNote, StepRun
from foreroute.heal.playbooks.expression import Expression, Value, holds, names_in
from foreroute.heal.playbooks.facts import Facts

_NOTES_MAX: Final = 60
_SHOWN: Final = (
    "requests",
    "ok_rate",
    "error_rate",
    "throttle_rate",
    "peer_ok_rate",
    "p95",
    "peer_p95",
    "healthy_alternatives",
    "traffic_share",
)


def noted(run: PlaybookRun, at: float, actor: str, what: str, detail: str = "") -> PlaybookRun:
    """The run with one more line; of very many the first and the newest are kept."""
    notes = (*run.notes, RunNote(at, actor, what, detail))
    if len(notes) > _NOTES_MAX:
        notes = (*notes[:10], *notes[-(_NOTES_MAX - 10) :])
    return replace(run, notes=notes)


def evidence(facts: Facts) -> str:
    """The facts that people ask for first."""
    known = [(name, facts.value(name)) for name in _SHOWN]
    return ", ".join(f"{name} {_short(value)}" for name, value in known if value is not None)


def said(conditions: Sequence[Expression], facts: Facts) -> str:
    """Each condition with what it came to, and from what."""
    return "; ".join(_one(condition, facts) for condition in conditions)


def _one(condition: Expression, facts: Facts) -> str:
    word = {True: "yes", False: "no", None: "not known"}[holds(condition, facts)]
    known = ((name, facts.value(name)) for name in names_in(condition))
    numbers = ", ".join(f"{name} {_short(value)}" for name, value in known)
    return f"{condition.text}: {word}" + (f" ({numbers})" if numbers else "")


def _short(value: Value | None) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def filled(text: str, run: PlaybookRun, cause: str) -> str:
    """A text of a playbook with its placeholders filled in; others stay as they are."""
    values = {
        "scope": run.scope,
        "channels": ", ".join(run.channels),
        "cause": cause or "no incident",
        "trigger": run.trigger,
        "number": str(run.number),
    }
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def with_step(run: PlaybookRun, step: StepRun) -> PlaybookRun:
    """The run with this step in the place of its earlier self."""
    return replace(run, steps=tuple(step if one.id == step.id else one for one in run.steps))
