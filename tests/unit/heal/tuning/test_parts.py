"""The pure parts of tuning, each by what must hold for any input."""

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.attempt import Asked, Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.limits import Parameter, RateLimits, Setting
from foreroute.heal.tuning.canary import Arm, Verdict, judge
from foreroute.heal.tuning.faults import wanted_failures_in_row, wanted_outlier_ratio, wanted_retry_ratio
from foreroute.heal.tuning.load import UNLIMITED, told_concurrency, wanted_admission, wanted_concurrency
from foreroute.heal.tuning.memory import DAY_S, HOUR_S, QUARTER_S, Memory
from foreroute.heal.tuning.rails import COUNTED, Rails, stepped
from foreroute.heal.tuning.samples import Sample, samples_of
from foreroute.heal.tuning.statistics import difference, slower, wilson
from foreroute.heal.tuning.survival import Survival, merged
from foreroute.heal.tuning.timeouts import wanted_timeout
from foreroute.heal.tuning.traffic import Row, Traffic
from foreroute.heal.tuning.values import Outlook

AT = 1_750_000_000.0 // 3600 * 3600
A = ChannelId("a")
RAILS = Rails()
P = Parameter


def attempt(at: float = AT, duration_s: float = 1.0, **more: object) -> Attempt:
    plain = Attempt(
        request_id=RequestId(f"r{at}"),
        number=1,
        route=RouteName("r"),
        channel=A,
        started_at=at,
        duration_s=duration_s,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        stream=True,
        time_to_first_chunk_s=0.4,
        gap_max_s=0.1,
        usage=Usage(100, output_tokens=50),
        asked=Asked(input_tokens=100),
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # the fields of an attempt


def throttled(at: float, duration_s: float = 1.0) -> Attempt:
    return attempt(at, duration_s, outcome=Outcome.THROTTLED, failure_class=FailureClass.RATE_LIMITED)


def traffic(*attempts: Attempt) -> Traffic:
    made = Traffic()
    for one in attempts:
        made.observe(one)
    return made


# Survival -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 500), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_without_cuts_a_quantile_is_that_of_the_values_within_two_percent(
    values: list[float], rank: float
) -> None:
    survival = Survival()
    for value in values:
        survival.add(value, cut=False)
    found = survival.quantile(rank)
    exact = sorted(values)[max(0, math.ceil(rank * len(values) - 1e-9) - 1)]
    assert found is not None
    assert found.reached
    assert found.value_s == pytest.approx(exact, rel=0.021)


@given(
    st.lists(st.tuples(st.floats(0.01, 500), st.booleans()), min_size=1, max_size=200), st.integers(0, 2**32)
)
def test_merged_parts_say_what_the_whole_says(samples: list[tuple[float, bool]], seed: int) -> None:
    rng, whole, parts = Random(seed), Survival(), [Survival(), Survival(), Survival()]
    for seconds, cut in samples:
        whole.add(seconds, cut=cut)
        rng.choice(parts).add(seconds, cut=cut)
    for rank in (0.5, 0.9, 0.995):
        assert merged(parts).quantile(rank) == whole.quantile(rank)


@given(st.lists(st.floats(0.1, 100), min_size=5, max_size=200), st.floats(0.2, 50))
def test_to_cut_off_never_makes_a_quantile_smaller_than_the_limit_or_the_truth(
    values: list[float], limit: float
) -> None:
    """The heart of it: what a timeout hides is taken as longer, never as shorter or as not there."""
    whole, seen = Survival(), Survival()
    for value in values:
        whole.add(value, cut=False)
        seen.add(min(value, limit), cut=value > limit)
    for rank in (0.5, 0.95, 0.995):
        true, found = whole.quantile(rank), seen.quantile(rank)
        assert true is not None
        assert found is not None
        if found.reached:
            assert found.value_s == pytest.approx(true.value_s, rel=1e-9)
        else:
            assert true.value_s * 1.021 >= limit or true.value_s >= found.value_s * 0.98


def test_a_quantile_that_is_not_reached_says_so() -> None:
    survival = Survival()
    for _ in range(90):
        survival.add(1.0, cut=False)
    for _ in range(10):
        survival.add(2.0, cut=True)
    assert survival.quantile(0.9) is not None
    found = survival.quantile(0.95)
    assert found is not None
    assert not found.reached
    assert found.value_s == pytest.approx(2.0, rel=0.02)


# Samples ------------------------------------------------------------------------------------------------------------


