"""Keys and teams as JSON, and the calendar of their budgets."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.fields import BadField
from foreroute.core.ids import KeyId
from foreroute.core.key_json import (
    key_bytes,
    key_from_dict,
    key_to_dict,
    limits_from_dict,
    read_key,
    read_team,
    team_bytes,
)
from foreroute.core.keys import Budget, Limits, Role, Team, TeamId, VirtualKey
from foreroute.core.windows import Window, window_end, window_start

NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=4)
COUNTS = st.none() | st.integers(1, 10**9)
INSTANTS = st.floats(0, 4e9)
LIMITS = st.builds(
    Limits,
    requests_per_minute=COUNTS,
    tokens_per_minute=COUNTS,
    parallel_max=COUNTS,
    budgets=st.lists(
        st.builds(Budget, AMOUNTS, st.sampled_from(Window), st.booleans()),
        unique_by=lambda budget: (budget.window, budget.hard),
        max_size=10,
    ).map(tuple),
    allow_unpriced=st.booleans(),
)
KEYS = st.builds(
    VirtualKey,
    id=NAMES.map(KeyId),
    name=NAMES,
    salt=st.binary(max_size=16),
    digest=st.binary(max_size=32),
    hint=st.just("abcd"),
    role=st.sampled_from(Role),
    models=st.lists(NAMES, unique=True, max_size=4).map(tuple),
    team=st.none() | NAMES.map(TeamId),
    limits=LIMITS,
    expires_at=st.none() | INSTANTS,
    tags=st.lists(NAMES, unique=True, max_size=3).map(tuple),
    disabled=st.booleans(),
    created_at=INSTANTS,
    deleted_at=st.none() | INSTANTS,
)


@given(KEYS)
def test_a_key_reads_back_as_it_was_written(key: VirtualKey) -> None:
    assert read_key(key_bytes(key)) == key
    assert key_bytes(read_key(key_bytes(key))) == key_bytes(key)


@given(NAMES, LIMITS, INSTANTS)
def test_a_team_reads_back_as_it_was_written(name: str, limits: Limits, at: float) -> None:
    team = Team(id=TeamId("t"), name=name, models=(name,), limits=limits, created_at=at)
    assert read_team(team_bytes(team)) == team


KEY = VirtualKey(id=KeyId("k"), name="n", salt=b"s", digest=b"d", hint="abcd", created_at=5.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nmae": "x"}, "nmae: there is no such field"),
        ({"name": None}, "name: is missing"),
        ({"name": ""}, "name: must be one line of 1 to 100 characters, not ''"),
        ({"name": "a\nb"}, "name: must be one line"),
        ({"name": " a"}, "name: must be one line"),
        ({"name": "\ud800"}, "name: must be one line"),
        ({"name": 5}, "name: must be a text, not a number"),
        ({"salt": "xyz"}, "salt: must be hexadecimal digits"),
        ({"digest": None}, "digest: is missing"),
        ({"role": "king"}, "role: there is no 'king'"),
        ({"role": ["call"]}, "role: there is no a list"),
        ({"models": "gpt-4"}, "models: must be a list, not a text"),
        ({"models": ["a", 1]}, "models[1]: must be a text, not a number"),
        ({"models": ["a", "b", "a"]}, "models[2]: stands there twice"),
        ({"models": ["m"] * 201}, "models: must be a list of at most 200, not of 201"),
        ({"expires_at": "2026"}, "expires_at: must be seconds since the epoch, not a text"),
        ({"expires_at": True}, "expires_at: must be seconds since the epoch, not true or false"),
        ({"expires_at": math.nan}, "expires_at: must be seconds since the epoch, not nan"),
        ({"expires_at": -1}, "expires_at: must be seconds since the epoch, not -1"),
        ({"disabled": 0}, "disabled: must be true or false, not a number"),
        ({"limits": []}, "limits: must be an object, not a list"),
        ({"limits": {"rpm": 5}}, "limits.rpm: there is no such field"),
        ({"limits": {"requests_per_minute": 0}}, "limits.requests_per_minute: must be a whole number from 1 to"),
        ({"limits": {"requests_per_minute": True}}, "limits.requests_per_minute: must be a whole number"),
        ({"limits": {"tokens_per_minute": 1.5}}, "limits.tokens_per_minute: must be a whole number from 1 to 1000"),
        ({"limits": {"parallel_max": "3"}}, "limits.parallel_max: must be a whole number from 1 to 1000000000000, not a text"),
        ({"limits": {"budgets": {}}}, "limits.budgets: must be a list, not an object"),
        ({"limits": {"budgets": [5]}}, "limits.budgets[0]: must be an object, not a number"),
        ({"limits": {"budgets": [{"window": "day"}]}}, "limits.budgets[0].limit_usd: is missing"),
        ({"limits": {"budgets": [{"limit_usd": "x", "window": "day"}]}}, "limits.budgets[0].limit_usd: must be an amount, not 'x'"),
        ({"limits": {"budgets": [{"limit_usd": -1, "window": "day"}]}}, "limits.budgets[0].limit_usd: must be from 0 to"),
        ({"limits": {"budgets": [{"limit_usd": "NaN", "window": "day"}]}}, "limits.budgets[0].limit_usd: must be from 0 to"),
        ({"limits": {"budgets": [{"limit_usd": True, "window": "day"}]}}, "limits.budgets[0].limit_usd: must be an amount, not true"),
        ({"limits": {"budgets": [{"limit_usd": 1, "window": "year"}]}}, "limits.budgets[0].window: there is no 'year'"),
        ({"limits": {"budgets": [{"limit_usd": 1, "window": "day"}, {"limit_usd": 2, "window": "day"}]}}, "limits.budgets[1]: is a second hard budget of a day"),
        ({"limits": {"budgets": [{"limit_usd": 1, "window": "day", "hrad": 1}]}}, "limits.budgets[0].hrad: there is no such field"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_with_its_place(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadField) as caught:
        key_from_dict(key_to_dict(KEY) | changes)
    assert str(caught.value).startswith(said)


def test_what_is_no_json_or_no_object_is_refused() -> None:
    for raw, said in (
        (b"{", "is not JSON"),
        (b"[]", "must be an object, not a list"),
        (b"\xff", "is not JSON"),
    ):
        with pytest.raises(BadField, match=said):
            read_key(raw)


def test_hints_say_what_would_be_right() -> None:
    with pytest.raises(BadField) as caught:
        limits_from_dict({"budgets": [{"limit_usd": 1, "window": "year"}]})
    assert caught.value.hint == "known: hour, day, week, month, total"


def test_amounts_are_exact_however_they_are_written() -> None:
    for written, meant in (("0.10", "0.10"), (0.1, "0.1"), (10, "10"), ("1E+2", "100")):
        (budget,) = limits_from_dict({"budgets": [{"limit_usd": written, "window": "total"}]}).budgets
        assert budget == Budget(Decimal(meant), Window.TOTAL)


@given(st.floats(0, 4e9), st.sampled_from([Window.HOUR, Window.DAY, Window.WEEK, Window.MONTH]))
def test_windows_follow_each_other_without_a_gap(at: float, window: Window) -> None:
    start, end = window_start(window, at), window_end(window, at)
    assert start <= at < end
    assert window_start(window, start) == start
    assert window_start(window, end) == end
    first, last = (datetime.fromtimestamp(one, UTC) for one in (start, end))
    assert (first.minute, first.second, first.microsecond) == (0, 0, 0)
    if window is not Window.HOUR:
        assert first.hour == 0
    if window is Window.WEEK:
        assert (first.isoweekday(), last - first) == (1, timedelta(days=7))
    if window is Window.MONTH:
        assert (first.day, last.day) == (1, 1)
        assert 28 <= (last - first).days <= 31
    assert end - start == {Window.HOUR: 3600.0, Window.DAY: 86400.0}.get(window, end - start)


def test_the_total_has_no_end() -> None:
    assert (window_start(Window.TOTAL, 5e8), window_end(Window.TOTAL, 5e8)) == (0.0, math.inf)
