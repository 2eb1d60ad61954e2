import hashlib

import pytest

from foreroute.core.attempt import NO_USAGE, PickReason
from foreroute.core.channel import Channel
from foreroute.core.failure import FAILURE_ADVICE, FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target
from foreroute.gateway.breaker import Breaker, BreakerState, Verdict
from foreroute.gateway.fleet import Fleet
from foreroute.gateway.keys import known_key, presented_key
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.retry import RetryBudget, backoff_s, may_fail_over, may_repeat
from foreroute.gateway.select import Standing
from foreroute.gateway.trial import Trial
from foreroute.gateway.wire.evidence import answer_evidence, exception_evidence, mask, retry_after_s

A = ChannelId("a")
GPT = RouteName("gpt")


def plan(version: int, weight: float, *, valid_until: float = 100.0, name: RouteName = GPT) -> RoutingPlan:
    route = Route(name=name, targets=(Target(channel=A, weight=weight),))
    return RoutingPlan(version=version, made_at=0.0, valid_until=valid_until, routes={name: route})


class TestPlanCell:
    def test_the_newest_plan_serves_and_an_older_one_is_refused(self) -> None:
        cell = PlanCell(plan(0, 1.0))
        cell.publish(plan(2, 0.5))
        cell.publish(plan(1, 0.1))
        served = cell.route(GPT, 50.0)
        assert served is not None
        assert (served.version, served.route.targets[0].weight, served.static) == (2, 0.5, False)

    def test_after_valid_until_the_configured_weights_serve(self) -> None:
        cell = PlanCell(plan(0, 1.0))
        cell.publish(plan(2, 0.5))
        served = cell.route(GPT, 100.1)
        assert served is not None
        assert (served.version, served.route.targets[0].weight, served.static) == (0, 1.0, True)

    def test_the_configured_plan_itself_never_expires(self) -> None:
        served = PlanCell(plan(0, 1.0, valid_until=0.0)).route(GPT, 1e9)
        assert served is not None
        assert not served.static

    def test_a_route_that_the_plan_forgot_is_served_as_configured(self) -> None:
        cell = PlanCell(plan(0, 1.0))
        cell.publish(plan(1, 0.5, name=RouteName("other")))
        served = cell.route(GPT, 1.0)
        assert served is not None
        assert not served.static
        assert cell.route(RouteName("none"), 1.0) is None


class TestBreaker:
    policy = BreakerPolicy(consecutive_failures_max=3, attempts_min=10, failure_ratio_max=0.5, window_s=30.0)

    def run(self, breaker: Breaker, word: str, at: float) -> None:
        for letter in word:
            verdict = {"s": Verdict.SUCCESS, "f": Verdict.FAILURE, "n": Verdict.NEUTRAL}[letter]
            breaker.leave(breaker.enter(at), verdict, self.policy, at)

    @pytest.mark.parametrize(
        ("word", "opens"),
        [
            ("fff", True),
            ("ffnf", True),
            ("ffsff", False),
            ("fsfsfsfsf", False),
            ("fsfsfsfsff", True),
            ("sf" * 5, True),
        ],
    )
    def test_opens_by_a_run_or_by_the_ratio(self, word: str, opens: bool) -> None:
        breaker = Breaker()
        self.run(breaker, word, 1.0)
        assert (breaker.state(1.0) is BreakerState.OPEN) == opens

    def test_old_failures_leave_the_window(self) -> None:
        breaker = Breaker()
        self.run(breaker, "fsfsfsfs", 0.0)
        self.run(breaker, "sf" * 4, 31.0)
        assert breaker.state(31.0) is BreakerState.CLOSED

    def test_half_open_lets_few_in_and_a_neutral_end_frees_the_place(self) -> None:
        breaker = Breaker()
        self.run(breaker, "fff", 0.0)
        first, second = breaker.enter(10.0), breaker.enter(10.0)
        assert not breaker.admits(self.policy, 10.0)
        breaker.leave(first, Verdict.NEUTRAL, self.policy, 11.0)
        assert breaker.admits(self.policy, 11.0)
        breaker.leave(second, Verdict.SUCCESS, self.policy, 11.0)
        self.run(breaker, "s", 12.0)
        assert breaker.state(12.0) is BreakerState.CLOSED

    def test_an_attempt_from_before_the_opening_changes_nothing(self) -> None:
        breaker = Breaker()
        long_one = breaker.enter(0.0)
        self.run(breaker, "fff", 0.0)
        breaker.leave(long_one, Verdict.SUCCESS, self.policy, 5.0)
        assert breaker.state(5.0) is BreakerState.OPEN

    def test_a_last_resort_that_succeeds_opens_the_door(self) -> None:
        breaker = Breaker()
        self.run(breaker, "fff", 0.0)
        self.run(breaker, "s", 1.0)
        assert breaker.state(1.0) is BreakerState.HALF_OPEN