def test_what_an_attempt_says_of_its_phases() -> None:
    well = samples_of(attempt(connect_s=0.05))
    assert [(one.parameter, one.cut) for one in well] == [
        (P.CONNECT, False),
        (P.FIRST_CHUNK, False),
        (P.STALL, False),
        (P.TOTAL, False),
    ]
    stalled = samples_of(
        attempt(outcome=Outcome.TIMEOUT, failure_class=FailureClass.TIMEOUT_READ, gap_max_s=9.0)
    )
    assert [(one.parameter, one.cut, one.seconds) for one in stalled] == [
        (P.FIRST_CHUNK, False, 0.4),
        (P.STALL, True, 9.0),
        (P.TOTAL, True, 1.0),
    ]
    silent = samples_of(
        attempt(
            duration_s=60.0,
            outcome=Outcome.TIMEOUT,
            failure_class=FailureClass.TIMEOUT_READ,
            phase=Phase.HEADERS,
            time_to_first_chunk_s=None,
            gap_max_s=None,
        )
    )
    assert [(one.parameter, one.cut) for one in silent] == [(P.FIRST_CHUNK, True), (P.TOTAL, True)]
    refused = attempt(outcome=Outcome.FAILURE, failure_class=FailureClass.SERVER_ERROR, connect_s=0.1)
    assert [one.parameter for one in samples_of(refused)] == [P.CONNECT]
    unreached = attempt(
        outcome=Outcome.TIMEOUT, failure_class=FailureClass.TIMEOUT_CONNECT, time_to_first_chunk_s=None
    )
    assert [(one.parameter, one.cut) for one in samples_of(unreached)] == [(P.CONNECT, True)]
    left = samples_of(attempt(outcome=Outcome.IGNORED, time_to_first_chunk_s=None, gap_max_s=None))
    assert [(one.parameter, one.cut) for one in left] == [(P.FIRST_CHUNK, True), (P.TOTAL, True)]
    assert samples_of(attempt(reason=PickReason.PROBE)) == []


# Memory -------------------------------------------------------------------------------------------------------------


def test_windows_hold_what_is_recent_and_forget_the_rest() -> None:
    memory = Memory()
    for hour in range(30):
        memory.forget(AT + hour * 3600)
        memory.add(Sample(P.TOTAL, 1.0 + hour, cut=False), AT + hour * 3600 + 10)
    now = AT + 29 * 3600 + 60
    assert memory.over(P.TOTAL, QUARTER_S, now).ended == 1
    assert memory.over(P.TOTAL, HOUR_S, now).ended == 1
    assert memory.over(P.TOTAL, DAY_S, now).ended in (25, 26)
    again = Memory()
    again.load(memory.dump())
    assert again.over(P.TOTAL, DAY_S, now).quantile(0.9) == memory.over(P.TOTAL, DAY_S, now).quantile(0.9)
    assert again.total == 30


def test_what_a_wrong_clock_put_into_the_future_is_not_looked_at() -> None:
    memory = Memory()
    for second in range(60):
        memory.add(Sample(P.TOTAL, 9.0, cut=False), AT + 7200 + second)
        memory.add(Sample(P.TOTAL, 1.0, cut=False), AT + second)
    memory.forget(AT + 60)
    assert memory.over(P.TOTAL, QUARTER_S, AT + 60).ended == 60


# Rails --------------------------------------------------------------------------------------------------------------

SETTINGS = st.builds(
    Setting,
    st.floats(0.05, 900),
    st.one_of(st.just(0.0), st.floats(1e-6, 0.05)),
    st.floats(0, 5000),
)


@given(st.sampled_from(sorted(set(Parameter) - COUNTED)), SETTINGS, SETTINGS)
@settings(max_examples=300)
def test_no_step_is_longer_than_a_quarter_or_leaves_the_bounds(
    parameter: Parameter, old: Setting, wanted: Setting
) -> None:
    step = stepped(parameter, old, wanted, RAILS)
    if step.setting is None:
        return
    for tokens in (0.0, old.usual_tokens):
        was, now = old.at(tokens), step.setting.at(tokens)
        assert abs(now - was) <= RAILS.step_max * was * 1.002
    bounds = RAILS.bounds[parameter]
    low, high = min(bounds.least, old.at()), max(bounds.most, old.at())
    assert low * 0.999 <= step.setting.at() <= high * 1.001


