from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.failure import FailureClass as F
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.heal.diagnose import DiagnoseSettings, diagnose, wilson_lower
from foreroute.heal.tally import Tallies, Tally, total, windows_of

SETTINGS = DiagnoseSettings()


def window(minute: int, judged: int, causes: dict[F, int] | None = None, throttles: int = 0) -> Tally:
    counted = Counter(causes or {})
    return Tally(
        start_at=minute * 60.0,
        end_at=minute * 60.0 + 60.0,
        judged=judged,
        failed=counted.total(),
        throttles=throttles,
        causes=counted,
    )


def cause(*windows: Tally, at: int = 10, peers: tuple[tuple[Tally, ...], ...] = ()) -> F | None:
    found = diagnose(at * 60.0, windows, peers, SETTINGS)
    return None if found is None else found.cause


def test_two_bad_windows_are_trouble_and_one_is_not():
    bad = {F.OVERLOADED: 9, F.SERVER_ERROR: 3}
    assert cause(window(7, 20), window(8, 20), window(9, 20, bad)) is None
    found = diagnose(600.0, [window(7, 20), window(8, 20, bad), window(9, 20, bad)], (), SETTINGS)
    assert found is not None
    assert found.cause is F.OVERLOADED
    assert found.since_at == 480.0
    assert found.probability == pytest.approx(19 / 26)
    assert found.evidence.startswith(
        "24 of 40 attempts failed in 2 min (18 overloaded_or_capacity, 6 server_error)"
    )


def test_what_lasts_until_somebody_acts_is_diagnosed_at_once():
    assert cause(window(9, 2, {F.AUTHENTICATION: 2})) is F.AUTHENTICATION
    assert cause(window(9, 1, {F.AUTHENTICATION: 1})) is None
    assert cause(window(9, 100, {F.AUTHENTICATION: 21})) is None  # most requests get through: not down


def test_a_window_without_traffic_does_not_break_the_run():
    bad = {F.TIMEOUT_READ: 4}
    assert cause(window(7, 5, bad), window(8, 0), window(9, 5, bad)) is F.TIMEOUT_READ


def test_chance_is_not_trouble():
    assert cause(window(8, 5, {F.SERVER_ERROR: 1}), window(9, 5, {F.SERVER_ERROR: 1})) is None


def test_trouble_that_ended_is_not_diagnosed():
    bad = {F.SERVER_ERROR: 20}
    assert cause(window(5, 20, bad), window(6, 20, bad), at=11) is None
    assert cause(window(7, 20, bad), window(8, 20, bad), window(9, 20)) is None


def test_what_all_channels_suffer_is_not_one_channels_trouble_unless_it_is_bad():
    some, most = {F.SERVER_ERROR: 8}, {F.SERVER_ERROR: 19}
    peers = tuple((window(8, 20, some), window(9, 20, some)) for _ in range(3))
    assert cause(window(8, 20, some), window(9, 20, some)) is F.SERVER_ERROR
    assert cause(window(8, 20, some), window(9, 20, some), peers=peers) is None
    assert cause(window(8, 20, most), window(9, 20, most), peers=peers) is F.SERVER_ERROR


def test_throttles_are_trouble_of_their_own_kind():
    assert cause(window(8, 20, throttles=10), window(9, 20, throttles=10)) is F.RATE_LIMITED
    assert cause(window(8, 90, throttles=10), window(9, 90, throttles=10)) is None


def test_a_tally_leaves_out_what_the_requests_got_wrong():
    rollup = Rollup(
        channel=ChannelId("a"),
        window_start=60.0,
        source="s",
        attempts=20,
        successes=8,
        throttles=3,
        ignored=4,
        failures={F.RATE_LIMITED: 3, F.INVALID_REQUEST: 4, F.SERVER_ERROR: 4},
    )
    (seen,) = windows_of([rollup])
    assert (seen.judged, seen.failed, seen.throttles) == (13, 5, 3)
    assert seen.causes == {F.SERVER_ERROR: 4, F.NETWORK_UNSPECIFIED: 1}  # one failure came without a class


def test_two_writers_of_one_window_are_added_up():
    def of(source: str) -> Rollup:
        return Rollup(channel=ChannelId("a"), window_start=0.0, source=source, attempts=5, successes=5)

    assert [seen.judged for seen in windows_of([of("x"), of("y")])] == [10]
    assert total([]).judged == 0


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_wilson_bound_is_below_the_share(hits, trials):
    hits = min(hits, trials)
    assert 0.0 <= wilson_lower(hits, trials, 1.64) <= hits / trials + 1e-12
    assert wilson_lower(hits * 10, trials * 10, 1.64) >= wilson_lower(hits, trials, 1.64) - 1e-12


_CAUSES = st.dictionaries(st.sampled_from(F), st.integers(0, 5))


@given(st.lists(st.tuples(_CAUSES, st.integers(0, 50), st.integers(0, 10)), max_size=12))
def test_any_history_is_judged(history):
    windows = [
        window(minute, sum(causes.values()) + fine, causes, throttles)
        for minute, (causes, fine, throttles) in enumerate(history)
    ]
    found = diagnose(len(windows) * 60.0, windows, [windows], SETTINGS)
    if found is not None:
        assert 0.0 < found.probability < 1.0
        assert any(seen.start_at == found.since_at for seen in windows)


def test_windows_that_grow_or_go_are_counted_as_if_for_the_first_time():
    def of(minute: int, attempts: int) -> Rollup:
        return Rollup(
            channel=ChannelId("a"),
            window_start=60.0 * minute,
            source="s",
            attempts=attempts,
            successes=attempts - 1,
            failures={F.SERVER_ERROR: 1},
        )

    tallies = Tallies()
    for seen in ([of(1, 5), of(2, 4)], [of(2, 4), of(3, 2)], [of(2, 9), of(3, 2)], [], [of(2, 9)]):
        assert tallies.of(seen) == windows_of(seen)
