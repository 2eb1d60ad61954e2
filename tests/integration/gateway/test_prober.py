"""The gateway asks a channel itself before it risks a user's request on it."""

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from foreroute.core.failure import FailureClass
from foreroute.core.plan import BreakerPolicy, CallPolicy, Timeouts
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.fake_provider import Fault

PROBING = GatewaySettings(probe=True, explore_ratio=0.0)
POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=3, open_s=10.0, open_s_max=60.0),
)
SIDE_BY_SIDE = {"a": 0, "b": 0}


def probes(home: Any) -> list[Any]:
    return [attempt for attempt in home.attempts if attempt.reason == "probe"]


def is_probe(request: Any) -> bool:
    return bool(request.body.get("max_tokens") in {1, 16})


async def until(at: float) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())


async def test_a_lasting_failure_opens_at_once_and_no_user_meets_it_again(house):
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    for _ in range(5):
        assert (await home.post()).status_code == 200
    assert home.asked("a") == 1, "one failure was enough"
    for second in range(1, 40):
        await until(second)
        assert (await home.post()).headers["x-foreroute-channel"] == "b"
    asked = home.providers["a"].received
    assert [is_probe(request) for request in asked] == [False, True, True]
    assert [round(request.received_at) for request in asked] == [0, 10, 30], "each waits longer"


async def test_a_probe_is_a_small_request_in_the_form_that_the_channel_is_asked_in(house):
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    await home.post(stream=True)
    await until(11.0)
    request = home.providers["a"].received[-1]
    assert (request.path, request.stream, request.model) == ("/chat/completions", True, "model-of-a")
    assert request.headers["authorization"] == "Bearer secret-of-a"
    (attempt,) = probes(home)
    assert (attempt.channel, attempt.route, attempt.number, attempt.outcome) == ("a", "gpt", 1, "failure")
    assert attempt.request_id.startswith("probe_")
    assert attempt.key_id is None
    assert home.gateway.requests_total == 1, "it is no request of anybody's"
    assert home.gateway.attempts_total == len(home.attempts)


@pytest.mark.parametrize(
    ("path", "anthropic", "fields"),
    [
        ("/v1/completions", "", {"prompt": "x"}),
        ("/v1/embeddings", "", {"input": "x"}),
        ("/v1/responses", "", {"input": "x"}),
        ("/v1/messages", "ab", {"max_tokens": 7}),
    ],
)
async def test_every_form_can_be_probed(house, path, anthropic, fields):
    home = await house(policy=POLICY, settings=PROBING, anthropic=anthropic)
    home.set("a", status=401)
    await home.post(path, **fields)
    home.set("a", status=200)
    await until(11.0)
    assert home.providers["a"].received[-1].path == path.removeprefix("/v1")
    assert [attempt.outcome for attempt in probes(home)] == ["success"]
    assert home.standing("a").breaker == "closed"


async def test_after_a_good_probe_the_share_climbs_in_three_steps(house):
    home = await house(policy=POLICY, settings=PROBING, priorities=SIDE_BY_SIDE)
    home.set("a", status=401)
    while not home.asked("a"):
        await home.post()
    home.set("a", status=200)
    taken: dict[float, Counter[str]] = {}
    for tenth in range(20, 900):
        await until(tenth / 10)
        trust = home.standing("a").trust
        channel = (await home.post()).headers["x-foreroute-channel"]
        if tenth < 100:
            assert channel == "b"
        elif tenth > 101:
            taken.setdefault(trust, Counter())[channel] += 1
    assert list(taken) == [0.05, 0.25, 1.0]
    shares = {trust: counts["a"] / counts.total() for trust, counts in taken.items()}
    assert shares[0.05] < 0.15
    assert shares[0.05] < shares[0.25] < 0.4
    assert shares[1.0] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("fault", [Fault.NO_ANSWER, Fault.HOLLOW_HTML, Fault.CUT])
async def test_a_probe_without_a_real_answer_has_failed(house, fault):
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    await home.post()
    home.set("a", status=200, fault=fault)
    await until(95.0)
    assert home.standing("a").breaker != "closed"
    assert len(probes(home)) >= 2
    assert {attempt.outcome.value for attempt in probes(home)} <= {"failure", "timeout", "ignored"}
    home.set("a", fault=Fault.NONE)
    await until(300.0)
    assert home.standing("a").breaker == "closed"