@given(st.sampled_from(sorted(set(Parameter) - COUNTED)), st.floats(0.5, 100), st.floats(0.5, 100))
def test_steps_arrive_and_then_stay(parameter: Parameter, start: float, goal: float) -> None:
    bounds = RAILS.bounds[parameter]
    current = Setting(start)
    for _ in range(80):
        step = stepped(parameter, current, Setting(goal), RAILS)
        if step.setting is None:
            break
        current = step.setting
    else:
        pytest.fail("it never stays")
    aim = min(max(goal, min(bounds.least, start)), max(bounds.most, start))
    assert current.at() == pytest.approx(aim, rel=0.12)


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_count_moves_by_one_at_least_and_a_quarter_at_most(old: int, goal: int) -> None:
    step = stepped(P.CONCURRENCY, Setting(old), Setting(goal), RAILS).setting
    if old == goal:
        assert step is None
        return
    assert step is not None
    assert step.base == int(step.base)
    assert 1 <= abs(step.base - old) <= max(1.0, RAILS.step_max * old + 1e-9)
    assert min(old, goal) <= step.base <= max(old, goal)


# Wanted timeouts ----------------------------------------------------------------------------------------------------


def filled(values: list[float], limit: float = 60.0, parameter: Parameter = P.STALL) -> Memory:
    memory = Memory()
    for number, value in enumerate(values):
        sample = Sample(parameter, min(value, limit), cut=value > limit)
        memory.add(sample, AT + number % 800)
    return memory


def test_a_timeout_is_the_quantile_times_the_margin() -> None:
    rng = Random(1)
    memory = filled([rng.lognormvariate(0, 0.4) for _ in range(2000)])
    found = wanted_timeout(memory, P.STALL, Setting(30.0), Outlook(), RAILS, AT + 800)
    assert found.setting is not None
    assert found.setting.base == pytest.approx(1.3 * math.exp(2.576 * 0.4), rel=0.15)
    assert not found.urgent


def test_a_forecast_of_slowness_lengthens_it() -> None:
    rng = Random(1)
    memory = filled([rng.lognormvariate(0, 0.4) for _ in range(2000)], parameter=P.FIRST_CHUNK)
    calm = wanted_timeout(memory, P.FIRST_CHUNK, Setting(30.0), Outlook(), RAILS, AT + 800).setting
    slow = Outlook(first_chunk_ratio=2.0)
    warned = wanted_timeout(memory, P.FIRST_CHUNK, Setting(30.0), slow, RAILS, AT + 800).setting
    assert calm is not None
    assert warned is not None
    assert warned.at() == pytest.approx(2 * calm.at(), rel=0.02)


def test_too_few_samples_say_nothing() -> None:
    found = wanted_timeout(filled([1.0] * 50), P.STALL, Setting(30.0), Outlook(), RAILS, AT + 800)
    assert found.setting is None
    assert "50 of 200" in found.reason


def test_what_hangs_does_not_make_a_timeout_longer() -> None:
    """Three in a hundred never answer: however long one waits, they do not."""
    rng = Random(2)
    values = [math.inf if rng.random() < 0.03 else rng.lognormvariate(0, 0.3) for _ in range(3000)]
    found = wanted_timeout(filled(values, limit=10.0), P.STALL, Setting(10.0), Outlook(), RAILS, AT + 800)
    assert found.setting is not None
    assert found.setting.at() < 10.0
    gone = wanted_timeout(
        filled([math.inf] * 400, limit=10.0), P.STALL, Setting(10.0), Outlook(), RAILS, AT + 800
    )
    assert gone.setting is None
    assert "hangs" in gone.reason


def test_a_tail_that_is_cut_off_makes_it_longer_at_once() -> None:
    rng = Random(3)
    values = [rng.lognormvariate(0, 0.5) for _ in range(3000)]
    found = wanted_timeout(filled(values, limit=1.5), P.STALL, Setting(1.5), Outlook(), RAILS, AT + 800)
    assert found.setting is not None
    assert found.setting.at() > 1.5
    assert found.urgent


def test_the_first_chunk_follows_the_input_tokens() -> None:
    rng, memory = Random(4), Memory()
    for number in range(6000):
        tokens = rng.choice((200, 1000, 4000, 20_000))
        seconds = (0.3 + 1e-4 * tokens) * rng.lognormvariate(0, 0.2)
        memory.add(Sample(P.FIRST_CHUNK, seconds, cut=False, tokens=tokens), AT + number % 800)
    found = wanted_timeout(memory, P.FIRST_CHUNK, Setting(60.0), Outlook(), RAILS, AT + 800).setting
    assert found is not None
    assert found.per_token > 0
    for tokens in (200, 1000, 4000, 20_000):
        usual = 0.3 + 1e-4 * tokens
        assert 1.5 * usual < found.at(tokens) < 12 * usual
    assert found.at(200) < 0.4 * found.at(20_000)


