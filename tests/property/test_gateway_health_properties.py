"""What the gateway makes of answers and failures: slowdown, trust, outliers."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from foreroute.core.plan import BreakerPolicy
from foreroute.gateway.breaker import Breaker, BreakerState, Verdict
from foreroute.gateway.outlier import is_outlier, wilson_lower
from foreroute.gateway.slowdown import Slowdown, work_of
from foreroute.gateway.trust import Trust

COUNTS = st.integers(1, 500)
ANSWERS = st.lists(
    st.tuples(st.floats(0, 60), st.floats(0, 120), st.integers(0, 100_000), st.integers(0, 5_000)),
    max_size=40,
)
"""(seconds since the one before, latency, input tokens, output tokens)"""


@given(attempts=COUNTS, data=st.data())
def test_the_proven_failure_ratio_grows_with_failures_and_never_beyond_what_was_seen(
    attempts: int, data: st.DataObject
) -> None:
    failures = data.draw(st.integers(0, attempts))
    proven = wilson_lower(failures, attempts)
    assert 0.0 <= proven <= failures / attempts + 1e-12
    if failures < attempts:
        assert proven < wilson_lower(failures + 1, attempts), "one more failure proves more"
        assert wilson_lower(failures, attempts + 1) <= proven, "one more success proves less"
    if failures:
        assert wilson_lower(failures * 2, attempts * 2) > proven, "the same ratio, seen twice as often"


@given(attempts=COUNTS)
def test_nothing_is_proven_by_no_failure_and_never_everything(attempts: int) -> None:
    assert wilson_lower(0, attempts) < 1e-9
    assert wilson_lower(attempts, attempts) < 1.0
    assert wilson_lower(0, 0) == 0.0


@given(own=COUNTS, peers=st.integers(0, 500), data=st.data())
def test_a_channel_is_no_outlier_where_its_peers_fail_half_as_much_or_more(
    own: int, peers: int, data: st.DataObject
) -> None:
    failures, others = data.draw(st.integers(0, own)), data.draw(st.integers(0, peers))
    if is_outlier((own, failures), (peers, others), 0.3):
        assert failures / own >= 0.3
        assert not peers or failures / own >= 2 * others / peers
        assert is_outlier((own, own), (peers, others), 0.3), "failing more does not help"
    assert not is_outlier((own, failures), (peers, peers), 0.3) or not peers


@given(ANSWERS, st.floats(0, 1000))
def test_slowdown_is_finite_and_never_below_one(
    answers: list[tuple[float, float, int, int]], later: float
) -> None:
    slowdown, at = Slowdown(), 0.0
    for passed, latency, inputs, outputs in answers:
        at += passed
        slowdown.observe(latency, work_of(inputs, outputs), at)
        assert 1.0 <= slowdown.ratio(at) < math.inf
    assert 1.0 <= slowdown.ratio(at + later) <= slowdown.ratio(at), "silence lets it fade"
    assert (slowdown.usual_s < math.inf) == bool(answers)


@given(
    latency=st.floats(0.01, 60),
    work=st.floats(1, 50),
    gaps=st.lists(st.floats(0, 30), min_size=12, max_size=60),
)
def test_a_channel_that_is_its_usual_self_is_not_slow(latency: float, work: float, gaps: list[float]) -> None:
    slowdown, at = Slowdown(), 0.0
    for gap in gaps:
        at += gap
        slowdown.observe(latency * work, work, at)
    assert math.isclose(slowdown.ratio(at), 1.0, rel_tol=1e-6)
    assert math.isclose(slowdown.usual_s, latency, rel_tol=1e-6)


@given(factor=st.floats(1.5, 50))
def test_a_sudden_slowness_shows_at_once_in_full(factor: float) -> None:
    slowdown = Slowdown()
    for second in range(600):
        slowdown.observe(0.4, 1.0, float(second))
    slowdown.observe(0.4 * factor, 1.0, 600.5)
    assert 0.98 * factor < slowdown.ratio(600.5) <= factor * 1.001
    assert slowdown.ratio(640.5) < 1.0 + (factor - 1.0) * 0.02, "and is looked at again after a while"


@given(st.lists(st.floats(0.0, 30.0), max_size=60))
def test_trust_climbs_step_by_step(gaps: list[float]) -> None:
    trust, at, seen = Trust(), 0.0, []
    assert trust.share(0.0) == 1.0, "when the gateway starts, nobody is new"
    trust.lose()
    for gap in gaps:
        at += gap
        trust.earn(at)
        seen.append(trust.share(at))
    assert seen == sorted(seen)
    assert set(seen) <= {0.05, 0.25, 1.0}
    assert seen[:1] in ([], [0.05]), "one success proves little"
    trust.lose()
    assert trust.share(at) == 0.05


@given(st.lists(st.sampled_from([Verdict.SUCCESS, Verdict.NEUTRAL]), max_size=30))
def test_a_channel_that_is_down_until_somebody_acts_is_out_at_the_first_word(before: list[Verdict]) -> None:
    policy, breaker = BreakerPolicy(consecutive_failures_max=9, attempts_min=99), Breaker()
    for verdict in before:
        breaker.leave(breaker.enter(1.0), verdict, policy, 1.0)
    breaker.leave(breaker.enter(2.0), Verdict.DOWN, policy, 2.0)
    assert breaker.state(2.0) is BreakerState.OPEN
    assert breaker.open_for_s(2.0) == policy.open_s


@given(
    fails=st.integers(1, 12),
    policy=st.builds(BreakerPolicy, open_s=st.floats(0.5, 20), open_s_max=st.floats(20, 300)),
)
def test_each_probe_that_fails_waits_longer_and_one_that_goes_well_closes(
    fails: int, policy: BreakerPolicy
) -> None:
    breaker, at, waits = Breaker(), 0.0, []
    breaker.leave(breaker.enter(at), Verdict.DOWN, policy, at)
    for _ in range(fails):
        wait_s = breaker.open_for_s(at)
        waits.append(round(wait_s, 6))
        at += wait_s
        breaker.reopen(policy, at)
    assert waits == sorted(waits)
    assert waits[-1] <= policy.open_s_max + 1e-5
    assume(fails >= 3)
    assert waits[1] > waits[0] * 1.9 or waits[1] > policy.open_s_max - 1e-5
    breaker.close(at)
    assert breaker.state(at) is BreakerState.CLOSED
    assert breaker.admits(policy, at)
    assert breaker.consecutive_failures == 0
