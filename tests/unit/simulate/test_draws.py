"""Chance by name, and a level that wanders."""

import statistics

import pytest

from foreroute.simulate.draws import Luck, Roam


def test_the_same_name_has_the_same_luck_and_another_seed_another() -> None:
    one, again, other = Luck(1), Luck(1), Luck(2)
    assert one.attempt("a") == again.attempt("a")
    assert one.attempt("a") != one.attempt("b")
    assert one.attempt("a") != other.attempt("a")


def test_draws_are_uniform() -> None:
    luck = Luck(7)
    for place in range(4):
        values = sorted(luck.attempt(f"n{number}")[place] for number in range(4000))
        assert values[0] > 0.0
        assert values[-1] < 1.0
        assert max(abs(value - rank / 4000) for rank, value in enumerate(values)) < 0.035


def test_a_wandering_level_is_standard_normal_and_forgets() -> None:
    values = []
    pairs = []
    for number in range(600):
        roam = Roam(Luck(number), "x")
        now, soon, late = roam.at(1e9), roam.at(1e9 + 60.0), roam.at(1e9 + 40_000.0)
        values.append(now)
        pairs.append((now, soon, late))
    assert statistics.fmean(values) == pytest.approx(0.0, abs=0.12)
    assert statistics.pstdev(values) == pytest.approx(1.0, abs=0.1)
    assert statistics.correlation([p[0] for p in pairs], [p[1] for p in pairs]) > 0.9
    assert abs(statistics.correlation([p[0] for p in pairs], [p[2] for p in pairs])) < 0.15


def test_a_wandering_level_may_be_asked_in_any_order() -> None:
    forth, back = Roam(Luck(1), "x"), Roam(Luck(1), "x")
    times = [1e9 + 777.0 * number for number in range(50)]
    assert [forth.at(at) for at in times] == [back.at(at) for at in reversed(times)][::-1]
