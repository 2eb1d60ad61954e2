"""Where a request may be served: what everybody who has a say allows, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import KeyId, RegionId
from foreroute.core.keys import Team, TeamId, VirtualKey
from foreroute.gateway.residency import allowed, common

REGIONS = ("eu", "us", "ap")
regions = st.frozensets(st.sampled_from(REGIONS).map(RegionId))


def key(regions: frozenset[RegionId] = frozenset(), tags: tuple[str, ...] = ()) -> VirtualKey:
    return VirtualKey(
        id=KeyId("k"), name="k", salt=b"", digest=b"", hint="", created_at=0.0, regions=regions, tags=tags
    )


def team(regions: frozenset[RegionId]) -> Team:
    return Team(id=TeamId("t"), name="t", created_at=0.0, regions=regions)


@given(route=regions, of_key=regions, of_team=regions, of_tag=regions)
def test_a_region_is_allowed_exactly_if_nobody_minds(
    route: frozenset[RegionId],
    of_key: frozenset[RegionId],
    of_team: frozenset[RegionId],
    of_tag: frozenset[RegionId],
) -> None:
    found = allowed(route, key(of_key, ("gdpr", "other")), team(of_team), {"gdpr": of_tag})
    says = [one for one in (route, of_key, of_team) if one] + [of_tag]
    for region in REGIONS:
        assert (found is None or region in found) == all(region in one for one in says)


def test_where_nobody_has_a_say_it_is_anywhere() -> None:
    assert allowed(frozenset(), None, None, {"gdpr": frozenset({RegionId("eu")})}) is None
    assert allowed(frozenset(), key(tags=("other",)), None, {"gdpr": frozenset({RegionId("eu")})}) is None


def test_nothing_in_common_is_nowhere_and_stays_so() -> None:
    nowhere = common(frozenset({RegionId("eu")}), frozenset({RegionId("us")}))
    assert nowhere == frozenset()
    assert common(nowhere, frozenset({RegionId("eu")})) == frozenset()
    assert common(nowhere, None) == frozenset()
