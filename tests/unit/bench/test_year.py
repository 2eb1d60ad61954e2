"""A year's outages are those that were published."""

import math

import pytest
from bench.year.outages import DAY_S, DAYS, SERVICES, TOGETHER, Down, windows, year

from foreroute.simulate.faults import Breakdown

YEARS = 300


@pytest.fixture(scope="module")
def years() -> list[list[Down]]:
    return [year(seed) for seed in range(YEARS)]


@pytest.mark.parametrize("number", range(len(SERVICES)))
def test_days_are_down_as_often_and_as_long_as_published(years: list[list[Down]], number: int) -> None:
    service, days = SERVICES[number], YEARS * DAYS
    mine = [one for played in years for one in played if one.service == number]
    lost = sum(one.for_s for one in mine) / (days * DAY_S)
    usual = 1.0 - service.mean
    # What the others share with it comes on top: at most 4 % of theirs.
    others = sum(1.0 - one.mean for one in SERVICES) - usual
    assert 0.95 * usual < lost < 1.05 * (usual + TOGETHER * others)
    assert max(one.for_s for one in mine) <= (1.0 - min(one.worst for one in SERVICES)) * DAY_S
    often = len(mine) / days
    assert 0.95 * (1.0 - service.at_least[0]) < often < 1.1 * (1.0 - service.at_least[0])


def test_a_year_is_the_same_each_time_and_another_with_another_seed(years: list[list[Down]]) -> None:
    assert year(7) == years[7]
    assert years[7] != years[8]
    assert all(one.at >= 0.0 and one.end_at <= DAYS * DAY_S for one in years[7])


def test_outages_that_are_near_are_played_together() -> None:
    near = [Down(0, 10_000.0, 600.0, Breakdown.ERROR), Down(1, 11_000.0, 60.0, Breakdown.SILENT)]
    far = Down(2, 50_000.0, 60.0, Breakdown.REFUSED)
    found = windows([*near, far], 600.0, 1800.0)
    assert [(start, end) for start, end, _ in found] == [(9400.0, 12_860.0), (49_400.0, 51_860.0)]
    assert found[0][2] == near
    assert math.isclose(found[0][1], max(one.end_at for one in near) + 1800.0)
