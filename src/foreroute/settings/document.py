"""YAML text to plain data, with the line of every key: so that an error can point at its place.

Stricter than YAML: a key may stand only once in a mapping, and the text must be UTF-8 with one mapping at the top.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from foreroute.core.errors import ConfigError

Path = tuple[str | int, ...]
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_NODES_MAX: Final = 200_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    path: Path
    message: str
    hint: str = ""
    line: int = 0
    """Where it stands; 0: at its path."""


@dataclass(slots=True)
class Document:
    """The data of a file, where each of its keys stands, and which strings came from the environment."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    from_environment: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, problem: Problem) -> int:
        """The problem's own line, or that of the nearest key that the file has: what is missing has none."""
        known = problem.path
        while known and known not in self.lines:
            known = known[:-1]
        return problem.line or self.lines.get(known, 1)

    def where(self, problem: Problem) -> str:
        """`file:line: key.path`."""
        place = f"{self.name}:{self.line_of(problem)}"
        return f"{place}: {write_path(problem.path)}" if problem.path else place


def write_path(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read_document(raw: bytes, name: str, environment: Mapping[str, str]) -> Document:
    """Raises ConfigError when the text is no YAML mapping; smaller troubles are in `problems`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}",
            where=f"{name}:{line}",
            hint="save the file as UTF-8",
        ) from None
    document = Document(name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _build(document, root, environment)
    except yaml.YAMLError as error:
        raise _syntax(error, name) from None
    except RecursionError:
        raise ConfigError("nested too deeply, or an alias holds itself", where=name, hint=_EXAMPLE) from None
    return document


def _build(document: Document, root: yaml.Node | None, environment: Mapping[str, str]) -> None:
    name = document.name
    if root is None:
        raise ConfigError("the file is empty", where=name, hint=_EXAMPLE)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError("the file must hold a mapping of sections", where=f"{name}:1", hint=_EXAMPLE)
    _Builder(document, environment).mapping(root, (), document.data)


_EXAMPLE: Final = "it needs at least `channels:` and `routes:`; see configs/foreroute.yaml for an example"


def _syntax(error: yaml.YAMLError, name: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    parts = [getattr(error, "problem", None) or str(error).splitlines()[0], getattr(error, "context", None)]
    what = " ".join(part for part in parts if part)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name
    hint = "indent with spaces, put a space after each colon, and quote values with special characters"
    return ConfigError(f"not valid YAML: {what}", where=where, hint=hint)


class _Builder:
    """Walks the nodes of one document."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._loader = yaml.SafeLoader("")
        self._nodes = 0

    def mapping(self, node: yaml.MappingNode, path: Path, into: dict[str, Any]) -> dict[str, Any]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(
                    path, "a key must be a plain word", "quote it, or remove the question mark", line
                )
                continue
            key = str(key_node.value)
            if key in first:
                message = f"stands twice (first on line {first[key]})"
                self._problem((*path, key), message, "keep one of the two", line)
                continue
            first[key] = line
            self._document.lines[(*path, key)] = line
            into[key] = self.value(value_node, (*path, key))
        return into

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _NODES_MAX:
            raise ConfigError(
                f"more than {_NODES_MAX} values (aliases count each time)",
                where=self._document.name,
                hint="write out what is needed instead of nesting aliases",
            )
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, {})
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._problem(path, f"{node.value!r} cannot be read as a value", "put it in quotes")
            return node.value
        return self._expand(value, path) if isinstance(value, str) else value

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self._document.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _expand(self, text: str, path: Path) -> str:
        def replace(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            value = self._environment.get(name) or default
            if value is None:
                hint = f"export {name}=…, or give a default: ${{{name}:-value}}"
                self._problem(path, f"the environment variable {name} is not set", hint)
                return f"unset-{name}"
            self._document.from_environment.add(path)
            return value

        return _VARIABLE.sub(replace, text)

    def _problem(self, path: Path, message: str, hint: str, line: int = 0) -> None:
        self._document.problems.append(Problem(path, message, hint, line))
