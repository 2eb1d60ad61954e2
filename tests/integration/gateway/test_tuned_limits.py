"""Tuned limits of the plan are what the gateway really keeps, over real sockets."""

import asyncio
from dataclasses import replace

import pytest

from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, Canary, ChannelLimits, Parameter, RateLimits, Setting
from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.tuned import lot_of

A = ChannelId("a")
PATIENT = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=50.0, stall_s=50.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=99, outlier_ratio_min=1.0),
)


def now() -> float:
    return asyncio.get_running_loop().time()


def tune(home, *, canary: Canary | None = None, leash: float = 0.0, **settings: Setting) -> None:
    plan = home.plans.current()
    limits = ChannelLimits(
        settings={Parameter(name): one for name, one in settings.items()}, canary=canary, leash_ratio=leash
    )
    home.plans.publish(replace(plan, version=plan.version + 1, limits={A: limits}))


async def test_a_tuned_first_chunk_timeout_moves_a_request_on(house):
    home = await house(policy=PATIENT)
    home.set("a", time_to_first_chunk_s=40.0)
    tune(home, first_chunk=Setting(2.0))
    began_at = now()
    response = await home.post(stream=True)
    assert b"I am b" in response.content
    assert now() - began_at == pytest.approx(2.0, abs=0.3)
    assert home.tried() == [("a", "timeout"), ("b", "success")]


async def test_it_grows_with_the_input_tokens(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=4.0)
    tune(home, first_chunk=Setting(2.0, 0.01))
    short = await home.post(stream=True)
    assert short.status_code == 504
    long = [{"role": "user", "content": "word " * 1000}]
    assert b"I am a" in (await home.post(stream=True, messages=long)).content


async def test_a_tuned_total_and_its_output_tokens(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=5.0)
    tune(home, total=Setting(1.0, 0.01, usual_tokens=50.0))
    began_at = now()
    assert (await home.post(max_tokens=100)).status_code == 504
    assert now() - began_at == pytest.approx(2.0, abs=0.2)
    assert (await home.post(max_tokens=1000)).status_code == 200
    began_at = now()
    assert (await home.post()).status_code == 504
    assert now() - began_at == pytest.approx(1.5, abs=0.2), "what is usual, where the request does not say"


async def test_a_tuned_concurrency_limit_is_kept(house):
    home = await house("a", policy=PATIENT, settings=GatewaySettings(queue_s=60.0))
    home.set("a", time_to_first_chunk_s=1.0)
    tune(home, concurrency=Setting(2.0))
    began_at = now()
    done = await asyncio.gather(*(home.post() for _ in range(6)))
    assert [one.status_code for one in done] == [200] * 6
    assert now() - began_at == pytest.approx(3.0, abs=0.2), "two at a time"


async def test_the_canary_and_the_leash_are_kept_and_marked(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=3.0)
    canary = Canary(name="t1", parameter=Parameter.TOTAL, setting=Setting(1.0), ratio=0.5)
    tune(home, canary=canary, leash=0.3, total=Setting(2.0))
    await asyncio.gather(*(home.post() for _ in range(40)))
    for one in home.attempts:
        lot = lot_of(one.request_id)
        tries, loose = lot.canary < 0.5, lot.leash < 0.3
        assert (one.canary, one.leash) == ("t1" if tries else "", loose)
        limit = (1.0 if tries else 2.0) * (2.0 if loose else 1.0)
        assert one.outcome == ("success" if limit > 3.0 else "timeout")
        assert one.duration_s == pytest.approx(min(limit, 3.0), abs=0.1)
    assert {(one.canary, one.leash) for one in home.attempts} >= {("t1", False), ("", False), ("", True)}


async def test_an_expired_plan_has_no_tuned_limits(house):
    home = await house("a", policy=PATIENT)
    home.set("a", time_to_first_chunk_s=3.0)
    tune(home, total=Setting(1.0))
    plan = home.plans.current()
    assert (await home.post()).status_code == 504
    home.plans.publish(replace(plan, version=plan.version + 1, valid_until=0.0))
    assert (await home.post()).status_code == 200


async def test_admission_sends_a_channel_that_pushes_back_less(house):
    policy = replace(
        PATIENT,
        breaker=BreakerPolicy(consecutive_failures_max=10_000, failure_ratio_max=1.0, outlier_ratio_min=1.0),
    )
    home = await house("ab", policy=policy)
    home.set("a", status=503)
    plan = home.plans.current()
    limits = ChannelLimits(settings={Parameter.ADMISSION: Setting(2.0)}, patience_s=2.0)
    home.plans.publish(replace(plan, version=plan.version + 1, limits={A: limits}))
    for _ in range(120):
        assert (await home.post()).status_code == 200
        await asyncio.sleep(0.2)
    asked = home.asked("a")
    for _ in range(120):
        assert (await home.post()).status_code == 200
        await asyncio.sleep(0.2)
    assert home.asked("a") - asked < asked / 2


async def test_a_tuned_retry_budget(house):
    policy = replace(
        PATIENT,
        breaker=BreakerPolicy(consecutive_failures_max=10_000, failure_ratio_max=1.0, outlier_ratio_min=1.0),
    )
    settings = GatewaySettings(free_failovers=0, retry_floor=0, retry_ratio=0.0)
    home = await house("ab", policy=policy, settings=settings)
    home.set("a", status=500)
    assert (await home.post()).status_code == 503, "no retries at all are configured"
    plan = home.plans.current()
    whole = {EVERYWHERE: ChannelLimits(settings={Parameter.RETRY_RATIO: Setting(1.0)})}
    home.plans.publish(replace(plan, version=plan.version + 1, limits=whole))
    assert (await home.post()).status_code == 200


async def test_attempts_say_what_tuning_learns_from(house):
    home = await house("a", policy=PATIENT)
    limits = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}
    home.set("a", headers=limits, seconds_per_chunk=0.7)
    await home.post(stream=True)
    await home.post(stream=True)
    first, second = home.attempts
    assert first.connect_s is not None, "a new connection"
    assert second.connect_s is None, "the same one again"
    assert first.gap_max_s == pytest.approx(0.7, abs=0.1)
    assert first.rate_limits == RateLimits(60, 59)
