"""A pick that anybody may wonder about says what the channels looked like; the usual one says nothing."""

from collections.abc import Mapping

import pytest

from foreroute.core.attempt import Candidate, PickReason, PickRule
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, Target
from foreroute.gateway.select import Choice, Pick, Standing, again, choose

A, B, C = ChannelId("a"), ChannelId("b"), ChannelId("c")


def pick(
    *,
    draws: tuple[float, float] = (0.0, 0.9),
    standings: Mapping[ChannelId, Standing] | None = None,
    in_flight: Mapping[ChannelId, int] | None = None,
    slowdowns: Mapping[ChannelId, float] | None = None,
    tried: tuple[ChannelId, ...] = (),
    explore: bool = False,
    prefix: bytes | None = None,
    names: tuple[ChannelId, ...] = (A, B),
) -> Pick:
    route = Route(name=RouteName("r"), targets=tuple(Target(channel=name, weight=0.5) for name in names))
    choice = Choice(
        route=route,
        standing=lambda target: (standings or {}).get(target.channel, Standing.FREE),
        in_flight=lambda channel: (in_flight or {}).get(channel, 0),
        draws=draws,
        tried=tried,
        slowdown=lambda channel: (slowdowns or {}).get(channel, 1.0),
        explore=explore,
        prefix=prefix,
    )
    found = choose(choice) or again(choice)
    assert found is not None
    return found


def test_the_usual_pick_carries_nothing() -> None:
    usual = pick()
    assert (usual.target.channel, usual.rule, usual.candidates) == (A, PickRule.WEIGHT, ())


@pytest.mark.parametrize(
    ("fields", "channel", "rule"),
    [
        ({"in_flight": {A: 3}}, B, PickRule.LOAD),
        ({"slowdowns": {A: 2.5}}, B, PickRule.SLOWDOWN),
        ({"slowdowns": {A: 2.5}, "explore": True}, A, PickRule.EXPLORE),
        ({"prefix": b"hello"}, None, PickRule.PREFIX),
    ],
)
def test_what_else_decided_is_named(fields, channel: ChannelId | None, rule: PickRule) -> None:
    found = pick(**fields)
    assert found.rule is rule
    assert channel is None or found.target.channel == channel
    assert {one.channel for one in found.candidates} == {A, B}


def test_a_failover_says_who_was_out_and_why() -> None:
    found = pick(
        names=(A, B, C), tried=(A,), standings={B: Standing.OPEN}, in_flight={C: 2}, slowdowns={B: 3.14159}
    )
    assert (found.target.channel, found.reason) == (C, PickReason.FAILOVER)
    third = round(0.5 / 1.5, 4)
    assert found.candidates == (
        Candidate(A, "tried", third, 1.0, 0),
        Candidate(B, "open", third, 3.14, 0),
        Candidate(C, "free", third, 1.0, 2),
    )


def test_a_single_channel_is_alone() -> None:
    found = pick(names=(A,), tried=(A,))
    assert (found.rule, found.candidates) == (PickRule.ALONE, ())
