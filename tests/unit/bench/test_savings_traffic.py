"""The traffic of the savings bench: as the published figures of its trace say, and another one for each seed."""

import time
from statistics import mean

import pytest
from bench.savings.setting import load
from bench.savings.traffic import MOONCAKE, Recorded

from foreroute.core.ids import ChannelId
from foreroute.simulate.scenario import build_world
from foreroute.simulate.traffic import Arrival

HOUR_S = 3600.0


@pytest.fixture(scope="module")
def setting():
    return load(time.time())[MOONCAKE]


def test_the_shape_has_the_rate_and_the_means_that_were_published(setting) -> None:
    found = [one for seed in range(4) for one in setting.traffic.arrivals(seed, HOUR_S)]
    assert len(found) / 4 == pytest.approx(12_031 / 2, rel=0.03)
    assert mean(one.input_tokens for one in found) == pytest.approx(12_035, rel=0.15)
    assert mean(one.output_tokens for one in found) == pytest.approx(343, rel=0.15)
    assert {one.offset_s % 3.0 for one in found} == {0.0}


def test_a_seed_is_the_same_each_time_and_unlike_another(setting) -> None:
    first, again, other = ([*setting.traffic.arrivals(seed, 600.0)] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert [one.offset_s for one in first] == sorted(one.offset_s for one in first)


def test_a_recorded_hour_comes_again_and_each_seed_takes_its_part() -> None:
    trace = [Arrival(float(second), second, 1) for second in range(100)]
    found = [*Recorded(trace, keep_every=4).arrivals(1, 250.0)]
    assert {one.input_tokens % 4 for one in found} == {1}
    assert max(one.offset_s for one in found) < 250.0
    assert len(found) == pytest.approx(250 / 4, abs=2)


def test_prices_are_those_of_the_price_book(setting) -> None:
    world = build_world(setting.scenario, 1)
    prices = {name: world.channels[ChannelId(name)].price for name in ("openai", "nano")}
    assert all(one is not None and 0 < one.input_usd < one.output_usd for one in prices.values())