# Load, faults -------------------------------------------------------------------------------------------------------


def test_a_channel_that_pushes_nothing_back_needs_no_limit() -> None:
    free = traffic(*(attempt(AT + n) for n in range(300)))
    assert wanted_concurrency(free, Setting(UNLIMITED), RAILS, AT + 300).setting is None


def test_pushback_cuts_concurrency_and_calm_lets_it_grow() -> None:
    crowd = [attempt(AT + n * 0.1, 4.0) for n in range(400)]
    pushed = traffic(*crowd, *(throttled(AT + n) for n in range(40)))
    found = wanted_concurrency(pushed, Setting(40.0), RAILS, AT + 60)
    assert found.setting is not None
    assert found.setting.base <= 20
    assert found.urgent
    calm = traffic(*crowd)
    grown = wanted_concurrency(calm, Setting(40.0), RAILS, AT + 60)
    assert grown.setting == Setting(44.0)
    idle = wanted_concurrency(calm, Setting(400.0), RAILS, AT + 60)
    assert idle.setting is None


def test_headers_tell_what_limits_come_to() -> None:
    hour = Row(sent=100, seconds=200.0, tokens=100_000)
    assert told_concurrency(RateLimits(requests_max=600), hour) == pytest.approx(20.0)
    both = RateLimits(requests_max=600, tokens_max=60_000, tokens_reset_s=3.0)
    assert told_concurrency(both, hour) == pytest.approx(2.0)
    daily = RateLimits(requests_max=600, requests_reset_s=40_000.0)
    assert told_concurrency(daily, hour) is None
    assert told_concurrency(None, hour) is None


def test_slowness_for_its_size_lowers_a_limit_that_is_reached() -> None:
    made = Traffic()
    for n in range(600):
        made.observe(attempt(AT + n * 5, 4.0), 1.0)
    for n in range(300):
        made.observe(attempt(AT + 3000 + n, 12.0), 2.5)
    found = wanted_concurrency(made, Setting(12.0), RAILS, AT + 3300)
    assert found.setting is not None
    assert found.setting.base < 12
    assert "slow for their size" in found.reason


def test_admission_closes_under_pushback_and_opens_again() -> None:
    pressed = traffic(*(attempt(AT + n) for n in range(100)), *(throttled(AT + n) for n in range(50)))
    found = wanted_admission(pressed, Setting(8.0), RAILS, AT + 120)
    assert found.setting == Setting(2.0)
    assert found.urgent
    calm = traffic(*(attempt(AT + n) for n in range(200)))
    assert wanted_admission(calm, Setting(2.0), RAILS, AT + 240).setting == Setting(8.0)
    assert wanted_admission(calm, Setting(8.0), RAILS, AT + 240).setting is None


