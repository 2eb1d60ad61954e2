import logging
from dataclasses import replace

import pytest

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.monitor.segments import Segments
from foreroute.testing.check_store import an_attempt


def attempts() -> list[Attempt]:
    return [
        replace(an_attempt(1, request=f"q{n}"), route=RouteName(f"r{n % 3}"), client_region=RegionId("eu"))
        for n in range(12)
    ]


def test_without_a_wish_there_is_the_whole_channel_only() -> None:
    assert {rollup.segment for rollup in fold(attempts(), window_s=60.0, source="s")} == {""}


def test_each_part_is_counted_beside_the_whole() -> None:
    some = [*attempts(), replace(an_attempt(), client_region=None, route=RouteName("r0"))]
    found = fold(some, window_s=60.0, source="s", segments=Segments(["route", "client_region"]))
    counts = {rollup.segment: rollup.attempts for rollup in found}
    assert counts == {
        "": 13,
        "client_region=(none)": 1,
        "client_region=eu": 12,
        "route=r0": 5,
        "route=r1": 4,
        "route=r2": 4,
    }
    routes = [rollup for rollup in found if rollup.segment.startswith("route=")]
    whole = next(rollup for rollup in found if not rollup.segment)
    assert sum(rollup.cost_usd for rollup in routes) == whole.cost_usd
    assert sum(rollup.latency.count for rollup in routes) == whole.latency.count


def test_more_names_than_allowed_become_other_and_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    segments = Segments(["client_region"], segments_max=2)
    some = [replace(an_attempt(1, request=f"q{n}"), client_region=RegionId(f"z{n % 50}")) for n in range(100)]
    with caplog.at_level(logging.WARNING, "foreroute.monitor"):
        found = fold(some, window_s=60.0, source="s", segments=segments)
    assert {rollup.segment: rollup.attempts for rollup in found} == {
        "": 100,
        "client_region=(other)": 96,
        "client_region=z0": 2,
        "client_region=z1": 2,
    }
    assert segments.others == 96
    assert [record.message for record in caplog.records] == ["segments_full"]


def test_a_part_is_never_merged_with_the_whole() -> None:
    found = fold(attempts(), window_s=60.0, source="s", segments=Segments(["route"]))
    with pytest.raises(ValueError, match="one channel"):
        merge_rollups(found)
    assert {rollup.channel for rollup in found} == {ChannelId("a")}
