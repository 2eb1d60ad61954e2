"""A playbook for people: what begins it, what it does, how it is verified and undone."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any

from foreroute.heal.durations import words
from foreroute.heal.playbooks.expression import Expression
from foreroute.heal.playbooks.playbook import Escalation, Playbook, Trigger, Verify
from foreroute.heal.playbooks.steps import NAMES, risk_of, undo_of

Row = dict[str, Any]


def playbook_row(playbook: Playbook) -> Row:
    return {
        "name": playbook.name,
        "description": playbook.description,
        "priority": playbook.priority,
        "mode": playbook.mode.value,
        "triggers": [_trigger(one) for one in playbook.triggers],
        "conditions": [one.text for one in playbook.conditions],
        "guards": _plain(asdict(playbook.guards)),
        "steps": [
            {
                "id": step.id,
                "action": NAMES[type(step.action)],
                "with": _plain(asdict(step.action)),
                "risk": risk_of(step.action).value,
                "undo": undo_of(step.action),
                "when": None if step.when is None else step.when.text,
                "timeout_s": step.timeout_s,
                "on_error": step.on_error.value,
                "canary": None if step.canary is None else asdict(step.canary),
            }
            for step in playbook.steps
        ],
        "verify": verify_row(playbook.verify),
        "timeout_s": playbook.timeout_s,
        "cooldown_s": playbook.cooldown_s,
        "max_attempts": playbook.max_attempts,
        "escalation": [_escalation(one) for one in playbook.escalation],
    }


def verify_row(verify: Verify) -> Row:
    """By what it is told whether a run helps."""
    return {
        "after_s": verify.after_s,
        "window_s": verify.window_s,
        "success": [one.text for one in verify.success],
        "failure": [one.text for one in verify.failure],
        "failure_limit": verify.failure_limit,
        "samples_min": verify.samples_min,
    }


def _trigger(trigger: Trigger) -> Row:
    name = type(trigger).__name__.removesuffix("Trigger").lower()
    fields = {key: getattr(trigger, key) for key in trigger.__slots__}
    return {"type": name} | {key: _value(value) for key, value in fields.items()}


def _escalation(one: Escalation) -> Row:
    when = (
        f"after {one.after_runs} runs" if one.after_runs is not None else f"after {words(one.after_s or 0.0)}"
    )
    return {"when": when, "run": one.run, "notify": one.text or None, "severity": one.severity.value}


def _plain(fields: Mapping[str, Any]) -> Row:
    return {key: _value(value) for key, value in fields.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set):
        return sorted(_value(one) for one in value)
    if isinstance(value, tuple | list):
        return [_value(one) for one in value]
    if isinstance(value, Mapping):
        return _plain(value)
    return _plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else value
