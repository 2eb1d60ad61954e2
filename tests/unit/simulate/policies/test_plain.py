from collections.abc import Mapping

from tests.unit.simulate.policies.conftest import Says, Stage

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.simulate.policies.plain import RoundRobin, StaticWeights

A, B, C = (ChannelId(name) for name in "abc")


def test_round_robin_gives_each_the_same(channels: Mapping[ChannelId, Channel]) -> None:
    stage = Stage(router=RoundRobin(list(channels)), answers=lambda _channel, _at: Says())
    stage.play(every_s=0.1, count=300)
    assert stage.counts() == {A: 100, B: 100, C: 100}


def test_static_weights_are_kept_and_never_learnt_from() -> None:
    router = StaticWeights({A: 0.7, B: 0.2, C: 0.1})
    stage = Stage(router=router, answers=lambda channel, _at: Says(first_s=9.0 if channel == A else 0.1))
    stage.play(every_s=0.1, count=3000)
    assert 0.66 < stage.counts()[A] / 3000 < 0.74


def test_a_failed_request_goes_to_another_channel_and_no_more_than_three_are_asked() -> None:
    down = Says(status=503, failure=FailureClass.OVERLOADED, first_s=0.05)
    for router in (RoundRobin([A, B, C]), StaticWeights({A: 0.9, B: 0.05, C: 0.05})):
        stage = Stage(router=router, answers=lambda channel, _at: down if channel == A else Says())
        stage.play(every_s=1.0, count=100)
        assert not stage.given_up
        all_down = Stage(router=router, answers=lambda _channel, _at: down)
        all_down.play(every_s=1.0, count=10)
        assert len(all_down.given_up) == 10
        assert len(all_down.asked) == 30
