"""Outliers, slowness, trust and probes as the fleet keeps them, on times that are handed in."""

import math

import pytest

from foreroute.core.attempt import NO_USAGE, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, Target
from foreroute.core.work import Expectation, Linear, Work, WorkModel
from foreroute.gateway.breaker import BreakerState
from foreroute.gateway.fleet import Fleet
from foreroute.gateway.outlier import is_outlier, wilson_lower
from foreroute.gateway.select import Standing
from foreroute.gateway.slowdown import work_of
from foreroute.gateway.trial import Trial

POLICY = CallPolicy(breaker=BreakerPolicy(consecutive_failures_max=99, attempts_min=99, open_s=10.0))
A, B = ChannelId("a"), ChannelId("b")


def targets(names: str) -> tuple[Target, ...]:
    return tuple(Target(channel=ChannelId(name), weight=1.0, policy=POLICY) for name in names)


def a_fleet(names: str) -> Fleet:
    return Fleet(
        {
            ChannelId(name): Channel(
                id=ChannelId(name),
                provider="p",
                cloud="c",
                region=RegionId("r"),
                model="m",
                base_url="http://x",
            )
            for name in names
        }
    )


def attempt(
    fleet: Fleet,
    peers: tuple[Target, ...],
    name: str,
    failure: FailureClass | None = None,
    *,
    at: float = 0.0,
    took_s: float = 0.0,
    usage: Usage = NO_USAGE,
) -> None:
    target = next(t for t in peers if t.channel == name)
    permit = fleet.enter(target, at)
    trial = Trial(number=1, target=target, reason=PickReason.ONLY, plan_version=0, wall_at=at, at=at)
    trial.peers = peers
    if failure is None:
        trial.succeeded(usage)
    else:
        trial.failed(failure, FailureEvidence(phase=Phase.HEADERS))
    fleet.leave(trial, permit, stream=False, at=at + took_s)


def is_out(fleet: Fleet, name: str, at: float = 0.0) -> bool:
    return fleet.snapshot(at)[ChannelId(name)].breaker is BreakerState.OPEN


@pytest.mark.parametrize(
    ("failures", "attempts", "proven"), [(1, 1, 0.2065), (2, 2, 0.3424), (3, 10, 0.1078), (50, 100, 0.4038)]
)
def test_the_wilson_bound_is_the_one_of_the_tables(failures: int, attempts: int, proven: float) -> None:
    assert wilson_lower(failures, attempts) == pytest.approx(proven, abs=5e-4)


@pytest.mark.parametrize(
    ("own", "peers", "out"),
    [
        ((2, 2), (50, 0), True),
        ((1, 1), (50, 0), False),
        ((10, 3), (50, 0), False),
        ((100, 45), (50, 0), True),
        ((2, 2), (0, 0), True),
        ((100, 90), (100, 45), False),
        ((100, 90), (100, 40), True),
    ],
)
def test_who_fails_more_than_its_peers(own: tuple[int, int], peers: tuple[int, int], out: bool) -> None:
    assert is_outlier(own, peers, 0.3) is out