@given(st.integers(200, 5000), st.floats(0.0, 0.6))
def test_so_many_failures_in_a_row_are_no_chance(attempts: int, ratio: float) -> None:
    failed = int(attempts * ratio)
    made = Traffic()
    made.rows[int(AT // 60)] = Row(sent=attempts, judged=attempts, failed=failed)
    found = wanted_failures_in_row(made, RAILS, AT + 60).setting
    assert found is not None
    assert found.base >= 2
    assert min(0.5, failed / attempts) ** found.base <= 0.001 + 1e-9


def test_an_outlier_is_told_from_its_peers() -> None:
    def peer(failed: int) -> Traffic:
        made = Traffic()
        made.rows[int(AT // 60)] = Row(sent=1000, judged=1000, failed=failed)
        return made

    found = wanted_outlier_ratio([peer(2), peer(100), peer(50)], RAILS, AT + 60).setting
    assert found is not None
    assert found.base == pytest.approx(3 * wilson(50, 1000)[1])
    assert wanted_outlier_ratio([peer(0)], RAILS, AT + 60).setting == Setting(0.1)
    assert wanted_outlier_ratio([], RAILS, AT + 60).setting is None


def test_retries_follow_what_they_are_worth() -> None:
    def rows(well: int, pushed: int = 0) -> list[Traffic]:
        made = Traffic()
        made.rows[int(AT // 60)] = Row(sent=1000, judged=1000, retries=100, retries_well=well, pushed=pushed)
        return [made]

    current = Setting(0.2)
    more = wanted_retry_ratio(rows(80), current, AT + 60).setting
    assert more is not None
    assert more.base == pytest.approx(0.22)
    assert wanted_retry_ratio(rows(10), current, AT + 60).setting == Setting(0.1)
    assert wanted_retry_ratio(rows(80, pushed=200), current, AT + 60).urgent
    assert wanted_retry_ratio(rows(35), current, AT + 60).setting is None


# Statistics and verdicts --------------------------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(1, 500))
def test_bounds_hold_the_ratio(failures: int, attempts: int) -> None:
    failures = min(failures, attempts)
    low, high = wilson(failures, attempts)
    assert 0 <= low <= failures / attempts <= high <= 1
    least, most = difference(failures, attempts, failures, attempts)
    assert least <= 0 <= most


def test_slower_is_told_from_as_slow() -> None:
    rng = Random(5)
    usual = [rng.lognormvariate(0, 0.4) for _ in range(300)]
    same = [rng.lognormvariate(0, 0.4) for _ in range(300)]
    slow = [1.4 * rng.lognormvariate(0, 0.4) for _ in range(300)]
    assert slower(same, usual)[0] > 0.05
    p, ratio = slower(slow, usual)
    assert p < 1e-4
    assert ratio == pytest.approx(1.4, rel=0.15)
    assert slower([], usual) == (1.0, 1.0)
    assert slower([1.0] * 50, [1.0] * 50)[1] == 1.0


def test_a_verdict_waits_for_evidence_and_ends_early_on_harm() -> None:
    good, bad = Arm(judged=500, bad=2), Arm(judged=60, bad=20)
    assert judge(bad, good, 30.0, RAILS)[0] is Verdict.WORSE
    assert judge(Arm(judged=50, bad=0), good, 700.0, RAILS)[0] is Verdict.OPEN
    assert judge(Arm(judged=150, bad=1), good, 300.0, RAILS)[0] is Verdict.OPEN
    assert judge(Arm(judged=150, bad=1), good, 700.0, RAILS)[0] is Verdict.NO_WORSE
    verdict, said = judge(Arm(judged=5), good, RAILS.canary_s_max + 1, RAILS)
    assert verdict is Verdict.WORSE
    assert "too few to tell" in said


def test_a_trial_of_the_same_is_rarely_taken_for_worse() -> None:
    """Looked at every minute: chance may end a trial, but seldom."""
    ended = 0
    for seed in range(150):
        rng, trial, control = Random(seed), Arm(), Arm()
        for minute in range(1, 12):
            for arm, count in ((trial, 12), (control, 108)):
                arm.judged += count
                arm.bad += sum(rng.random() < 0.02 for _ in range(count))
            verdict, _ = judge(trial, control, 60.0 * minute, RAILS)
            if verdict is not Verdict.OPEN:
                ended += verdict is Verdict.WORSE
                break
    assert ended <= 15


_MINUTES = st.lists(st.tuples(st.integers(0, 26 * 60), st.booleans()), max_size=60)


@given(_MINUTES, _MINUTES, st.sampled_from([60.0, QUARTER_S, HOUR_S, DAY_S]))
def test_sums_over_a_window_are_those_of_its_minutes_however_often_they_are_asked_for(
    first: list[tuple[int, bool]], then: list[tuple[int, bool]], window_s: float
) -> None:
    made, at = Traffic(), AT + 26 * HOUR_S
    seen: list[Attempt] = []
    for part in (first, then):
        for minute, well in part:
            outcome = Outcome.SUCCESS if well else Outcome.FAILURE
            one = attempt(AT + 60.0 * minute, 1.0, outcome=outcome)
            made.observe(one)
            seen.append(one)
        row = made.over(window_s, at)
        inside = [one for one in seen if at - window_s < one.ended_at // 60 * 60 <= at]
        assert row.sent == len(inside)
        assert row.failed == sum(one.outcome is Outcome.FAILURE for one in inside)
    made.forget(at + 2 * HOUR_S)
    assert made.over(DAY_S, at).sent == sum(
        at + 2 * HOUR_S - DAY_S < one.ended_at // 60 * 60 <= at for one in seen
    )


def test_what_is_remembered_grows_after_it_was_asked_for() -> None:
    memory = Memory()
    for count in (1, 2):
        memory.add(Sample(P.TOTAL, 1.0, cut=False, tokens=100), AT)
        assert memory.over(P.TOTAL, HOUR_S, AT).ended == count
