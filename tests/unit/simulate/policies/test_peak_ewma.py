from random import Random

from tests.unit.simulate.policies.conftest import Says, Stage

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.simulate.policies.peak_ewma import PeakEwma

A, B, C = (ChannelId(name) for name in "abc")
DOWN = Says(status=503, failure=FailureClass.OVERLOADED, first_s=0.02)


def test_the_slow_one_gets_less_and_the_others_share() -> None:
    stage = Stage(
        router=PeakEwma([A, B, C], Random(1)),
        answers=lambda name, _at: Says(first_s=2.0 if name == A else 0.3),
    )
    stage.play(every_s=0.2, count=1000)
    counts = stage.counts()
    assert counts[A] < 0.12 * counts.total()
    assert 0.7 < counts[B] / counts[C] < 1.4


def test_five_failures_in_a_row_take_a_channel_out_and_probes_find_it_again() -> None:
    router = PeakEwma([A, B, C], Random(1))
    stage = Stage(
        router=router, answers=lambda name, at: DOWN if name == A and at < 60.0 else Says(first_s=0.3)
    )
    stage.play(every_s=0.1, count=3000)
    assert not stage.given_up
    # Five failures, then a probe after 2.5-5 s, 5-10 s, 10-20 s, 20-40 s.
    assert 5 <= stage.counts(to_at=60.0)[A] <= 12
    assert stage.counts(from_at=150.0)[A] > 100


def test_fast_failures_draw_traffic_until_the_channel_is_out() -> None:
    """What Finagle's own documentation warns of: a failure is an answer, and a fast one."""
    stage = Stage(
        router=PeakEwma([A, B, C], Random(1)),
        answers=lambda name, _at: DOWN if name == A else Says(first_s=1.0),
    )
    stage.play(every_s=0.05, count=20)
    assert stage.counts()[A] >= 5
