from collections.abc import Sequence

import pytest

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass as F
from foreroute.core.findings import Incident
from foreroute.core.ids import ChannelId, IncidentId, RegionId
from foreroute.heal.blame import blame, blamed


def channel(name, provider="p", region="eu", model="m", cloud="c") -> Channel:
    return Channel(
        id=ChannelId(name),
        provider=provider,
        cloud=cloud,
        region=RegionId(region),
        model=model,
        base_url="http://x",
    )


HOUSE = (
    channel("eu1"),
    channel("eu2", model="n"),
    channel("us1", region="us"),
    channel("us2", region="us", model="n"),
    channel("q1", provider="q", cloud="d"),
)


def blame_of(name: str, cause: F, *troubled: str, asked: Sequence[str] | None = None) -> tuple[str, str]:
    troubles = {ChannelId(one): [cause] for one in troubled}
    there = {one.id for one in HOUSE} if asked is None else set(map(ChannelId, asked))
    one = next(one for one in HOUSE if one.id == name)
    found = blame(one, cause, troubles, HOUSE, there)
    return found.scope.value, found.name


@pytest.mark.parametrize(
    ("cause", "troubled", "scope", "name"),
    [
        (F.OVERLOADED, ["eu1"], "channel", "eu1"),
        (F.AUTHENTICATION, ["eu1"], "key", "eu1"),
        (F.MODEL_NOT_FOUND, ["eu1", "us1"], "model", "p/m"),
        (F.OVERLOADED, ["eu1", "eu2"], "region", "c/eu"),
        (F.OVERLOADED, ["eu1", "eu2", "us1", "us2"], "provider", "p"),
    ],
)
def test_the_narrowest_scope_that_explains_what_is_seen_is_to_blame(cause, troubled, scope, name):
    assert blame_of("eu1", cause, *troubled) == (scope, name)


def test_channels_without_traffic_say_nothing():
    assert blame_of("eu1", F.OVERLOADED, "eu1", "us1", asked=["eu1", "us1"]) == ("model", "p/m")
    assert blame_of("eu1", F.OVERLOADED, "eu1", "eu2", asked=["eu1", "eu2", "us1"]) == ("region", "c/eu")


def test_different_kinds_of_trouble_are_no_common_one():
    troubles = {ChannelId("eu1"): [F.OVERLOADED], ChannelId("eu2"): [F.AUTHENTICATION]}
    found = blame(HOUSE[0], F.OVERLOADED, troubles, HOUSE, {one.id for one in HOUSE})
    assert (found.scope.value, str(found)) == ("channel", "channel eu1 (1 of 1 channels)")


def test_open_incidents_say_whom_to_blame_and_closed_ones_nothing():
    def incident(name: str, cause: F = F.OVERLOADED, closed_at: float | None = None) -> Incident:
        return Incident(
            id=IncidentId(name),
            channel=ChannelId(name),
            opened_at=0.0,
            root_cause=cause,
            probability=0.9,
            evidence="",
            closed_at=closed_at,
        )

    found = blamed(
        [incident("eu1"), incident("eu2", F.TIMEOUT_READ), incident("us1", closed_at=1.0), incident("gone")],
        HOUSE,
        {one.id for one in HOUSE},
    )
    assert found[0].evidence == "; to blame: region c/eu (2 of 2 channels)"
    assert [one.blame for one in found] == ["region c/eu (2 of 2 channels)"] * 2 + ["", ""]
