"""A world or a scenario from YAML, or one error that names everything that is wrong with it."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from foreroute.core.errors import ConfigError
from foreroute.simulate import scenario_schema, world_schema

_Model = TypeVar("_Model", bound=BaseModel)
_EXAMPLES: Final = {
    "for": "for: 10m",
    "at": "at: 2h",
    "fault": "fault: stop",
    "factor": "factor: 2.5",
    "ratio": "ratio: 0.3",
    "channel": "channel: openai-us-east",
    "scenario": "scenario: my-story",
    "channels": "channels: [{id: one, provider: openai, region: us-east-1, model: gpt-4o-mini, first_chunk: 400ms, "
    "per_token: 12ms}]",
    "first_chunk": "first_chunk: 400ms",
    "per_token": "per_token: 12ms",
    "median": "median: 700",
    "targets": "targets: [{channel: one, weight: 1}]",
    "lead": "lead: 20m",
}
_PLAIN: Final = {
    "missing": "is required",
    "too_short": "must not be empty",
    "model_type": "must be a mapping",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "string_pattern_mismatch": "must begin with a letter or a digit and hold only letters, digits and . _ : / -",
}
_UNIONS: Final = frozenset({"str", "WorldSpec"})


class FileError(ConfigError):
    """All problems of one file. `str()` is a line for each, with what would be right below it."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.message, where=first.where, hint=first.hint)
        self.errors = list(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def read_file(path: Path, model: type[_Model]) -> _Model:
    """Raises ConfigError that says where, what, and what would be right."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from None
    return read_text(text, model, source=str(path))


def read_text(text: str, model: type[_Model], *, source: str) -> _Model:
    node = _compose(text, source)
    _refuse_duplicates(node, source)
    loader = yaml.SafeLoader("")
    try:
        data = loader.construct_document(node)
    except (yaml.constructor.ConstructorError, ValueError) as error:
        raise ConfigError(f"not valid YAML: {error}", where=source) from None
    finally:
        loader.dispose()
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = list(_problems(error.errors(), data, node, source))
        raise FileError(found) from None


def _compose(text: str, source: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{source}:{line}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", where=source) from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            "the file must hold a mapping", where=f"{source}:1", hint="begin with `scenario: a-name`"
        )
    return node


def _refuse_duplicates(node: yaml.Node, source: str) -> None:
    """YAML lets a later key win in silence: half of what was written would be ignored."""
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        _refuse_duplicates(item, source)
    seen: set[str] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if str(key.value) in seen:
            where = f"{source}:{key.start_mark.line + 1}: {key.value}"
            raise ConfigError("stands twice", where=where, hint="keep one of the two")
        seen.add(str(key.value))
        _refuse_duplicates(value, source)


def _problems(
    errors: Sequence[ErrorDetails], data: Any, node: yaml.Node, source: str
) -> Iterator[ConfigError]:
    for error in errors:
        path = tuple(error["loc"])
        if path[:2] == ("world", "str") and isinstance(data.get("world"), dict):
            continue  # it is a whole world: what is wrong with that is said elsewhere
        keys, here = _place(path, node)
        leaf = next((str(key) for key in reversed(keys) if isinstance(key, str)), "")
        where = f"{source}:{here.start_mark.line + 1}" + (f": {_written(keys)}" if keys else "")
        message, hint = _said(error, leaf)
        yield ConfigError(message, where=where, hint=hint)


def _place(path: Sequence[str | int], node: yaml.Node) -> tuple[list[str | int], yaml.Node]:
    """The path as it is written in the file, and the nearest node that is there."""
    keys: list[str | int] = []
    for number, part in enumerate(path):
        inner = _child(node, part)
        if inner is None:
            is_last = number == len(path) - 1
            if is_last and part not in _UNIONS:
                keys.append(part)
            continue  # the name of a kind, which stands in no file
        keys.append(part)
        node = inner
    return keys, node


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _written(keys: Sequence[str | int]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else (f".{key}" if text else key)
    return text


def _said(error: ErrorDetails, leaf: str) -> tuple[str, str]:
    kind, value = error["type"], error["input"]
    example = f"for example: {_EXAMPLES[leaf]}" if leaf in _EXAMPLES else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(leaf, _known_keys(), n=1)
        return "there is no such key", f"did you mean {near[0]}?" if near else ""
    if kind == "union_tag_invalid":
        return f"there is no fault {error['ctx']['tag']}", f"one of {error['ctx']['expected_tags']}"
    if kind == "union_tag_not_found":
        return "fault is required", f"for example: {_EXAMPLES['fault']}"
    text = _PLAIN.get(kind) or error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    is_shown = isinstance(value, str | int | float) and repr(value) not in text
    return (f"{text} (got {value!r})" if is_shown else text), example


def _known_keys() -> list[str]:
    return sorted(
        {
            field.alias or name
            for module in (world_schema, scenario_schema)
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, BaseModel)
            for name, field in kind.model_fields.items()
        }
    )
