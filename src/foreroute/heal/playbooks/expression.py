"""Conditions of playbooks: a small language of its own, as a tree that is walked by hand. Nothing of Python runs.

Kinds are checked when a condition is read (`expression_reader`), so that one that was accepted always evaluates: to a
number, a flag, a text, or None where something is not known.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from foreroute.core.errors import ForerouteError

Value = float | bool | str


class Kind(StrEnum):
    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    NUMBERS = "numbers"
    """A list, right of `in` only."""
    TEXTS = "texts"


class ExpressionError(ForerouteError):
    """A condition that cannot be used; `hint` says what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Function:
    """`check` looks at the constant arguments (None: not constant) when the condition is read; returns what is wrong."""

    arguments: tuple[Kind, ...]
    result: Kind
    check: Callable[[Sequence[Value | None]], str] = field(default=lambda _: "")
    least: int | None = None
    """How many arguments it takes at least; None: all of them."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    names: Mapping[str, Kind]
    functions: Mapping[str, Function]


class Known(Protocol):
    """What is known when a condition is asked. None: not known."""

    def value(self, name: str) -> Value | None: ...

    def call(self, name: str, arguments: Sequence[Value]) -> Value | None: ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value


@dataclass(frozen=True, slots=True)
class Listed:
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Named:
    name: str


@dataclass(frozen=True, slots=True)
class Called:
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    of: "Node"


@dataclass(frozen=True, slots=True)
class Minus:
    of: "Node"


@dataclass(frozen=True, slots=True)
class Sum:
    """`sign` is one of + - * /."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Compared:
    """`sign` is one of < <= > >= == != in, not in."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """All of them (`and`), or any (`or`)."""

    all_of: bool
    parts: tuple["Node", ...]


Node = Constant | Listed | Named | Called | Not | Minus | Sum | Compared | Joined


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    root: Node
    kind: Kind


def evaluate(expression: Expression, known: Known) -> Value | None:
    """What the condition comes to; None where that depends on something unknown. Never raises."""
    return _walk(expression.root, known)


def holds(expression: Expression, known: Known) -> bool | None:
    """The same, of a condition."""
    found = _walk(expression.root, known)
    return found if isinstance(found, bool) else None


def _walk(node: Node, known: Known) -> Value | None:
    match node:
        case Sum():
            return _sum(node.sign, _number(node.left, known), _number(node.right, known))
        case Compared():
            return _compare(node, known)
        case Joined():
            return _join(node, known)
        case Not() | Minus():
            return _turned(node, known)
        case Called():
            return _called(node, known)
        case _:
            return _leaf(node, known)


def _leaf(node: Constant | Named | Listed, known: Known) -> Value | None:
    match node:
        case Constant():
            return node.value
        case Named():
            return _clean(known.value(node.name))
        case Listed():
            return None


def _turned(node: Not | Minus, known: Known) -> Value | None:
    if isinstance(node, Not):
        of = _walk(node.of, known)
        return None if of is None else not of
    number = _number(node.of, known)
    return None if number is None else -number


def _called(node: Called, known: Known) -> Value | None:
    arguments = []
    for one in node.arguments:
        if (value := _walk(one, known)) is None:
            return None
        arguments.append(value)
    if node.name in ("min", "max"):
        pick = min if node.name == "min" else max
        return pick(float(one) for one in arguments)
    return _clean(known.call(node.name, arguments))


def _join(node: Joined, known: Known) -> bool | None:
    """Kleene's logic: what decides decides, whatever else is unknown."""
    found = [_walk(part, known) for part in node.parts]
    decides = not node.all_of
    if decides in found:
        return decides
    return None if None in found else node.all_of


def _compare(node: Compared, known: Known) -> bool | None:
    left = _walk(node.left, known)
    if left is None:
        return None
    if isinstance(node.right, Listed):
        return (left in node.right.values) is (node.sign == "in")
    right = _walk(node.right, known)
    if right is None:
        return None
    if node.sign in ("==", "!="):
        return (left == right) is (node.sign == "==")
    one, other = float(left), float(right)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[node.sign]


def _sum(sign: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (sign == "/" and right == 0):
        return None
    found = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
    }[sign]()
    return found if math.isfinite(found) else None


def _number(node: Node, known: Known) -> float | None:
    found = _walk(node, known)
    return None if found is None else float(found)


def _clean(value: Value | None) -> Value | None:
    """What is not finite is not known; an integer is a number."""
    if isinstance(value, bool | str) or value is None:
        return value
    return float(value) if math.isfinite(value) else None


def names_in(expression: Expression) -> tuple[str, ...]:
    """The names that it asks for, each once, in their order."""
    return tuple(dict.fromkeys(_names(expression.root)))


def _names(node: Node) -> Iterator[str]:
    match node:
        case Named():
            yield node.name
        case Called():
            for one in node.arguments:
                yield from _names(one)
        case Not() | Minus():
            yield from _names(node.of)
        case Sum() | Compared():
            yield from _names(node.left)
            yield from _names(node.right)
        case Joined():
            for one in node.parts:
                yield from _names(one)
        case _:
            return
