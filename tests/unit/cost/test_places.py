"""Erlang's loss formula: how much of a channel's places can be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.cost.places import blocked, load_max


@pytest.mark.parametrize(("places", "load"), [(1, 0.0204), (5, 1.66), (10, 5.08), (50, 40.3), (100, 88.0)])
def test_the_published_table_for_two_per_cent(places: int, load: float) -> None:
    assert load_max(places) == pytest.approx(load, rel=0.005)


@given(st.integers(1, 300), st.floats(0.001, 0.5))
def test_the_load_blocks_as_many_as_it_may_and_more_places_take_more_each(places: int, share: float) -> None:
    load = load_max(places, share)
    assert blocked(places, load) == pytest.approx(share, rel=1e-3)
    assert load_max(places + 1, share) / (places + 1) >= load / places - 1e-9
