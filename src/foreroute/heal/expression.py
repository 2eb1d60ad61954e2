"""Conditions of playbooks: a small language of its own, read into a tree of its own and walked by hand.

Python's parser reads the text, for the grammar that everybody knows; whatever is not on the short list of `_read` is
refused then. Nothing of Python runs. Kinds are checked when a condition is read, so that one that was accepted always
evaluates: to a number, a flag, a text, or None where something is not known.
"""

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, Protocol

from foreroute.core.errors import ForerouteError

LENGTH_MAX: Final = 300
NODES_MAX: Final = 80
DEPTH_MAX: Final = 12
_NUMBER_MAX: Final = 1e12
_TEXT_MAX: Final = 100

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


def read(text: str, words: Vocabulary, *, wanted: Kind | None = Kind.FLAG) -> Expression:
    """The condition as a tree. Raises ExpressionError."""
    if len(text) > LENGTH_MAX:
        raise ExpressionError(
            f"a condition has at most {LENGTH_MAX} characters, not {len(text)}", "split it in two"
        )
    try:
        parsed = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(
            f"{text[:60]!r} is not a condition", "for example: ok_rate >= 0.99 and requests >= 20"
        ) from None
    if sum(1 for _ in ast.walk(parsed)) > 4 * NODES_MAX:
        raise ExpressionError("the condition has too many parts", "split it in two")
    reader = _Reader(words)
    root, kind = reader.read(parsed.body, 0)
    if wanted is not None and kind is not wanted:
        raise ExpressionError(f"{text[:60]!r} is a {kind}, not a {wanted}", _EXAMPLES[wanted])
    return Expression(text.strip(), root, kind)