class TestOutliers:
    def test_two_failures_beside_sound_peers_are_enough(self) -> None:
        fleet, route = a_fleet("abc"), targets("abc")
        for name in "bc" * 5:
            attempt(fleet, route, name)
        attempt(fleet, route, "a", FailureClass.SERVER_ERROR)
        assert not is_out(fleet, "a")
        attempt(fleet, route, "a", FailureClass.SERVER_ERROR)
        assert is_out(fleet, "a")
        assert fleet.snapshot(0.0)[A].trust == 0.05

    def test_everybody_failing_puts_nobody_out(self) -> None:
        fleet, route = a_fleet("abc"), targets("abc")
        for _ in range(30):
            for name in "abc":
                attempt(fleet, route, name, FailureClass.SERVER_ERROR)
        assert [is_out(fleet, name) for name in "abc"].count(True) <= 1, (
            "the first one, before the others failed"
        )

    def test_only_half_of_a_route_may_be_left_out(self) -> None:
        fleet, route = a_fleet("abcd"), targets("abcd")
        for name in "d" * 100:
            attempt(fleet, route, name)
        for name in "abc" * 10:
            attempt(fleet, route, name, FailureClass.SERVER_ERROR)
        assert sum(is_out(fleet, name) for name in "abcd") <= 2

    def test_the_only_channel_of_a_route_has_no_peers(self) -> None:
        fleet, route = a_fleet("a"), targets("a")
        for _ in range(20):
            attempt(fleet, route, "a", FailureClass.SERVER_ERROR)
        assert not is_out(fleet, "a")

    def test_what_is_not_the_channels_fault_does_not_count(self) -> None:
        fleet, route = a_fleet("ab"), targets("ab")
        for failure in (FailureClass.RATE_LIMITED, FailureClass.INVALID_REQUEST) * 5:
            attempt(fleet, route, "b")
            attempt(fleet, route, "a", failure)
        assert not is_out(fleet, "a")

    @pytest.mark.parametrize(
        "failure",
        [
            FailureClass.AUTHENTICATION,
            FailureClass.QUOTA_EXHAUSTED,
            FailureClass.MODEL_NOT_FOUND,
            FailureClass.COLD_START,
        ],
    )
    def test_what_lasts_until_somebody_acts_is_believed_at_once(self, failure: FailureClass) -> None:
        fleet, route = a_fleet("a"), targets("a")
        attempt(fleet, route, "a", failure)
        assert is_out(fleet, "a")


class TestProbing:
    def test_a_channel_left_to_probes_takes_no_request_until_one_went_well(self) -> None:
        fleet, route = a_fleet("a"), targets("a")
        heard: list[tuple[ChannelId, float]] = []

        def on_open(target: Target, wait_s: float) -> bool:
            heard.append((target.channel, wait_s))
            return True

        fleet.on_open = on_open
        attempt(fleet, route, "a", FailureClass.AUTHENTICATION, at=5.0)
        assert heard == [("a", 10.0)]
        assert fleet.standing(route[0], 9_999.0) is Standing.OPEN, (
            "the breaker's time alone does not let it in"
        )
        assert fleet.probed(A, POLICY.breaker, 15.0, well=False) == 20.0
        assert fleet.probed(A, POLICY.breaker, 35.0, well=False) == 30.0, "never longer"
        assert fleet.standing(route[0], 80.0) is Standing.OPEN
        assert fleet.probed(A, POLICY.breaker, 80.0, well=True) == 0.0
        assert fleet.standing(route[0], 80.0) is Standing.FREE
        assert fleet.trust(A, 80.0) == 0.05

    def test_without_a_prober_a_request_finds_out(self) -> None:
        fleet, route = a_fleet("a"), targets("a")
        attempt(fleet, route, "a", FailureClass.AUTHENTICATION)
        assert fleet.standing(route[0], 9.9) is Standing.OPEN
        assert fleet.standing(route[0], 10.0) is Standing.FREE

    def test_when_probing_is_given_up_a_request_finds_out(self) -> None:
        fleet, route = a_fleet("a"), targets("a")
        fleet.on_open = lambda _target, _wait_s: True
        attempt(fleet, route, "a", FailureClass.AUTHENTICATION)
        fleet.give_up_probing(A)
        assert fleet.standing(route[0], 10.0) is Standing.FREE


