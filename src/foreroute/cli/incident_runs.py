"""What playbooks did about an incident, in lines for a terminal: the same rows as on the page."""

from collections.abc import Iterator
from typing import Any

from foreroute.heal.durations import words

Row = dict[str, Any]


def run_story(run: Row) -> str:
    """The head, then a line for each thing that is known."""
    return "\n".join(_lines(run))


def run_ways(run: Row) -> Iterator[str]:
    """What can be said to it now, as commands."""
    said = {
        "approve": f"foreroute playbook approve {run.get('id')}: {run.get('playbook')} begins",
        "reject": f"foreroute playbook reject {run.get('id')}: {run.get('playbook')} does not begin",
        "undo": f"foreroute playbook reject {run.get('id')}: undoes what {run.get('playbook')} has done, and what it holds ends",
    }
    for answer in run.get("answers") or ():
        yield said.get(str(answer), str(answer))


def _lines(run: Row) -> Iterator[str]:
    state = str(run.get("state")).replace("_", " ")
    ended_at, started_at = run.get("ended_at"), run.get("started_at")
    took = f" after {words(round(ended_at - started_at))}" if ended_at and started_at else ""
    by = "" if run.get("actor") == "foreroute" else f", by {run.get('actor')}"
    proposed = ", only proposed" if run.get("is_shadow") else ""
    yield f"{run.get('playbook')} on {run.get('scope')}: {state}{took}{by}{proposed} [{run.get('id')}]"
    yield f"because: {run.get('trigger')}"
    for step in run.get("steps") or ():
        said = f": {step['said']}" if step.get("said") else ""
        yield f"{step.get('state')} {step.get('id')} ({step.get('action')}, {step.get('risk')}){said}"
        if step.get("risk") != "safe":
            yield f"  to undo: {step.get('undo')}"
    yield from _verification(run)


def _verification(run: Row) -> Iterator[str]:
    verify: Row = run.get("verify") or {}
    if verify:
        wanted = " and ".join(verify.get("success") or ())
        yield f"it helps when {wanted} over {words(round(float(verify.get('window_s') or 0.0)))}"
    if run.get("verification"):
        yield f"measured: {run['verification']}"
    if run.get("why"):
        yield f"ended because: {run['why']}"