@pytest.mark.parametrize("status", [400, 429])
async def test_a_channel_that_refuses_the_probe_is_there(house, status):
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    await home.post()
    home.set("a", status=status)
    await until(11.0)
    assert home.standing("a").breaker == "closed"


async def test_transient_failures_are_probed_for_too(house):
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=500)
    while home.standing("a").breaker == "closed":
        await home.post()
    asked = home.asked("a")
    home.set("a", status=200)
    opened_at = asyncio.get_running_loop().time()
    await until(opened_at + 9.5)
    await home.post()
    assert home.asked("a") == asked
    await until(opened_at + 10.5)
    assert home.asked("a") == asked + 1
    assert home.standing("a").breaker == "closed"


async def test_one_probe_at_a_time_however_often_the_breaker_opens(house):
    home = await house(policy=POLICY, settings=PROBING, priorities=SIDE_BY_SIDE)
    home.set("a", status=401, time_to_first_chunk_s=2.0)
    home.set("b", status=401, time_to_first_chunk_s=2.0)
    await asyncio.gather(*(home.post() for _ in range(20)))
    await until(90.0)
    for name in "ab":
        at = sorted(r.received_at for r in home.providers[name].received if is_probe(r))
        assert len(at) >= 2
        assert all(later - earlier > 5.0 for earlier, later in pairwise(at))


async def test_without_the_setting_nobody_probes(house):
    home = await house(policy=POLICY)
    home.set("a", status=401)
    await home.post()
    await until(300.0)
    assert home.asked("a") == 1
    assert (await home.post()).headers["x-foreroute-channel"] == "b", "the request found out, and failed over"
    assert home.asked("a") == 2


@pytest.mark.parametrize("closes_at", [5.0, 10.5])
async def test_closing_the_gateway_leaves_no_task(house, closes_at):
    before = asyncio.all_tasks()
    home = await house(policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    await home.post()
    home.set("a", time_to_first_chunk_s=3.0)
    await until(closes_at)
    await home.gateway.aclose()
    assert not [task for task in asyncio.all_tasks() - before if "_watch" in repr(task.get_coro())]
    await until(closes_at + 100.0)
    assert home.asked("a") <= 2
    assert home.standing("a").in_flight == 0
    assert len(home.attempts) == 2 + len(probes(home)), "a probe that was called off is recorded too"


async def test_the_only_channel_is_asked_rather_than_nobody(house):
    """Every channel out: the last resort is a user's request all the same."""
    home = await house("a", policy=POLICY, settings=PROBING)
    home.set("a", status=401)
    await home.post()
    home.set("a", status=200)
    response = await home.post()
    assert response.status_code == 200
    assert response.headers["x-foreroute-reason"] == "last_resort"


async def test_a_channel_that_cuts_every_stream_is_not_brought_back_by_a_plain_answer(house):
    home = await house(policy=POLICY, settings=PROBING, priorities=SIDE_BY_SIDE)
    home.set("a", fault=Fault.CUT, fault_after_chunks=2)
    for second in range(60):
        await until(second)
        await home.post(stream=True)
    broken = [one for one in home.attempts if one.channel == "a" and one.reason != "probe"]
    assert 2 <= len(broken) <= 5, "it is left out"
    assert len(probes(home)) >= 2
    assert {one.outcome for one in probes(home)} == {"failure"}
    home.set("a", fault=Fault.NONE)
    for second in range(60, 130):
        await until(second)
        await home.post(stream=True)
    assert probes(home)[-1].outcome == "success"
    assert any(one.channel == "a" and one.outcome == "success" for one in home.attempts[-20:])


async def test_a_channel_that_loads_serves_nobody_before_a_completion_of_the_gateways_own(house):
    home = await house(policy=POLICY, settings=PROBING, priorities=SIDE_BY_SIDE, classifier=Loading())
    home.set("a", status=503, error_message="Loading model")
    for second in range(20):
        await until(second)
        assert (await home.post()).headers["x-foreroute-channel"] == "b"
    assert sum(one.channel == "a" and one.reason != "probe" for one in home.attempts) == 1


class Loading:
    def classify(self, _evidence: Any) -> FailureClass:
        return FailureClass.COLD_START
