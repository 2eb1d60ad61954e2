from collections.abc import Mapping
from random import Random

import pytest
from tests.unit.simulate.policies.conftest import Says, Stage, channel

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.simulate.policies.litellm import LiteLLM
from foreroute.simulate.policies.lowest_latency import LowestLatency, LowestLatencySettings
from foreroute.simulate.policies.peak_ewma import PeakEwma

A, B, C, NEW = (ChannelId(name) for name in ("a", "b", "c", "new"))
DOWN = Says(status=503, failure=FailureClass.OVERLOADED, first_s=0.05)


def answered(memory: LowestLatency, name: ChannelId, first_s: float, count: int, at: float = 0.0) -> None:
    for _ in range(count):
        memory.answered(name, duration_s=first_s + 1.0, first_token_s=first_s, output_tokens=100, at=at)


def chosen(memory: LowestLatency, *names: ChannelId, stream: bool = True, at: float = 0.0) -> set[ChannelId]:
    rng = Random(3)
    return {memory.choose(names, stream=stream, chance=rng, at=at) for _ in range(50)}


def test_the_smallest_mean_of_the_last_ten_takes_everything() -> None:
    memory = LowestLatency()
    answered(memory, A, 0.1, 10)
    answered(memory, B, 0.3, 10)
    assert chosen(memory, A, B) == {A}
    answered(memory, A, 0.9, 5)  # mean of the last ten is 0.5
    assert chosen(memory, A, B) == {B}


def test_within_the_buffer_channels_are_alike() -> None:
    memory = LowestLatency(LowestLatencySettings(buffer=0.5))
    for name, first_s in ((A, 0.30), (B, 0.44), (C, 0.46)):
        answered(memory, name, first_s, 10)
    assert chosen(memory, A, B, C) == {A, B}


def test_answers_that_are_not_streamed_are_judged_by_seconds_per_token() -> None:
    memory = LowestLatency()
    for name, tokens in ((A, 1000), (B, 100)):
        memory.choose([A, B], stream=False, chance=Random(1), at=0.0)
        memory.answered(name, duration_s=2.0, first_token_s=None, output_tokens=tokens, at=0.0)
        for _ in range(12):
            memory.answered(name, duration_s=2.0, first_token_s=None, output_tokens=tokens, at=0.0)
    assert chosen(memory, A, B, stream=False) == {A}


def test_everything_is_forgotten_an_hour_after_the_first_answer() -> None:
    memory = LowestLatency()
    answered(memory, A, 0.1, 10, at=0.0)
    answered(memory, B, 0.3, 10, at=3000.0)
    assert chosen(memory, A, B, at=3599.0) == {A}
    assert chosen(memory, A, B, at=3601.0) == {A, B}


def test_a_newcomer_gets_nearly_all_traffic_at_once() -> None:
    """The herd: until the first answer of the newcomer has ended, nobody else is asked."""
    memory = LowestLatency()
    known = {name: channel(name) for name in (A, B)}
    before = Stage(router=LiteLLM(known, strategy=memory), answers=lambda _channel, _at: Says())
    before.play(every_s=0.1, count=300)
    assert NEW not in before.counts()

    grown = LiteLLM({**known, NEW: channel(NEW)}, strategy=memory)
    after = Stage(
        router=grown, answers=lambda name, _at: Says(first_s=4.0 if name == NEW else 0.5, body_s=4.0)
    )
    after.play(every_s=0.1, count=200, start_at=100.0)
    first_answer_at = 108.0
    herd = after.counts(to_at=first_answer_at)
    assert herd[NEW] / herd.total() > 0.95
    assert herd[NEW] >= 79
    assert after.counts(from_at=first_answer_at + 0.1)[NEW] == 0


def test_a_newcomer_gets_one_request_of_peak_ewma() -> None:
    stage = Stage(router=PeakEwma([A, B, NEW], Random(2)), answers=lambda _channel, _at: Says(first_s=4.0))
    stage.play(every_s=0.1, count=30)
    assert max(stage.counts(to_at=0.3).values()) == 1


@pytest.mark.parametrize("status", [429, 401, 404])
def test_some_failures_cool_a_channel_down_at_once_for_five_seconds(
    status: int, channels: Mapping[ChannelId, Channel]
) -> None:
    failure = {429: FailureClass.RATE_LIMITED, 401: FailureClass.AUTHENTICATION}.get(
        status, FailureClass.MODEL_NOT_FOUND
    )
    says = Says(status=status, failure=failure, first_s=0.01)
    router = LiteLLM(channels, strategy=favour(A))
    stage = Stage(router=router, answers=lambda name, _at: says if name == A else Says())
    stage.play(every_s=0.5, count=20)
    asked_at = [at for at, name in stage.asked if name == A]
    assert asked_at[0] == 0.0
    assert all(at >= 5.01 for at in asked_at[1:])


def test_the_channel_may_say_for_how_long(channels: Mapping[ChannelId, Channel]) -> None:
    says = Says(status=429, failure=FailureClass.RATE_LIMITED, first_s=0.01, retry_after_s=30.0)
    stage = Stage(
        router=LiteLLM(channels, strategy=favour(A)), answers=lambda name, _at: says if name == A else Says()
    )
    stage.play(every_s=0.5, count=60)
    assert [at for at, name in stage.asked if name == A] == [0.0]


def test_server_errors_cool_down_only_when_more_than_half_of_five_have_failed(
    channels: Mapping[ChannelId, Channel],
) -> None:
    stage = Stage(
        router=LiteLLM(channels, strategy=favour(A)), answers=lambda name, _at: DOWN if name == A else Says()
    )
    stage.play(every_s=2.0, count=3)
    # The best channel is asked again and again: three times for the first request, twice for the second.
    assert [name for _, name in stage.asked[:5]] == [A] * 5
    assert len(stage.given_up) == 1
    assert stage.asked[5][1] != A


def test_a_retry_may_ask_the_channel_that_has_just_failed(channels: Mapping[ChannelId, Channel]) -> None:
    stage = Stage(
        router=LiteLLM(channels, strategy=favour(A)), answers=lambda name, _at: DOWN if name == A else Says()
    )
    stage.play(every_s=100.0, count=1)
    assert [name for _, name in stage.asked] == [A, A, A]
    assert len(stage.given_up) == 1


def test_limits_that_the_operator_stated_are_kept() -> None:
    known = {A: channel(A, requests_per_minute_max=10), B: channel(B)}
    stage = Stage(
        router=LiteLLM(known, strategy=favour(A, B)), answers=lambda _name, _at: Says(first_s=0.1, body_s=0.1)
    )
    stage.play(every_s=0.5, count=110)
    assert stage.counts(to_at=60.0)[A] == 10


def test_when_all_cool_down_requests_are_refused(channels: Mapping[ChannelId, Channel]) -> None:
    says = Says(status=429, failure=FailureClass.RATE_LIMITED, first_s=0.01)
    stage = Stage(router=LiteLLM(channels), answers=lambda _name, _at: says)
    stage.play(every_s=1.0, count=3)
    assert len(stage.asked) == 3
    assert len(stage.given_up) == 3


def favour(*names: ChannelId) -> LowestLatency:
    """A memory in which these channels are better than all others, each better than the next."""
    memory = LowestLatency()
    for name in (A, B, C):
        first_s = 0.001 * (1 + names.index(name)) if name in names else 0.6
        answered(memory, name, first_s, 10)
    return memory
