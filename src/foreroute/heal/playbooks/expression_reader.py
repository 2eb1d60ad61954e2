"""Reads conditions: Python's parser for the grammar that everybody knows, and a short list of what of it is allowed."""

import ast
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from foreroute.heal.playbooks.expression import (
    Called,
    Compared,
    Constant,
    Expression,
    ExpressionError,
    Joined,
    Kind,
    Listed,
    Minus,
    Named,
    Node,
    Not,
    Sum,
    Vocabulary,
)

LENGTH_MAX: Final = 300
NODES_MAX: Final = 80
DEPTH_MAX: Final = 12
_NUMBER_MAX: Final = 1e12
_TEXT_MAX: Final = 100


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
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in _SIGNS:
                return self._compared(_SIGNS[type(op)], node.left, right, depth)
            case ast.List() | ast.Tuple():
                raise ExpressionError("a list stands right of `in` only", "for example: cause in ['a', 'b']")
        return self._compound(node, depth)

    def _compound(self, node: ast.expr, depth: int) -> tuple[Node, Kind]:
        match node:
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
            raise ExpressionError(f"there is no function {name[:40]!r}", _near(name, self._words.functions))
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
