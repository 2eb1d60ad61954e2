"""Tuned limits at the gateway: which request gets which, and what a channel's answer says of its own limits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.limits import EVERYWHERE, Canary, ChannelLimits, Parameter, RateLimits, Setting
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.gateway.admission import Admission
from foreroute.gateway.tuned import Tuned, lot_of, policy_of, retry_ratio
from foreroute.gateway.wire.rate_limits import read_rate_limits

A, B = ChannelId("a"), ChannelId("b")
CHAT = RouteName("chat")
NOW = 1_750_000_000.0


def plan(limits: dict[ChannelId, ChannelLimits]) -> RoutingPlan:
    route = Route(name=CHAT, targets=(Target(channel=A, weight=0.5), Target(channel=B, weight=0.5)))
    return RoutingPlan(version=1, made_at=0.0, valid_until=1e12, routes={CHAT: route}, limits=limits)


def target(route: Route, channel: ChannelId) -> Target:
    return next(one for one in route.targets if one.channel == channel)


def test_each_setting_has_its_place_in_the_policy() -> None:
    settings = {
        Parameter.CONNECT: Setting(0.5),
        Parameter.FIRST_CHUNK: Setting(1.0, 0.001, 500.0),
        Parameter.STALL: Setting(2.5),
        Parameter.TOTAL: Setting(10.0, 0.02, 1000.0, most=60.0),
        Parameter.CONCURRENCY: Setting(7.0),
        Parameter.ADMISSION: Setting(2.0),
        Parameter.FAILURES_IN_ROW: Setting(4.0),
        Parameter.OUTLIER_RATIO: Setting(0.2),
    }
    made = policy_of(CallPolicy(), ChannelLimits(settings=settings, patience_s=9.0))
    assert made.timeouts.for_work(2000, 4000) == Timeouts(
        connect_s=0.5, first_chunk_s=3.0, stall_s=2.5, total_s=60.0
    )
    assert made.timeouts.for_work(0, None).total_s == 30.0
    assert made.timeouts.for_work(0, None).first_chunk_s == 1.0
    assert (made.concurrency_max, made.admission, made.patience_s) == (7, 2.0, 9.0)
    assert (made.breaker.consecutive_failures_max, made.breaker.outlier_ratio_min) == (4, 0.2)


def test_without_limits_a_route_is_the_same_object() -> None:
    bare = plan({})
    assert Tuned().route(bare.routes[CHAT], bare, "r1") is bare.routes[CHAT]


def test_a_changed_route_is_made_once() -> None:
    tuned, made = Tuned(), plan({A: ChannelLimits(settings={Parameter.STALL: Setting(2.0)})})
    first = tuned.route(made.routes[CHAT], made, "r1")
    assert tuned.route(made.routes[CHAT], made, "r2") is first
    assert target(first, A).policy.timeouts.stall_s == 2.0
    assert target(first, B) is target(made.routes[CHAT], B)


def test_what_an_experiment_has_changed_stays_changed() -> None:
    made = plan({A: ChannelLimits(settings={Parameter.STALL: Setting(2.0)})})
    arm = CallPolicy(timeouts=Timeouts(stall_s=11.0))
    route = made.routes[CHAT]
    treated = replace(route, targets=(replace(route.targets[0], policy=arm), route.targets[1]))
    assert target(Tuned().route(treated, made, "r1"), A).policy is arm


def test_a_tenth_tries_a_canary_and_one_in_a_hundred_runs_on_a_long_leash() -> None:
    canary = Canary(name="t1", parameter=Parameter.STALL, setting=Setting(1.0))
    limits = ChannelLimits(settings={Parameter.STALL: Setting(2.0)}, canary=canary, leash_ratio=0.01)
    tuned, made = Tuned(), plan({A: limits})
    policies = [target(tuned.route(made.routes[CHAT], made, f"r{n}"), A).policy for n in range(20_000)]
    tried = [one for one in policies if one.canary]
    assert len(tried) == pytest.approx(2000, rel=0.1)
    assert all(one.canary == "t1" and one.timeouts.stall_s == 1.0 for one in tried)
    assert sum(one.leash for one in policies) == pytest.approx(200, rel=0.3)
    assert {one.timeouts.stall_s for one in policies if not one.canary} == {2.0}


def test_who_tries_one_channels_canary_does_not_try_anothers() -> None:
    """Else a request that a bad trial cuts off would meet the next one where it is sent to."""
    canary = Canary(name="t1", parameter=Parameter.STALL, setting=Setting(1.0))
    tuned, made = Tuned(), plan({name: ChannelLimits(canary=canary) for name in (A, B)})
    routes = [tuned.route(made.routes[CHAT], made, f"r{n}") for n in range(5_000)]
    tried = [tuple(bool(target(route, name).policy.canary) for name in (A, B)) for route in routes]
    assert (True, True) not in tried
    assert [sum(one[place] for one in tried) for place in (0, 1)] == pytest.approx([500, 500], rel=0.15)


def test_what_generates_no_text_keeps_its_timeouts_and_not_its_concurrency() -> None:
    canary = Canary(name="t1", parameter=Parameter.STALL, setting=Setting(1.0), ratio=1.0)
    settings = {Parameter.TOTAL: Setting(9.0), Parameter.CONCURRENCY: Setting(3.0)}
    made = plan({A: ChannelLimits(settings=settings, canary=canary, leash_ratio=1.0)})
    policy = target(Tuned().route(made.routes[CHAT], made, "r1", timed=False), A).policy
    assert policy.timeouts == Timeouts()
    assert (policy.concurrency_max, policy.canary, policy.leash) == (3, "", False)


@given(st.text(max_size=200))
def test_a_lot_is_the_same_for_the_same_request(name: str) -> None:
    lot = lot_of(name)
    assert lot == lot_of(name)
    assert 0 <= lot.canary < 1
    assert 0 <= lot.leash < 1


def test_the_retry_budget_is_the_whole_gateways() -> None:
    assert retry_ratio(plan({}), 0.2) == 0.2
    tuned = plan({EVERYWHERE: ChannelLimits(settings={Parameter.RETRY_RATIO: Setting(0.1)})})
    assert retry_ratio(tuned, 0.2) == 0.1


# Admission ----------------------------------------------------------------------------------------------------------


def test_a_channel_that_takes_all_is_sent_all() -> None:
    admission = Admission()
    for second in range(300):
        admission.sent(float(second))
        if second >= 60:  # answers take a minute
            admission.ended(float(second - 60), accepted=True)
    assert admission.refusal_ratio(2.0, 60.0, 300.0) == 0.0


def test_a_channel_that_pushes_back_is_sent_less() -> None:
    admission = Admission()
    for second in range(100):
        for number in range(4):
            admission.sent(float(second))
            admission.ended(float(second), accepted=number == 0)
    found = admission.refusal_ratio(2.0, 5.0, 100.0)
    assert found == pytest.approx(0.5, abs=0.05), "(4 - 2 × 1) / 4"
    assert admission.refusal_ratio(4.0, 5.0, 100.0) == pytest.approx(0.0, abs=0.02)
    assert admission.refusal_ratio(2.0, 5.0, 400.0) == 0.0, "what is old is forgotten"


def test_a_burst_is_not_held_against_a_channel_that_cannot_have_answered_yet() -> None:
    admission = Admission()
    admission.sent(0.0)
    admission.ended(0.0, accepted=False)
    for _ in range(50):
        admission.sent(3.0)
    assert admission.refusal_ratio(2.0, 30.0, 4.0) == 0.0
    assert admission.refusal_ratio(2.0, 30.0, 60.0) > 0.9, "but silence for longer than usual is"


@given(
    st.lists(st.tuples(st.floats(0, 500), st.booleans()), max_size=80), st.floats(1.1, 8), st.floats(1, 60)
)
def test_a_refusal_ratio_is_a_ratio(
    calls: list[tuple[float, bool]], factor: float, patience_s: float
) -> None:
    admission = Admission()
    for at, accepted in sorted(calls):
        admission.sent(at)
        admission.ended(at, accepted=accepted)
    assert 0.0 <= admission.refusal_ratio(factor, patience_s, 500.0) < 1.0


# Rate limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            RateLimits(60, 59, 1.0, 150_000, 149_984, 360.0),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "1000",
                "anthropic-ratelimit-requests-remaining": "999",
                "anthropic-ratelimit-requests-reset": "2025-06-15T15:07:10Z",
                "anthropic-ratelimit-tokens-limit": "80000",
            },
            RateLimits(1000, 999, 30.0, 80_000),
        ),
        (
            {"x-ratelimit-limit-tokens-minute": "60000", "x-ratelimit-reset-tokens-minute": "12.5"},
            RateLimits(tokens_max=60_000, tokens_reset_s=12.5),
        ),
        (
            {"x-ratelimit-limit-req-minute": "300", "x-ratelimit-remaining-req-minute": "299"},
            RateLimits(300, 299),
        ),
        (
            {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1750000060000"},
            RateLimits(20, 0, 60.0),
        ),
        ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "7"}, RateLimits(100, 7)),
        (
            {"x-tokenlimit-limit": "5000", "x-tokenlimit-remaining": "12"},
            RateLimits(tokens_max=5000, tokens_left=12),
        ),
        ({"x-ratelimit-limit-requests": "-1", "x-ratelimit-remaining-requests": "-1"}, None),
        ({"x-ratelimit-reset-requests": "120ms"}, RateLimits(requests_reset_s=0.12)),
        ({"x-ratelimit-limit-requests": "many", "x-ratelimit-reset-requests": "soon"}, None),
        ({"content-type": "application/json"}, None),
    ],
)
def test_spellings(headers: dict[str, str], said: RateLimits | None) -> None:
    assert read_rate_limits(headers, NOW) == said


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-requests",
                "anthropic-ratelimit-tokens-reset",
                "ratelimit-reset",
            ]
        ),
        st.one_of(st.text(max_size=40), st.floats().map(str), st.integers().map(str)),
        max_size=4,
    )
)
def test_no_header_is_too_odd(headers: dict[str, str]) -> None:
    said = read_rate_limits(headers, NOW)
    if said is None:
        return
    for value in (said.requests_max, said.requests_left, said.tokens_max, said.tokens_left):
        assert value is None or 0 <= value <= 10**12
    for reset in (said.requests_reset_s, said.tokens_reset_s):
        assert reset is None or 0 <= reset <= 40 * 86_400
