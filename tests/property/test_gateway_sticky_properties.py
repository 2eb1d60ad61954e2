"""Sticky prompts: the same beginning finds the same channel, and few move when the weights change."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, Target
from foreroute.gateway.select import Choice, Standing, choose

DRAWS = st.floats(0, 1, exclude_max=True)
PREFIXES = st.binary(min_size=1, max_size=64)
MANY = [hashlib.blake2b(b"%d" % number, digest_size=16).digest() for number in range(4_000)]


def choosing(
    weights: Sequence[float],
    *,
    slowdown: Callable[[ChannelId], float] = lambda _: 1.0,
    trust: Callable[[ChannelId], float] = lambda _: 1.0,
    loads: Sequence[int] = (0,) * 9,
    draws: tuple[float, float] = (0.1, 0.2),
    **more: Any,
) -> Choice:
    targets = tuple(Target(channel=ChannelId(str(i)), weight=w) for i, w in enumerate(weights))
    return Choice(
        route=Route(name=RouteName("r"), targets=targets),
        standing=lambda _: Standing.FREE,
        in_flight=lambda channel: loads[int(channel)],
        draws=draws,
        slowdown=slowdown,
        trust=trust,
        **more,
    )


def taken(choice: Choice) -> int:
    pick = choose(choice)
    assert pick is not None
    return int(pick.target.channel)


@given(PREFIXES, DRAWS, DRAWS)
def test_the_same_beginning_goes_to_the_same_channel_whatever_chance_says(
    prefix: bytes, one: float, two: float
) -> None:
    weights = [0.5, 0.3, 0.2]
    assert taken(choosing(weights, prefix=prefix, draws=(one, two))) == taken(
        choosing(weights, prefix=prefix)
    )


@given(PREFIXES, st.integers(0, 2))
def test_a_channel_that_is_gone_moves_only_its_own_prompts(prefix: bytes, gone: int) -> None:
    choice = choosing([0.5, 0.3, 0.2], prefix=prefix)
    without = replace(
        choice,
        standing=lambda target: Standing.OPEN if target.channel == str(gone) else Standing.FREE,
    )
    before, after = taken(choice), taken(without)
    assert after != gone
    assert before in {gone, after}


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.7, 0.2, 0.1], [0.95, 0.05]])
def test_shares_of_prompts_are_the_weights(weights: list[float]) -> None:
    counts = Counter(taken(choosing(weights, prefix=prefix)) for prefix in MANY)
    for index, weight in enumerate(weights):
        sigma = (weight * (1 - weight) / len(MANY)) ** 0.5
        assert counts[index] / len(MANY) == pytest.approx(weight, abs=4 * sigma)


def test_few_prompts_move_when_a_weight_changes_and_all_of_them_to_the_one_that_grew() -> None:
    before = [taken(choosing([0.4, 0.3, 0.3], prefix=prefix)) for prefix in MANY]
    after = [taken(choosing([0.5, 0.3, 0.2], prefix=prefix)) for prefix in MANY]
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert 0 < len(moved) / len(MANY) < 0.14, "hardly more than the tenth that had to"
    assert all(new == 0 or old == 2 for old, new in moved)


def test_a_newcomers_share_of_prompts_is_what_it_is_trusted_with() -> None:
    choices = (
        choosing([0.5, 0.5], trust=lambda c: 0.05 if c == "1" else 1.0, prefix=prefix) for prefix in MANY
    )
    share = sum(taken(choice) for choice in choices) / len(MANY)
    assert share == pytest.approx(0.05 / 1.05, abs=0.015)


def test_a_cache_is_left_for_a_load_that_outweighs_it_only() -> None:
    """With twice the load of the other the prompt stays; with many times the load it goes."""
    prefix = next(p for p in MANY if taken(choosing([0.5, 0.5], prefix=p)) == 0)
    other: dict[str, Any] = {"prefix": prefix, "draws": (0.0, 0.9)}
    assert taken(choosing([0.5, 0.5], loads=(8, 4), **other)) == 0
    assert taken(choosing([0.5, 0.5], loads=(30, 4), **other)) == 1
    assert taken(choosing([0.5, 0.5], loads=(8, 4), draws=(0.0, 0.9))) == 1, "without a cache it goes at once"


@pytest.mark.parametrize(("ratio", "taken_over"), [(1.0, False), (1.9, False), (2.0, True), (9.0, True)])
def test_a_channel_twice_as_slow_as_usual_loses_the_second_draw(ratio: float, taken_over: bool) -> None:
    choice = choosing([0.5, 0.5], slowdown=lambda c: ratio if c == "0" else 1.0, draws=(0.0, 0.9))
    assert taken(choice) == int(taken_over)
    explored = choosing(
        [0.5, 0.5], slowdown=lambda c: ratio if c == "0" else 1.0, draws=(0.0, 0.9), explore=True
    )
    assert taken(explored) == 0, "so that what is known of it stays fresh"


def test_slow_together_is_not_slow() -> None:
    assert taken(choosing([0.5, 0.5], slowdown=lambda _: 5.0, draws=(0.0, 0.9))) == 0


def test_slowdown_weighs_load() -> None:
    mild: dict[str, Any] = {"slowdown": lambda c: 1.8 if c == "0" else 1.0, "draws": (0.0, 0.9)}
    assert taken(choosing([0.5, 0.5], loads=(6, 6), **mild)) == 1
    assert taken(choosing([0.5, 0.5], loads=(6, 12), **mild)) == 0


@pytest.mark.parametrize("trust", [0.05, 0.25, 1.0])
def test_shares_follow_trust(trust: float) -> None:
    rng, counts = random.Random(5), Counter[int]()
    for _ in range(20_000):
        draws = (rng.random(), rng.random())
        counts[taken(choosing([0.5, 0.5], trust=lambda c: trust if c == "1" else 1.0, draws=draws))] += 1
    assert counts[1] / 20_000 == pytest.approx(trust / (1 + trust), abs=0.012)


@given(
    st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=2, max_size=5), DRAWS, DRAWS, st.booleans(), st.data()
)
def test_whatever_is_slow_or_new_somebody_free_is_taken(
    weights: list[float], one: float, two: float, explore: bool, data: st.DataObject
) -> None:
    slow = data.draw(st.lists(st.floats(1, 1e6), min_size=5, max_size=5))
    trust = data.draw(st.lists(st.sampled_from([0.05, 0.25, 1.0]), min_size=5, max_size=5))
    loads = data.draw(st.lists(st.integers(0, 10_000), min_size=5, max_size=5))
    prefix = data.draw(st.none() | PREFIXES)
    choice = choosing(
        weights,
        slowdown=lambda c: slow[int(c)],
        trust=lambda c: trust[int(c)],
        loads=loads,
        draws=(one, two),
        explore=explore,
        prefix=prefix,
    )
    assert 0 <= taken(choice) < len(weights)
