"""Playbooks from a YAML file of several documents. Every mistake is a ConfigError that says where it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from foreroute.core.errors import ConfigError
from foreroute.heal.playbooks.mistakes import explained, place_of
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.schema import PlaybookDocument

_NODES_MAX: Final = 50_000


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
    nodes: dict[str, tuple[yaml.Node, int]] = {}
    for number, node in enumerate(_documents(text, source), start=1):
        document = _validated(node, source, number)
        name = document.metadata.name
        if name in playbooks:
            where = place_of(source, node, number, ("metadata", "name"))
            raise ConfigError(f"a second playbook is called {name}", where=where, hint="give it its own name")
        playbooks[name], nodes[name] = document.value(), (node, number)
    if not playbooks:
        raise ConfigError(
            "the file holds no playbook", where=source, hint="begin with apiVersion: foreroute/v1"
        )
    for name, playbook in playbooks.items():
        _check_escalations(playbook, playbooks, source, *nodes[name])
    return tuple(playbooks.values())


def _check_escalations(
    playbook: Playbook, known: dict[str, Playbook], source: str, node: yaml.Node, number: int
) -> None:
    for place, one in enumerate(playbook.escalation):
        if one.run is not None and (one.run not in known or one.run == playbook.name):
            others = ", ".join(sorted(set(known) - {playbook.name}))
            raise ConfigError(
                f"it cannot run {one.run}: there is no such other playbook in this file",
                where=place_of(source, node, number, ("spec", "escalation", place, "run")),
                hint=f"one of: {others}" if others else "the file has only one playbook",
            )


def _documents(text: str, source: str) -> Iterator[yaml.Node]:
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if not _is_empty(node):
                if _size(node, {}) > _NODES_MAX:
                    raise ConfigError(
                        f"more than {_NODES_MAX} values (aliases count each time)",
                        where=source,
                        hint="write out what is needed instead of nesting aliases",
                    )
                _refuse_duplicates(node, source)
                yield node
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{source}:{line}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {error}", where=source) from error


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values it is, written out. Raises RecursionError for what holds itself."""
    size = known.get(id(node))
    if size is None:
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        pairs = isinstance(node, yaml.MappingNode)
        size = 1 + sum(_size(child[1] if pairs else child, known) for child in children)
        known[id(node)] = size
    return size


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == ""


def _refuse_duplicates(node: yaml.Node, source: str) -> None:
    """YAML lets a later key win in silence: half of what was written would be ignored."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(item, source)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                raise ConfigError(
                    f"the key {name} is there twice, first in line {seen[name]}",
                    where=f"{source}:{line}",
                    hint="keep one of the two",
                )
            seen[name] = line
            _refuse_duplicates(value, source)


def _validated(node: yaml.Node, source: str, number: int) -> PlaybookDocument:
    loader = yaml.SafeLoader("")
    try:
        data = loader.construct_document(node)
        return PlaybookDocument.model_validate(data)
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(
            f"not valid YAML: {error.problem}", where=place_of(source, node, number, ())
        ) from error
    except ValidationError as error:
        mistake = explained(error.errors()[0], node)
        where = place_of(source, node, number, mistake.path)
        raise ConfigError(mistake.message, where=where, hint=mistake.hint) from error
    except ValueError as error:  # a number of many thousand digits, a date that is none
        raise ConfigError(
            f"a value cannot be read: {error}",
            where=place_of(source, node, number, ()),
            hint="put it in quotes",
        ) from error
    finally:
        loader.dispose()