class TestTrustAndSlowness:
    def test_the_ramp_after_a_return(self) -> None:
        fleet, route = a_fleet("ab"), targets("ab")
        attempt(fleet, route, "a", FailureClass.AUTHENTICATION)
        fleet.probed(A, POLICY.breaker, 10.0, well=True)
        shares = []
        for second in range(10, 30):
            attempt(fleet, route, "a", at=float(second))
            shares.append(fleet.trust(A, float(second)))
        assert shares == [0.05] * 5 + [0.25] * 5 + [1.0] * 10

    def test_without_traffic_time_alone_lets_it_climb(self) -> None:
        fleet, route = a_fleet("ab"), targets("ab")
        attempt(fleet, route, "a", FailureClass.AUTHENTICATION)
        fleet.probed(A, POLICY.breaker, 10.0, well=True)
        attempt(fleet, route, "a", at=10.0)
        assert [fleet.trust(A, at) for at in (19.9, 20.0, 29.9, 30.0)] == [0.05, 0.25, 0.25, 1.0]

    def test_work_makes_long_and_short_answers_comparable(self) -> None:
        fleet, route = a_fleet("ab"), targets("ab")
        for second in range(40):
            size = 2000 if second % 2 else 0
            attempt(
                fleet, route, "a", at=float(second), took_s=1.0 + size / 2000, usage=Usage(input_tokens=size)
            )
        assert fleet.slowdown(A, 41.0) == pytest.approx(1.0, abs=0.05)
        assert fleet.delay_s(A, Work(), None, None, 10.0) == pytest.approx(1.0, rel=0.05)
        assert fleet.delay_s(A, Work(4000), 100, None, 10.0) == pytest.approx(4.0, rel=0.05)
        assert work_of(2000, 100) == 3.0

    def test_what_is_not_known_is_infinite(self) -> None:
        fleet, route = a_fleet("ab"), targets("ab")
        assert fleet.delay_s(A, Work(), None, None, 10.0) == math.inf
        assert fleet.seconds_per_token(A) == math.inf
        attempt(fleet, route, "a", took_s=2.0, usage=Usage(output_tokens=100))
        assert fleet.seconds_per_token(A) == pytest.approx(0.02)
        assert fleet.delay_s(B, Work(), None, None, 10.0) == math.inf

    def test_an_outlook_says_what_a_request_will_take(self) -> None:
        """Its own slowdown or the present one, whichever is worse."""
        fleet, route = a_fleet("ab"), targets("ab")
        model = WorkModel(
            first_chunk=Linear(math.log(0.2), (0.5, 0.0)), whole=Linear(0.0, (0.0, 0.0, 0.0, 0.0))
        )
        work = Work(input_tokens=99, stream=True)
        assert fleet.delay_s(A, work, None, Expectation(model=model, slowdown=1.5), 0.0) == pytest.approx(3.0)
        assert fleet.delay_s(A, Work(99), None, Expectation(model=model), 0.0) == pytest.approx(1.0)
        for second in range(40):
            attempt(fleet, route, "a", at=float(second), took_s=1.0 if second < 39 else 4.0)
        assert fleet.delay_s(A, work, None, Expectation(model=model, slowdown=1.5), 43.0) == pytest.approx(
            8.0, rel=0.1
        )


class TestTurns:
    def route(self, names: str = "ab") -> Route:
        return Route(name=RouteName("r"), targets=targets(names))

    def test_a_full_channel_has_a_place_at_any_time(self) -> None:
        assert a_fleet("ab").turn_s((A, B), 5.0, 0.0) == 5.0

    def test_a_pause_is_waited_for_if_it_is_short_enough(self) -> None:
        fleet = a_fleet("ab")
        fleet.throttle(A, 3.0, 0.0)
        fleet.throttle(B, 60.0, 0.0)
        assert fleet.turn_s((A, B), 5.0, 1.0) == 2.0
        assert fleet.turn_s((A, B), 1.5, 1.0) is None
        assert fleet.turn_s((B,), 5.0, 1.0) is None

    def test_a_pause_is_believed_for_five_minutes_at_most(self) -> None:
        fleet = a_fleet("ab")
        fleet.throttle(A, 86_400.0, 0.0)
        assert fleet.wait_s(self.route("a"), 0.0) == 300.0
