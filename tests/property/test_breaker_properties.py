"""The breaker never admits while open, and always recovers once the channel does."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from foreroute.core.plan import BreakerPolicy
from foreroute.gateway.breaker import Breaker, BreakerState, Permit, Verdict

POLICIES = st.builds(
    BreakerPolicy,
    consecutive_failures_max=st.integers(1, 6),
    failure_ratio_max=st.sampled_from([0.2, 0.5, 1.0]),
    attempts_min=st.integers(1, 12),
    window_s=st.floats(1, 60),
    open_s=st.floats(0.5, 20),
    open_s_max=st.floats(20, 200),
    half_open_successes_min=st.integers(1, 4),
)


class Life(RuleBasedStateMachine):
    """Attempts begin and end in any order, time passes, and the policy changes under way."""

    @initialize(policy=POLICIES)
    def begin(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.breaker = Breaker()
        self.at = 1000.0
        self.running: list[Permit] = []

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.at += seconds

    @rule(policy=POLICIES)
    def tuned(self, policy: BreakerPolicy) -> None:
        self.policy = policy

    @precondition(lambda self: self.breaker.admits(self.policy, self.at))
    @rule()
    def attempt_begins(self) -> None:
        assert self.breaker.open_for_s(self.at) == 0.0
        self.running.append(self.breaker.enter(self.at))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 1000), verdict=st.sampled_from(Verdict))
    def attempt_ends(self, which: int, verdict: Verdict) -> None:
        permit = self.running.pop(which % len(self.running))
        self.breaker.leave(permit, verdict, self.policy, self.at)

    @invariant()
    def open_means_closed_to_all(self) -> None:
        if not hasattr(self, "breaker"):
            return
        if self.breaker.state(self.at) is BreakerState.OPEN:
            assert not self.breaker.admits(self.policy, self.at)
            assert self.breaker.open_for_s(self.at) > 0

    def teardown(self) -> None:
        """Everything ends, the channel is well again: after the longest wait it is closed, by probes alone."""
        if not hasattr(self, "breaker"):
            return
        for permit in self.running:
            self.breaker.leave(permit, Verdict.NEUTRAL, self.policy, self.at)
        self.at += 200.0
        for _ in range(self.policy.half_open_successes_min):
            assert self.breaker.admits(self.policy, self.at)
            self.breaker.leave(self.breaker.enter(self.at), Verdict.SUCCESS, self.policy, self.at)
        assert self.breaker.state(self.at) is BreakerState.CLOSED


TestLife = Life.TestCase


@given(policy=POLICIES, count=st.integers(1, 200))
def test_what_says_nothing_about_the_channel_never_opens_it(policy: BreakerPolicy, count: int) -> None:
    breaker = Breaker()
    for second in range(count):
        breaker.leave(breaker.enter(second), Verdict.NEUTRAL, policy, second)
    assert breaker.state(count) is BreakerState.CLOSED


@given(policy=POLICIES, failures=st.integers(1, 12))
def test_each_reopening_waits_longer_up_to_the_maximum(policy: BreakerPolicy, failures: int) -> None:
    breaker, at, waits = Breaker(), 0.0, []
    while breaker.opened_total < failures:
        breaker.leave(breaker.enter(at), Verdict.FAILURE, policy, at)
        if wait_s := breaker.open_for_s(at):
            waits.append(wait_s)
            at += wait_s
    assert all(later >= earlier * 0.999 for earlier, later in itertools.pairwise(waits))
    assert max(waits) <= policy.open_s_max * 1.001