class TestRetry:
    def test_every_class_is_known(self) -> None:
        for failure in FailureClass:
            assert may_fail_over(failure) == FAILURE_ADVICE[failure].failover
            assert not may_repeat(failure) or may_fail_over(failure)

    @pytest.mark.parametrize(
        "failure", [FailureClass.RATE_LIMITED, FailureClass.TIMEOUT_READ, FailureClass.AUTHENTICATION]
    )
    def test_the_same_channel_is_not_asked_again_for_these(self, failure: FailureClass) -> None:
        assert not may_repeat(failure)

    def test_backoff_doubles_and_is_jittered(self) -> None:
        assert backoff_s(0.25, 0, 0.0) == 0.0
        assert backoff_s(0.25, 0, 1.0) == 0.25
        assert backoff_s(0.25, 3, 0.5) == 1.0

    def test_the_budget_is_a_share_of_the_last_minute_but_never_less_than_the_floor(self) -> None:
        budget = RetryBudget(ratio=0.2, floor=3)
        assert [budget.take(0.0) for _ in range(4)] == [True, True, True, False]
        for _ in range(50):
            budget.request(5.0)
        assert sum(budget.take(6.0) for _ in range(20)) == 7
        assert budget.take(16.0), "ten seconds later the floor is there again"
        assert sum(budget.take(100.0) for _ in range(20)) == 3


class TestFleet:
    target = Target(channel=A, weight=1.0, policy=CallPolicy(concurrency_max=1))

    def fleet(self) -> Fleet:
        channel = Channel(
            id=A,
            provider="p",
            cloud="c",
            region=RegionId("r"),
            model="m",
            base_url="http://x",
            concurrency_max=2,
        )
        return Fleet({A: channel})

    def test_full_by_the_tighter_limit_and_free_again(self) -> None:
        fleet = self.fleet()
        permit = fleet.enter(self.target, 0.0)
        assert fleet.standing(self.target, 0.0) is Standing.FULL
        assert fleet.standing(Target(channel=A, weight=1.0), 0.0) is Standing.FREE
        trial = Trial(
            number=1, target=self.target, reason=PickReason.ONLY, plan_version=0, wall_at=0.0, at=0.0
        )
        trial.succeeded(NO_USAGE)
        fleet.leave(trial, permit, stream=False, at=1.0)
        assert fleet.standing(self.target, 1.0) is Standing.FREE
        assert fleet.in_flight(A) == 0

    def test_throttled_until_told(self) -> None:
        fleet, route = self.fleet(), Route(name=GPT, targets=(self.target,))
        assert fleet.wait_s(route, 0.0) is None
        fleet.throttle(A, 7.0, 0.0)
        fleet.throttle(A, 2.0, 0.0)
        assert fleet.standing(self.target, 6.9) is Standing.THROTTLED
        assert fleet.wait_s(route, 5.0) == 2.0
        assert fleet.snapshot(5.0)[A].throttled_for_s == 2.0
        assert fleet.standing(self.target, 7.0) is Standing.FREE

    def test_a_channel_nobody_knows_is_absent(self) -> None:
        assert self.fleet().standing(Target(channel=ChannelId("z"), weight=1.0), 0.0) is Standing.ABSENT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, 10.0) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abc123XYZ789",
        "Bearer eyJhbGciOi.x",
        "api_key=very-secret-1",
        "key AIzaSyA1234567890",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    masked = mask(text)
    assert "***" in masked
    assert not any(secret in masked for secret in ("abc123", "eyJ", "very-secret", "SyA123"))


def test_evidence_of_the_usual_error_bodies() -> None:
    def of(body: bytes) -> tuple[str, str, str]:
        evidence = answer_evidence(500, {"content-type": "x"}, body, 0.0)
        return evidence.error_type, evidence.error_code, evidence.message

    assert of(b'{"error":{"message":"m","type":"t","code":429}}') == ("t", "429", "m")
    assert of(b'[{"error":{"message":"m","status":"RESOURCE_EXHAUSTED"}}]') == ("RESOURCE_EXHAUSTED", "", "m")
    assert of(b'{"detail":"loading"}') == ("", "", "loading")
    assert of(b'{"error":"boom"}') == ("", "", "boom")
    assert of(b"<html>") == ("", "", "HTTP 500")


def test_evidence_keeps_the_chain_of_causes() -> None:
    error = ValueError("outer")
    error.__cause__ = OSError("refused")
    evidence = exception_evidence(error, Phase.CONNECT)
    assert evidence.exception_chain == (("ValueError", "outer"), ("OSError", "refused"))


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"authorization": b"Bearer k1"}, "k1"),
        ({b"authorization": b"bearer  k1 "}, "k1"),
        ({b"x-api-key": b"k1"}, "k1"),
        ({b"api-key": b"k1"}, "k1"),
        ({b"authorization": b"Basic k1"}, None),
        ({}, None),
    ],
)
def test_keys(headers: dict[bytes, bytes], key: str | None) -> None:
    keys = {hashlib.sha256(b"k1").hexdigest(): KeyId("one"), hashlib.sha256(b"").hexdigest(): KeyId("empty")}
    assert presented_key(headers) == key
    assert known_key(key, keys) == (KeyId("one") if key else None)
    assert known_key("other", keys) is None
