"""`docs/reference/playbooks.md`: everything that a playbook may say, from the models that read it."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from scripts.pages.code import row, table

from foreroute.heal.durations import seconds
from foreroute.heal.playbooks.schema import Metadata, Spec
from foreroute.heal.playbooks.steps_schema import AnyStep, Step
from foreroute.heal.playbooks.triggers_schema import Trigger
from foreroute.settings.units import write_seconds

_HEAD = """# Playbooks

<!-- Made by scripts/generate.py from src/foreroute/heal/playbooks/: edit there. -->

Every key of a playbook file. How they work together, and what may stand in a condition: [self-healing](../healing.md#playbooks). How
to write one: [how-to](../how-to/write-a-playbook.md). Editors check a file against
[its schema](../../schema/recovery_playbooks.schema.json). A file holds documents, each with `apiVersion: foreroute/v1` and
`kind: Playbook`.

"""
DOES = {
    "eject": "No traffic for a while, longer with each run.",
    "limit_share": "At most a part of the configured share.",
    "shift_traffic": "Moves a part of the share away, step by step; all of it comes back.",
    "restore": "Lifts what earlier steps hold of the share, over a ramp where one is given.",
    "set_concurrency": "Another limit of requests at a time; never above the channel's own.",
    "set_timeout": "Another limit of one phase; never outside half and twice what is configured.",
    "set_attempts": "Fewer attempts a request; never more than configured.",
    "wait": "Nothing, for a while.",
    "probe": "Asks each channel, without a user's request: a connection (`tcp`) or its list of models (`models`).",
    "note": "A line in the incident's record.",
    "notify": "A message to people, through the receivers of the settings.",
    "disable_key": "Refuses a virtual key until the step is undone.",
    "hook": "Calls what `heal.hooks` of the settings allows under this name.",
}
TRIGGERS = {
    "failure": "So many tries failed in these ways.",
    "anomaly": "Something was strange, by so much.",
    "forecast": "A forecast that has a vote says that a limit will be passed.",
    "threshold": "A condition has held for a while.",
    "schedule": "At times of day.",
    "manual": "A person begins it.",
}


def steps() -> dict[str, type[Step]]:
    """By the word that stands in `action`."""
    return {_word(one, "action"): one for one in get_args(get_args(AnyStep)[0])}


def triggers() -> dict[str, type[BaseModel]]:
    return {_word(one, "type"): one for one in get_args(get_args(Trigger)[0])}


COMMON = {
    "name": "Lower-case words joined by `-`.",
    "description": "For people.",
    "mode": "`auto` acts where the rollout lets it; `approve` waits for a yes; `dry_run` only says what it would do.",
    "guards": "What keeps it from doing harm.",
    "steps": "What it does, one after the other.",
    "verify": "How one knows that it helped.",
    "recovered": "When the incident is over.",
    "approve_within": "So long it waits for a yes.",
    "attempts_window": "See `max_attempts`.",
    "escalation": "What is done when it does not help.",
    "recurrence": "How the same trouble is remembered.",
    "max_parallel": "So many runs at a time.",
    "freeze": "Times in which it does not begin.",
    "failure_limit": "So many looks with a failure roll it back.",
    "begins": "Hours and minutes in quotes, UTC.",
    "lasts": "How long.",
    "days": "Days of the week: `[sat, sun]`; default: all.",
    "success": "The least part of requests that go well.",
    "min_requests": "Fewer requests say nothing.",
    "notify": "What people are told.",
    "severity": "How urgent the message is.",
    "run": "Another playbook of the file.",
    "lookback": "How far back.",
    "tell_from": "From this recurrence on people are told.",
    "classes": "[Classes of failures](errors.md#classes-of-failures).",
    "scope": "What is treated as one.",
    "count": "So many of them.",
    "window": "How far back it looks.",
    "metric": "What is looked at.",
    "kinds": "Of which kind: [anomalies](../anomaly.md). Default: any.",
    "direction": "Only above, or only below, what was expected.",
    "horizon": "How far ahead.",
    "probability": "How sure the forecast must be.",
    "expr": "A [condition](../healing.md#conditions).",
    "hold": "So long it must have held.",
    "every": "Between one and the next.",
    "at": "Hours and minutes in quotes, UTC.",
    "after": "So long after the last step it is looked at.",
    "id": "Its name within the playbook.",
    "timeout": "So long it may take.",
    "canary": "A `share` of it first, `for` a while.",
    "share": "How much of it.",
    "for": "How long.",
    "factor": "Times what is in force.",
    "step": "So much at a time.",
    "over": "How long the ramp takes.",
    "phase": "Which limit.",
    "most": "So many attempts at most.",
    "kind": "What is asked.",
    "times": "How often each channel is asked.",
    "min_ok": "So many answers must go well.",
    "text": "What it says.",
}
"""Of keys that mean the same wherever they stand, and say nothing of themselves in the code."""


def playbooks_page() -> str:
    """Raises KeyError for a step, a trigger or a key that has no words."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _HEAD + "## `metadata`\n\n" + _fields(Metadata) + "\n## `spec`\n\n" + _fields(Spec)
    yield from _inner(Spec, "spec")
    yield "\n## Triggers\n"
    for word, model in triggers().items():
        yield f"\n### `{word}`\n\n{TRIGGERS[word]}\n\n" + _fields(model, leave=("type",))
    yield "\n## Steps\n\nWhat all of them have:\n\n" + _fields(Step, leave=("action",))
    for word, step in steps().items():
        with_ = step.model_fields.get("with_")
        canary = " Takes a `canary`." if step.takes_canary else ""
        yield f"\n### `{word}`\n\n{DOES[word]}{canary} Under `with`:\n\n"
        yield _fields(with_.annotation) if with_ is not None and with_.annotation is not None else "–\n"


def _inner(model: type[BaseModel], path: str) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if (section := _section(info.annotation)) is not None:
            text = " ".join((section.__doc__ or "").split())
            yield f"\n### `{path}.{key}`\n\n{text}\n\n{_fields(section)}"
            yield from _inner(section, f"{path}.{key}")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The one section that a key holds, itself or in a list; none of steps and triggers, which are of many kinds."""
    if get_origin(annotation) in (list, tuple):
        annotation = get_args(annotation)[0]
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_section else None


def _word(model: type[BaseModel], key: str) -> str:
    return str(get_args(model.model_fields[key].annotation)[0])


def _fields(model: Any, leave: tuple[str, ...] = ()) -> str:
    fields: dict[str, FieldInfo] = {key: info for key, info in model.model_fields.items() if key not in leave}
    rows = [_field(info.alias or key, info) for key, info in fields.items()]
    return table("key", "kind", "default", "range", "meaning") + "".join(rows)


def _field(key: str, info: FieldInfo) -> str:
    kind = "list: classes" if key == "classes" else _kind(info.annotation, info.metadata)
    standing = "required" if info.is_required() else _default(info.default, kind)
    return row(f"`{key}`", kind, standing, _range(info, kind), info.description or COMMON[key])


def _kind(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    if any(isinstance(one, BeforeValidator) and one.func is seconds for one in metadata):
        return "duration"
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin is Annotated:
        return _kind(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin in (list, tuple):
        return f"list: {_kind(arguments[0])}"
    if arguments:
        return " or ".join(dict.fromkeys(_kind(one) for one in arguments if one is not type(None)))
    return _plain(annotation)


def _plain(annotation: Any) -> str:
    if hasattr(annotation, "__members__"):
        return " or ".join(f"`{one.value}`" for one in annotation)
    return _PLAIN.get(annotation, "section")


_PLAIN: dict[Any, str] = {float: "number", int: "whole number", str: "text", bool: "true or false"}


def _default(value: Any, kind: str) -> str:
    if value is None or value in ([], (), "") or isinstance(value, BaseModel | tuple):
        return "–"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{write_seconds(value)}`" if kind == "duration" else f"`{getattr(value, 'value', value)}`"


def _range(info: FieldInfo, kind: str) -> str:
    found: dict[str, float] = {}
    for one in info.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if (bound := getattr(one, name, None)) is not None:
                found[sign] = max(bound, found.get(sign, bound))
    if found.get("≥") == 0 and kind == "duration":
        del found["≥"]
    return ", ".join(
        f"{sign} {write_seconds(bound) if kind == 'duration' and bound else f'{bound:g}'}"
        for sign, bound in found.items()
    )
