"""`docs/configuration.md`, from the models: every key, its kind, default, range and meaning."""

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from foreroute.settings.describe import section_of, written_defaults
from foreroute.settings.model import Settings
from foreroute.settings.units import money, seconds, size

_HEAD: Final = """# Configuration

<!-- Made by scripts/generate.py from src/foreroute/settings/: edit there. -->

One YAML file. `foreroute check FILE` checks it without calling anybody; `foreroute config show FILE` prints all
that is in force, secrets masked. A complete example is `configs/foreroute.yaml`. For completion and checks in
an editor, begin the file with `# yaml-language-server: $schema=…/schema/foreroute.schema.json`.

- Unknown keys are refused, and a key may stand only once.
- `${NAME}` is taken from the environment; `${NAME:-default}` has a value for when it is not set or empty.
- Secrets come from the environment only: a key that is written out is refused.
- A duration is a number with a unit: `250ms`, `30s`, `5m`, `1h`, `30d`. A size: `512KiB`, `50MB`.
- A ratio is between 0 and 1. Money is US dollars, exact to the last digit.
- A name begins with a letter or a digit and holds letters, digits and `. _ : / -`.
"""
_READERS: Final = {seconds: "duration", size: "size", money: "US dollars"}
_PLAIN: Final[dict[Any, str]] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret, `${NAME}`",
}


def reference() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(_section("", Settings))


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    if title:
        yield f"\n## `{title}`\n\n{model.__doc__}\n"
    else:
        yield "\n## The file\n"
    yield "\n| key | kind | default | range | meaning |\n|---|---|---|---|---|\n"
    defaults = written_defaults(model)
    for key, info in model.model_fields.items():
        yield _row(title, key, info, defaults.get(key))
    for key, info in model.model_fields.items():
        inner = section_of(info)
        if inner is not None:
            yield from _section(_path(title, key, info), inner)


def _path(title: str, key: str, info: FieldInfo) -> str:
    many = "[]" if get_origin(info.annotation) is tuple else ""
    return f"{title}.{key}{many}" if title else f"{key}{many}"


def _row(title: str, key: str, info: FieldInfo, default: Any) -> str:
    inner = section_of(info)
    meaning = " ".join((info.description or (inner.__doc__ if inner else "") or "").split())
    kind = kind_of(info.annotation, info.metadata)
    if inner is not None:
        path = _path(title, key, info)
        kind = f"[{kind}](#{''.join(c for c in path.lower() if c.isalnum() or c in '_-')})"
    standing = "required" if info.is_required() else _default(None if inner else default)
    return f"| `{key}` | {kind} | {standing} | {_range(info.annotation, info.metadata)} | {meaning} |\n"


def _default(value: Any) -> str:
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, list):
        return f"`[{', '.join(str(one) for one in value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def kind_of(annotation: Any, metadata: Sequence[Any]) -> str:
    """A type in words."""
    for one in metadata:
        if isinstance(one, BeforeValidator) and one.func in _READERS:
            return _READERS[one.func]
    arguments = get_args(annotation)
    match get_origin(annotation):
        case None:
            kind = _kind_of_class(annotation, metadata)
        case origin if origin is Annotated:
            kind = kind_of(arguments[0], arguments[1:])
        case origin if origin is tuple:
            kind = f"list of {_many(arguments[0])}"
        case origin if origin is dict:
            kind = f"names, each with a {kind_of(arguments[1], ())}"
        case origin if origin is Literal:
            kind = " or ".join(f"`{one}`" for one in arguments)
        case _:
            kind = kind_of(_given(arguments), ())
    return kind


def _given(choices: Sequence[Any]) -> Any:
    """The type of an optional key."""
    return next(one for one in choices if one is not type(None))


def _many(annotation: Any) -> str:
    kind = kind_of(annotation, ())
    return kind.replace("secret,", "secrets,") if "secret" in kind else f"{kind}s"


def _kind_of_class(annotation: type[Any], metadata: Sequence[Any]) -> str:
    if issubclass(annotation, BaseModel):
        return "section"
    if issubclass(annotation, Enum):
        return " or ".join(f"`{one.value}`" for one in annotation)
    if annotation is str and any(getattr(one, "pattern", None) for one in _flat(metadata)):
        return "name"
    return _PLAIN[annotation]


def _range(annotation: Any, metadata: Sequence[Any]) -> str:
    """The bounds of a number, or of a list's length, in words."""
    if get_origin(annotation) in (Union, UnionType):
        return _range(_given(get_args(annotation)), metadata)
    if get_origin(annotation) is Annotated:
        return _range(get_args(annotation)[0], [*metadata, *get_args(annotation)[1:]])
    words = [_bound(one) for one in _flat(metadata)]
    if get_origin(annotation) is tuple:
        words += [f"at least {one.min_length}" for one in metadata if isinstance(one, annotated_types.MinLen)]
    return ", ".join(word for word in words if word)


def _bound(constraint: Any) -> str:
    for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if (bound := getattr(constraint, name, None)) is not None:
            return f"{sign} {bound:g}"
    return ""


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    """Constraints, also those that stand inside a `Field(…)`."""
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _flat(one.metadata)
        else:
            yield one
