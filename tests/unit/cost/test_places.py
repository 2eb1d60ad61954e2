"""Erlang's loss formula: how much of a channel's places can be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.cost.places import BLOCKED_MAX, USED_MIN, blocked, load_max


@pytest.mark.parametrize(
    ("places", "load"), [(10, 5.08), (12, 6.61), (50, 40.3), (100, 88.0), (1, 0.5), (2, 1.0)]
)
def test_the_published_table_for_two_per_cent_and_half_of_a_few(places: int, load: float) -> None:
    assert load_max(places) == pytest.approx(load, rel=0.005)


@given(st.integers(1, 300))
def test_more_places_are_used_more_each_and_turn_no_more_away(places: int) -> None:
    load = load_max(places)
    assert load >= USED_MIN * places
    assert blocked(places, load) <= BLOCKED_MAX + 1e-6 or load == USED_MIN * places
    assert load_max(places + 1) / (places + 1) >= load / places - 1e-9


def test_one_place_is_taken_as_often_as_it_is_busy() -> None:
    assert blocked(1, 1.0) == 0.5
