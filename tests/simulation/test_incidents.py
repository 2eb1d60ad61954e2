"""A region is lost on virtual time, with the real control loop: one incident with its phases in order."""

import asyncio

import pytest
from tests.incident_house import REGION, IncidentHouse

from foreroute.core.incident import ActKind, IncidentReport


@pytest.fixture(scope="module")
def told() -> tuple[IncidentHouse, list[IncidentReport]]:
    """The whole story, an outage of a quarter of an hour, and all that was told of it."""

    async def play() -> tuple[IncidentHouse, list[IncidentReport]]:
        house = IncidentHouse()
        await house.start()
        await house.until(2700.0)
        return house, await house.desk.newest(100)

    return asyncio.run(play())


def test_a_lost_region_of_several_clouds_is_one_incident(
    told: tuple[IncidentHouse, list[IncidentReport]],
) -> None:
    house, reports = told
    region = {channel.id for channel in house.simulation._plane.channels if channel.region == REGION}
    since = [one for one in reports if one.opened_at >= house.lost_at and one.kind != "slow"]
    about = [one for one in since if one.channels & region]
    assert len(about) == 1
    (report,) = about
    assert (report.scope, report.name) == ("region", REGION)
    assert report.channels <= region
    assert len(report.channels) >= 0.6 * len(region)
    assert report.failure_class.value == "timeout_connect"


def test_its_phases_follow_the_loss(told: tuple[IncidentHouse, list[IncidentReport]]) -> None:
    house, reports = told
    report = next(one for one in reports if one.name == REGION)
    phases = report.phases
    assert None not in (
        phases.first_bad_at,
        phases.detected_at,
        phases.decided_at,
        phases.shifted_at,
        phases.verified_at,
        phases.closed_at,
    )
    times = [at - house.lost_at for _, at in phases.known()]
    assert times == sorted(times)
    first, detected, decided, shifted, verified, _ = times
    assert 0.0 < first < 10.0, "to the attempt, not to the minute"
    assert detected <= 60.0
    assert decided <= 60.0
    assert shifted < 300.0
    assert verified > 900.0, "not before the region is back"


def test_it_says_what_was_done_and_what_users_felt(
    told: tuple[IncidentHouse, list[IncidentReport]],
) -> None:
    house, reports = told
    report = next(one for one in reports if one.name == REGION)
    kinds = {act.kind for act in report.acts}
    assert kinds >= {ActKind.GATEWAY, ActKind.DECISION}
    assert report.felt.rescued > report.felt.lost
    assert report.felt.requests > 500
    assert report.clocks.user_s is not None
    assert report.clocks.channel_s is not None
    assert report.clocks.channel_s < 300.0
    assert report.patterns[0].text == "connecting took too long"
    assert report.share_before is not None
    assert report.share_least is not None
    assert report.share_least < report.share_before
    board = house.simulation.board
    assert board is not None
    assert board.stage_errors == {}
