"""The rows of `bench policies`, and the servers of `bench twin`."""

import math

import pytest
from bench import policies
from bench.twin.providers import WorldServer
from bench.twin.users import Users

from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.serving import serve_asgi
from foreroute.simulate.compare_contests import contest_of
from foreroute.simulate.compare_figures import NAMES, Figures, from_row
from foreroute.simulate.compare_table import ORACLE
from foreroute.simulate.request import Request
from foreroute.simulate.upstreams import Upstreams
from foreroute.testing.fake_provider import FakeProvider, ProviderRequest

CHANNEL = ChannelId("azure-us")


def of(loss_s: float) -> Figures:
    return from_row({**dict.fromkeys(NAMES, 0.0), "loss_s": loss_s})


def test_every_figure_of_every_policy_has_a_row_and_forecasts_have_theirs() -> None:
    found = {
        ORACLE: {1: of(0.1), 2: of(0.2)},
        "foreroute": {1: of(0.3), 2: of(0.4)},
        "without_forecasts": {1: of(0.5), 2: of(0.7)},
    }
    rows = {row.id: row for row in policies._figures("compare-ramp", found)}
    assert len(rows) == 3 * len(NAMES)
    assert rows["policies.ramp.foreroute.loss_s"].value == pytest.approx(0.35)
    assert rows["policies.ramp.foreroute.loss_s"].baseline == "oracle 0.15"
    gained = {row.id: row for row in policies._forecasts("compare-ramp", found)}
    assert gained["policies.ramp.forecasts.loss_s"].value == pytest.approx(-0.25)
    assert (gained["policies.ramp.forecasts.failures"].baseline or "").startswith("no difference")


@pytest.mark.parametrize(("loss_s", "times"), [(0.2, 0.0), (0.05, 1.0)])
def test_an_oracle_that_was_beaten_is_a_row_that_does_not_hold(loss_s: float, times: float) -> None:
    row = policies._beaten({"s": {ORACLE: {1: of(0.1)}, "static": {1: of(loss_s)}}})
    assert (row.value, row.holds) == (times, times == 0.0)


def asked(user: str) -> ProviderRequest:
    return ProviderRequest(
        path="/chat/completions",
        model="m",
        stream=True,
        prompt_tokens=5,
        max_tokens=None,
        headers={},
        received_at=0.0,
        body={"user": user},
    )


class Still:
    """A pace that does not go on."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def test_a_server_answers_what_the_world_says_and_a_second_try_has_other_luck() -> None:
    match = contest_of("compare-calm", warm_up_s=60.0).match(1)
    request = match.requests[0]
    pace = Still(request.at)
    server = WorldServer(Upstreams(match.world), CHANNEL, {request.id: request}, pace)
    expected = Upstreams(match.world)
    for again in range(2):
        answer = server.answer(asked(request.id))
        reply = expected.ask(CHANNEL, request, pace.at, again=again)
        assert answer.time_to_first_chunk_s == reply.first_chunk_s
        assert answer.output_tokens == request.output_tokens
    assert server.answer(asked("nobody")).chunks == ("ok",)
    assert server.strangers == 1


async def test_users_measure_the_wait_for_the_first_content_and_see_failures() -> None:
    match = contest_of("compare-calm", warm_up_s=60.0).match(1)
    request = Request(
        id=RequestId("r"), at=0.0, route=RouteName("chat"), input_tokens=5, output_tokens=5, stream=True
    )
    pace = Still(0.0)
    server = WorldServer(Upstreams(match.world), CHANNEL, {}, pace)
    listening = await serve_asgi(FakeProvider(server, models=("chat",)))
    try:
        good = Users(f"{listening.url}/v1/chat/completions", {}, pace)
        await good.send([request])
        bad = Users(f"{listening.url}/v1/nowhere", {}, pace)
        await bad.send([request])
    finally:
        await listening.aclose()
    assert math.isfinite(good.waits[request.id].waited_s)
    assert math.isinf(bad.waits[request.id].waited_s)
