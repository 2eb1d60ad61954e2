"""Nothing outside the whitelist evaluates, whatever the text; and what is accepted always comes to a value of its kind."""

import ast
import math
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foreroute.heal.playbooks.expression import Expression, ExpressionError, Kind, Value, evaluate, holds
from foreroute.heal.playbooks.expression_reader import DEPTH_MAX, LENGTH_MAX, NODES_MAX, read
from foreroute.heal.playbooks.facts import VOCABULARY

NUMBERS = sorted(name for name, kind in VOCABULARY.names.items() if kind is Kind.NUMBER)
TEXTS = sorted(name for name, kind in VOCABULARY.names.items() if kind is Kind.TEXT)
FLAGS = sorted(name for name, kind in VOCABULARY.names.items() if kind is Kind.FLAG)
ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn,
    ast.Call, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip


@dataclass
class Known:
    """Answers from a table, and notes what it was asked: nothing else can be reached from a condition."""

    values: dict[str, Value | None]
    asked: list[str] = field(default_factory=list)

    def value(self, name: str) -> Value | None:
        self.asked.append(name)
        return self.values.get(name)

    def call(self, name: str, arguments: Sequence[Value]) -> Value | None:
        self.asked.append(name)
        return self.values.get(f"{name}()")


def tried(text: str) -> Expression | None:
    try:
        return read(text, VOCABULARY, wanted=None)
    except ExpressionError:
        return None


python_like = st.lists(
    st.sampled_from(
        ["ok_rate", "p95", "cause", "probe_ok", "(", ")", "[", "]", "{", "}", ",", ".", ":", ":=", "=", "==", "<=", ">",
         "+", "-", "*", "/", "**", "//", "%", "@", "|", "&", "~", "^", "<<", " and ", " or ", " not ", " in ", " is ",
         " if ", " else ", " for ", " lambda ", " await ", " yield ", "1", "0.5", "1e999", "'a'", "b'a'", "f'{p95}'",
         "...", "None", "True", "__import__", "eval", "exec", "open", "getattr", "__class__", "count", "min", "os",
         "system", "globals", "print", "self", "\\n", ";", "#", "`", "$", "\x00", "é"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.one_of(python_like, st.text(string.printable, max_size=80), st.text(max_size=40)))
@example("__import__('os').system('true')")
@example("ok_rate.__class__.__mro__[1].__subclasses__()")
@example("(lambda: 1)() == 1")
@example("[x for x in (1,)] == 1")
@example("count('server_error', window='60s') > 1")
@example("count(*['server_error']) > 1")
@example("f'{ok_rate}' == 'a'")
@example("(ok_rate := 1) > 0")
@example("2 ** 999999 > 1")
@example("'a' * 99999999 == 'b'")
@example("9" * 290)
@example("1 if ok_rate else 2")
@example("ok_rate if True else p95")
@example("ok_rate < p95 < 3")
@example("not " * 60 + "probe_ok")
@example("(" * 140 + "1" + ")" * 140)
@example("-" * 290 + "1")
def test_what_is_accepted_is_made_of_the_whitelist_alone(text: str) -> None:
    found = tried(text)
    if found is None:
        return
    nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    assert all(isinstance(node, ALLOWED) for node in nodes)
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert names <= set(VOCABULARY.names) | set(VOCABULARY.functions)
    assert len(text) <= LENGTH_MAX + 20
    known = Known({})
    evaluate(found, known)
    assert set(known.asked) <= names


def test_each_way_out_of_the_language_is_closed() -> None:
    ways = ["__import__('os')", "ok_rate.real > 0", "cause[0] == 'a'", "{1: 2}", "lambda: 1", "[1][0] > 0", "1 if True else 0",
            "f'{p95}'", "b'a' == b'a'", "... == 1", "None == None", "p95 ** 2 > 1", "p95 % 2 > 1", "p95 // 2 > 1", "~p95 > 1",
            "p95 is p95", "(p95 := 1) > 0", "min(*[1, 2]) > 0", "min(p95, key=1) > 0", "yield 1", "await p95", "1j > 0"]  # fmt: skip
    assert [way for way in ways if tried(way) is not None] == []


number: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(NUMBERS),
        st.integers(-1000, 1000).map(str),
        st.floats(-1e6, 1e6, allow_nan=False).map(repr),
        st.tuples(number, st.sampled_from("+-*/"), number).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        number.map(lambda one: f"-({one})"),
        st.tuples(st.sampled_from(["min", "max"]), number, number).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        st.just("count('server_error', '60s')"),
    )
)
flag: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from([*FLAGS, "True", "False"]),
        st.tuples(number, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number).map(" ".join),
        st.tuples(st.sampled_from(TEXTS), st.sampled_from(["in", "not in"]), st.just("['a', 'b']")).map(
            " ".join
        ),
        st.tuples(flag, st.sampled_from(["and", "or"]), flag).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        flag.map(lambda one: f"(not {one})"),
    )
)
some_number = st.one_of(
    st.none(), st.floats(-1e9, 1e9), st.sampled_from([0.0, math.inf, -math.inf, math.nan, 1e308])
)
known_values = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, some_number),
        **dict.fromkeys(TEXTS, st.one_of(st.none(), st.sampled_from(["a", "c", ""]))),
        **dict.fromkeys(FLAGS, st.one_of(st.none(), st.booleans())),
        "count()": some_number,
    }
)