_EXAMPLES: Final = {
    Kind.FLAG: "compare it with something: ok_rate >= 0.99",
    Kind.NUMBER: "for example: 1.5 * objective_limit",
    Kind.TEXT: "for example: cause",
    Kind.NUMBERS: "",
    Kind.TEXTS: "",
}
_SIGNS: Final[Mapping[type[ast.AST], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_LISTS: Final = {Kind.NUMBER: Kind.NUMBERS, Kind.TEXT: Kind.TEXTS}


class _Reader:
    """Reads one condition; counts its parts."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._parts = 0

    def read(self, node: ast.expr, depth: int) -> tuple[Node, Kind]:
        self._parts += 1
        if self._parts > NODES_MAX or depth > DEPTH_MAX:
            raise ExpressionError("the condition has too many parts", "split it in two")
        match node:
            case ast.Constant():
                return _constant(node.value)
            case ast.Name():
                return self._name(node.id)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node.args, depth)
            case ast.BoolOp():
                return self._joined(node, depth)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self._of(node.operand, Kind.FLAG, "not", depth)), Kind.FLAG
            case ast.UnaryOp(op=ast.USub()):
                return Minus(self._of(node.operand, Kind.NUMBER, "-", depth)), Kind.NUMBER
            case ast.BinOp() if type(node.op) in _SIGNS:
                sign = _SIGNS[type(node.op)]
                left = self._of(node.left, Kind.NUMBER, sign, depth)
                return Sum(sign, left, self._of(node.right, Kind.NUMBER, sign, depth)), Kind.NUMBER
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in _SIGNS:
                return self._compared(_SIGNS[type(op)], node.left, right, depth)
            case ast.List() | ast.Tuple():
                raise ExpressionError("a list stands right of `in` only", "for example: cause in ['a', 'b']")
        raise ExpressionError(
            f"a condition may not hold {type(node).__name__}",
            "it has names, numbers, texts, and, or, not, < <= > >= == != in, + - * / and the known functions",
        )

    def _of(self, node: ast.expr, wanted: Kind, sign: str, depth: int) -> Node:
        found, kind = self.read(node, depth + 1)
        if kind is not wanted:
            raise ExpressionError(f"`{sign}` needs a {wanted}, not a {kind}", _EXAMPLES[wanted])
        return found

    def _name(self, name: str) -> tuple[Node, Kind]:
        kind = self._words.names.get(name)
        if kind is None:
            raise ExpressionError(f"there is no {name[:40]!r}", _near(name, self._words.names))
        return Named(name), kind

    def _call(self, name: str, given: Sequence[ast.expr], depth: int) -> tuple[Node, Kind]:
        function = self._words.functions.get(name)
        if function is None:
            raise ExpressionError(
                f"there is no function {name[:40]!r}", _near(name, self._words.functions)
            )
        least = len(function.arguments) if function.least is None else function.least
        if not least <= len(given) <= len(function.arguments):
            wanted = ", ".join(function.arguments)
            raise ExpressionError(f"{name} takes ({wanted})", f"{len(given)} were given")
        arguments = tuple(
            self._of(one, kind, name, depth) for one, kind in zip(given, function.arguments, strict=False)
        )
        constants = [one.value if isinstance(one, Constant) else None for one in arguments]
        if wrong := function.check(constants):
            raise ExpressionError(f"{name}: {wrong}")
        return Called(name, arguments), function.result

    def _joined(self, node: ast.BoolOp, depth: int) -> tuple[Node, Kind]:
        word = "and" if isinstance(node.op, ast.And) else "or"
        parts = tuple(self._of(one, Kind.FLAG, word, depth) for one in node.values)
        return Joined(word == "and", parts), Kind.FLAG

    def _compared(self, sign: str, left: ast.expr, right: ast.expr, depth: int) -> tuple[Node, Kind]:
        one, kind = self.read(left, depth + 1)
        if sign in ("in", "not in"):
            return Compared(sign, one, self._listed(right, kind)), Kind.FLAG
        other, same = self.read(right, depth + 1)
        if kind is not same:
            raise ExpressionError(f"a {kind} cannot be compared with a {same}", "compare like with like")
        if sign not in ("==", "!=") and kind is not Kind.NUMBER:
            raise ExpressionError(f"`{sign}` compares numbers, not a {kind}", "use == or !=")
        return Compared(sign, one, other), Kind.FLAG

    def _listed(self, node: ast.expr, kind: Kind) -> Listed:
        hint = "for example: cause in ['overloaded_or_capacity', 'server_error']"
        if not isinstance(node, ast.List | ast.Tuple) or kind not in _LISTS:
            raise ExpressionError("right of `in` stands a list of constants", hint)
        values = []
        for one in node.elts:
            self._parts += 1
            if not isinstance(one, ast.Constant):
                raise ExpressionError("right of `in` stands a list of constants", hint)
            constant, own = _constant(one.value)
            if own is not kind or self._parts > NODES_MAX:
                raise ExpressionError(f"the list must hold {_LISTS[kind]} only", hint)
            values.append(constant.value)
        return Listed(tuple(values))


def _constant(value: object) -> tuple[Constant, Kind]:
    if isinstance(value, bool):
        return Constant(value), Kind.FLAG
    if isinstance(value, int | float):
        if not abs(value) <= _NUMBER_MAX:
            raise ExpressionError("a number is too large", f"at most {_NUMBER_MAX:g}")
        return Constant(float(value)), Kind.NUMBER
    if isinstance(value, str) and len(value) <= _TEXT_MAX:
        return Constant(value), Kind.TEXT
    raise ExpressionError(f"{str(value)[:40]!r} is no number, text or flag", "for example: 0.95")


def _near(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    return (f"did you mean {close[0]}? " if close else "") + "known: " + ", ".join(sorted(known))


def evaluate(expression: Expression, known: Known) -> Value | None:
    """What the condition comes to; None where that depends on something unknown. Never raises."""
    return _walk(expression.root, known)


def holds(expression: Expression, known: Known) -> bool | None:
    """The same, of a condition."""
    found = _walk(expression.root, known)
    return found if isinstance(found, bool) else None


def _walk(node: Node, known: Known) -> Value | None:
    match node:
        case Constant():
            return node.value
        case Named():
            return _clean(known.value(node.name))
        case Called():
            return _called(node, known)
        case Not():
            of = _walk(node.of, known)
            return None if of is None else not of
        case Minus():
            number = _number(node.of, known)
            return None if number is None else -number
        case Sum():
            return _sum(node.sign, _number(node.left, known), _number(node.right, known))
        case Compared():
            return _compare(node, known)
        case Joined():
            return _join(node, known)
        case Listed():
            return None


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
