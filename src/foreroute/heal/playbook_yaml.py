"""Playbooks from a YAML file of several documents. Every mistake is a ConfigError that says where it is."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ValidationError

from foreroute.core.errors import ConfigError
from foreroute.core.failure import FailureClass
from foreroute.heal import playbook_schema
from foreroute.heal.playbook import Playbook
from foreroute.heal.playbook_schema import PlaybookDocument

_EXAMPLES: Final = {
    "factor": "factor: 0.5",
    "for": "for: 2m",
    "ratio": "ratio: 0.2",
    "window": "window: 2m",
    "priority": "priority: 70",
    "apiVersion": "apiVersion: foreroute/v1",
    "kind": "kind: Playbook",
}


def load_playbooks(path: Path) -> tuple[Playbook, ...]:
    """All playbooks of a file, in its order. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file cannot be read: {error}", where=str(path)) from error
    return parse_playbooks(text, source=str(path))


def parse_playbooks(text: str, *, source: str) -> tuple[Playbook, ...]:
    """The same, from text. `source` names the file in errors."""
    playbooks: dict[str, Playbook] = {}
    for number, node in enumerate(_documents(text, source), start=1):
        document = _validated(node, source, number)
        name = document.metadata.name
        if name in playbooks:
            where = _where(source, node, number, ("metadata", "name"))
            raise ConfigError(f"a second playbook is called {name}", where=where, hint="give it its own name")
        playbooks[name] = document.value()
    if not playbooks:
        raise ConfigError(
            "the file holds no playbook", where=source, hint="begin with apiVersion: foreroute/v1"
        )
    return tuple(playbooks.values())


def _documents(text: str, source: str) -> Iterator[yaml.Node]:
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if not _is_empty(node):
                _refuse_duplicates(node, source)
                yield node
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{source}:{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", where=source) from error


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == ""


def _refuse_duplicates(node: yaml.Node, source: str) -> None:
    """YAML lets a later key win in silence: half of what was written would be ignored."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(item, source)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                where = f"{source}:{key.start_mark.line + 1}"
                raise ConfigError(f"the key {name} is there twice", where=where, hint="keep one of the two")
            seen.add(name)
            _refuse_duplicates(value, source)


def _validated(node: yaml.Node, source: str, number: int) -> PlaybookDocument:
    loader = yaml.SafeLoader("")
    try:
        return PlaybookDocument.model_validate(loader.construct_document(node))
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(
            f"not valid YAML: {error.problem}", where=_where(source, node, number, ())
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if part not in {"eject", "limit_share", "restore"})
        message, hint = _explained(first["type"], first["msg"], path)
        raise ConfigError(message, where=_where(source, node, number, path), hint=hint) from error
    finally:
        loader.dispose()


def _explained(kind: str, message: str, path: Sequence[str | int]) -> tuple[str, str]:
    key = str(path[-1]) if path else ""
    hint = f"for example {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(key, _known_keys(), n=1)
        return f"unknown key {key}", f"did you mean {close[0]}?" if close else ""
    if kind == "missing":
        return f"{key} is missing", hint
    if "classes" in path and kind == "enum":
        return "unknown failure class", "one of: " + ", ".join(FailureClass)
    return message.removeprefix("Value error, "), hint


def _known_keys() -> list[str]:
    models = [kind for kind in vars(playbook_schema).values() if isinstance(kind, type)]
    return [
        field.alias or name
        for kind in models
        if issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    ]


def _where(source: str, node: yaml.Node, number: int, path: Sequence[str | int]) -> str:
    """`file:line, document n, key.path`; the line of the nearest key that is there."""
    here = node
    for part in path:
        inner = _child(here, part)
        if inner is None:
            break
        here = inner
    keys = ".".join(str(part) for part in path)
    return f"{source}:{here.start_mark.line + 1}, document {number}" + (f", {keys}" if keys else "")


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None