@settings(max_examples=300, deadline=None)
@given(flag, known_values)
def test_a_condition_comes_to_yes_no_or_not_known_and_never_raises(text: str, values: dict[str, Any]) -> None:
    found = tried(text)
    if found is None:  # too long or too deep
        assert len(text) > LENGTH_MAX or len(list(ast.walk(ast.parse(text, mode="eval")))) > DEPTH_MAX
        return
    assert found.kind is Kind.FLAG
    assert holds(found, Known(values)) in (True, False, None)


@settings(max_examples=300, deadline=None)
@given(flag, st.dictionaries(st.sampled_from(NUMBERS), st.floats(-100, 100)))
def test_it_agrees_with_python_where_everything_is_known(text: str, some: dict[str, float]) -> None:
    found = tried(text)
    if found is None:
        return
    values: dict[str, Any] = {
        **dict.fromkeys(NUMBERS, 1.0),
        **dict.fromkeys(TEXTS, "a"),
        **dict.fromkeys(FLAGS, True),
    }
    values |= some
    own = {"min": min, "max": max, "count": lambda *_: 2.0}
    try:
        wanted = eval(text, {"__builtins__": {}}, {**values, **own})
    except ZeroDivisionError:
        return
    got = holds(found, Known(values | {"count()": 2.0}))
    assert got in (wanted, None)  # None: a part was infinite, or divided by zero where it did not decide


def test_unknown_decides_nothing_and_what_decides_decides() -> None:
    known = Known({"ok_rate": None, "p95": 2.0})
    assert holds(read("ok_rate > 0.9", VOCABULARY), known) is None
    assert holds(read("ok_rate > 0.9 or p95 > 1", VOCABULARY), known) is True
    assert holds(read("ok_rate > 0.9 and p95 > 3", VOCABULARY), known) is False
    assert holds(read("not (ok_rate > 0.9)", VOCABULARY), known) is None
    assert holds(read("p95 / 0 > 1", VOCABULARY), known) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ok_rate > 0.9 and " * 40 + "True", "at most"),
        ("+".join(["1"] * (NODES_MAX + 1)) + " > 1", "too many parts"),
        ("p95 > 'a'", "compared"),
        ("cause > 'a'", "compares numbers"),
        ("not p95", "needs a flag"),
        ("p95", "is a number, not a flag"),
        ("oc_rate > 1", "did you mean ok_rate"),
        ("count('server_eror') > 1", "no failure class"),
        ("count('server_error', 60) > 1", "needs a text"),
        ("count('server_error', '60') > 1", "a number and a unit"),
        ("", "is not a condition"),
    ],
)
def test_a_mistake_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        read(text, VOCABULARY)
