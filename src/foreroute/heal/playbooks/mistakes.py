"""What is wrong with a playbook file, in words: where it stands, what it is, and what would be right."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from foreroute.heal.playbooks.schema import PlaybookDocument

Path = tuple[str | int, ...]
_TAGS: Final = ("action", "type")
_EXAMPLES: Final = {
    "action": "action: eject",
    "apiVersion": "apiVersion: foreroute/v1",
    "classes": "classes: [server_error]",
    "expr": "expr: error_rate > 0.5",
    "factor": "factor: 0.5",
    "for": "for: 2m",
    "kind": "kind: Playbook",
    "metric": "metric: latency_p95",
    "priority": "priority: 70",
    "ratio": "ratio: 0.2",
    "share": "share: 0.5",
    "success": "success: ['ok_rate >= 0.99']",
    "text": "text: somebody has to look at {{scope}}",
    "type": "type: failure",
    "window": "window: 2m",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    path: Path
    message: str
    hint: str = ""


def explained(error: Mapping[str, Any], node: yaml.Node) -> Mistake:
    """One of pydantic's errors on this document."""
    path = _keys(node, error["loc"])
    key = str(path[-1]) if path else ""
    kind, message = str(error["type"]), str(error["msg"]).removeprefix("Value error, ")
    hint = f"for example {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    if kind == "extra_forbidden":
        known = _known(path[:-1], node)
        close = get_close_matches(key, known, n=1)
        near = f"did you mean {close[0]}? " if close else ""
        return Mistake(path, f"unknown key {key}", f"{near}known here: {', '.join(known)}")
    if kind == "missing":
        return Mistake(path, f"{key} is missing", hint)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tagged(path, error, node)
    if kind == "enum":
        return Mistake(path, f"unknown {_singular(path)}", f"one of: {error['ctx']['expected']}")
    message, _, said = message.partition("\n")
    return Mistake(path, message, said or hint)


def _tagged(path: Path, error: Mapping[str, Any], node: yaml.Node) -> Mistake:
    tag = str(error["ctx"]["discriminator"]).strip("'")
    known = _tags(path, node)
    if error["type"] == "union_tag_not_found":
        return Mistake(path, f"{tag} is missing", f"one of: {', '.join(known)}")
    given = str(error["ctx"]["tag"])
    close = get_close_matches(given, known, n=1)
    near = f"did you mean {close[0]}? " if close else ""
    return Mistake((*path, tag), f"there is no {tag} {given}", f"{near}known: {', '.join(known)}")


def _singular(path: Path) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "value")
    return {"classes": "failure class", "kinds": "kind of anomaly"}.get(name, name)


def place_of(source: str, node: yaml.Node, number: int, path: Sequence[str | int]) -> str:
    """`file:line, document n, key.path`; the line of the nearest key that is there."""
    here = node
    for part in path:
        inner = _child(here, part)
        if inner is None:
            break
        here = inner
    keys = ".".join(str(part) for part in path)
    return f"{source}:{here.start_mark.line + 1}, document {number}" + (f", {keys}" if keys else "")


def _keys(node: yaml.Node, loc: Sequence[str | int]) -> Path:
    """Pydantic's path without what it says of unions: the keys as they are written."""
    found: list[str | int] = []
    here: yaml.Node | None = node
    for part in loc:
        is_tag = isinstance(here, yaml.MappingNode) and _tag(here) == part and _child(here, part) is None
        if is_tag:
            continue
        found.append(part)
        here = None if here is None else _child(here, part)
    return tuple(found)


def _tag(node: yaml.Node) -> str | None:
    for name in _TAGS:
        inner = _child(node, name)
        if isinstance(inner, yaml.ScalarNode):
            return str(inner.value)
    return None


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


# What is known at a place -----------------------------------------------------------------------------------------


def _known(path: Path, node: yaml.Node) -> list[str]:
    """The keys that the mapping at a path may have."""
    model: Any = PlaybookDocument
    here: yaml.Node | None = node
    for part in path:
        here = None if here is None else _child(here, part)
        model = _inner(model, part, here)
        if model is None:
            return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _tags(path: Path, node: yaml.Node) -> list[str]:
    """The names that a tagged union at a path knows."""
    model: Any = PlaybookDocument
    here: yaml.Node | None = node
    for part in path[:-2]:
        here = None if here is None else _child(here, part)
        model = _inner(model, part, here)
    options = _models(_annotation(model, str(path[-2]))) if len(path) > 1 else []
    return sorted(tag for one in options for tag in _names(one))


def _names(model: type[BaseModel]) -> list[str]:
    for name in _TAGS:
        if name in model.model_fields:
            return [str(one) for one in get_args(model.model_fields[name].annotation)]
    return []


def _inner(model: Any, part: str | int, node: yaml.Node | None) -> Any:
    """The model one key further; a list's items have the list's own model."""
    if isinstance(part, int):
        options = model if isinstance(model, list) else [model]
        tag = None if node is None else _tag(node)
        return next((one for one in options if tag in _names(one) or len(options) == 1), None)
    options = _models(_annotation(model, part))
    return options[0] if len(options) == 1 else (options or None)


def _annotation(model: Any, key: str) -> Any:
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return None
    for name, field in model.model_fields.items():
        if key in (field.alias, name):
            return field.annotation
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, list, Union, types.UnionType):
        return [model for one in get_args(annotation) for model in _models(one)]
    return []
