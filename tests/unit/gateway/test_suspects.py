"""A request that fails everywhere is blamed itself, and only such a one."""

from foreroute.core.ids import ChannelId
from foreroute.gateway.outlier import is_broken_off
from foreroute.gateway.suspects import Suspects

A, B = ChannelId("a"), ChannelId("b")


def test_the_second_channel_that_fails_with_it_is_not_to_blame() -> None:
    suspects = Suspects()
    assert not suspects.is_to_blame(b"one", A, 0.0)
    assert not suspects.is_to_blame(b"one", A, 1.0), "one channel alone proves nothing"
    assert suspects.is_to_blame(b"one", B, 2.0)
    assert suspects.is_to_blame(b"one", A, 3.0)
    assert not suspects.is_to_blame(b"two", B, 3.0)


def test_an_answer_or_time_clears_it() -> None:
    suspects = Suspects()
    suspects.is_to_blame(b"one", A, 0.0)
    suspects.answered(b"one")
    assert not suspects.is_to_blame(b"one", B, 1.0)
    assert not suspects.is_to_blame(b"one", A, 400.0), "what was long ago is forgotten"


def test_it_does_not_grow_without_bound() -> None:
    suspects = Suspects()
    for number in range(3000):
        suspects.is_to_blame(str(number).encode(), A, 0.0)
    assert not suspects.is_to_blame(b"0", B, 1.0), "the oldest were forgotten"
    assert suspects.is_to_blame(b"2999", B, 1.0)


def test_a_run_of_failures_after_a_good_record_is_no_chance() -> None:
    assert is_broken_off((23, 3), 3, (20, 0))
    assert not is_broken_off((21, 1), 1, (20, 0)), "one failure is none"
    assert not is_broken_off((3, 3), 3, (20, 0)), "nothing is known of it"
    assert not is_broken_off((23, 3), 3, (20, 10)), "its peers fail as well"
    assert not is_broken_off((20, 12), 3, (20, 0)), "it has always failed now and then"
