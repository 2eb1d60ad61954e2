"""Foreroute among the policies: the real loop on the world's clock, and nobody beats the oracle."""

from pathlib import Path
from random import Random

import pytest

from foreroute.app import policies
from foreroute.app.policies import FOREROUTE, ROUTEWISE, WITHOUT_FORECASTS, entrants
from foreroute.app.simulated_plane import settings_of
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.core.errors import MissingExtra
from foreroute.core.ids import ChannelId
from foreroute.simulate.compare import Contest, Match, play
from foreroute.simulate.compare_contests import contest_of
from foreroute.simulate.policies import routewise
from foreroute.simulate.policies.oracle import Oracle
from foreroute.simulate.request import Done
from foreroute.simulate.run import run
from foreroute.simulate.upstreams import Upstreams

NAMES = (
    FOREROUTE,
    WITHOUT_FORECASTS,
    "gateway",
    "litellm",
    "peak_ewma",
    "thresholds",
    "round_robin",
    "static",
    "clairvoyant",
)
SLOWING = ChannelId("azure-us")


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """A channel slows down to four times within a few minutes, after half an hour of history."""
    path = tmp_path_factory.mktemp("scenario") / "slow.yaml"
    path.write_text(
        "scenario: slow\nworld: six\nrequests_per_minute: 40\nwarm_up: 20m\nlength: 15m\n"
        "timeline:\n  - {at: 1m, fault: slow, channel: azure-us, rise: 4m, for: 10m, fall: 1m, factor: 4}\n"
    )
    return contest_of(str(path))


@pytest.fixture(scope="module")
def match(contest: Contest) -> Match:
    return contest.match(1)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_beats_the_oracle_for_any_request(name: str, match: Match) -> None:
    (entrant,) = [one for one in entrants() if one.name == name]
    oracle, upstreams, done = Oracle(match.world, match.loss), Upstreams(match.world), list[Done]()
    played = entrant.make(match, upstreams)
    for _ in run(
        match.world,
        match.requests,
        played,
        chance=Random(1),
        start_at=match.start_at,
        upstreams=upstreams,
        on_done=done.append,
    ):
        pass
    assert len(done) == len(match.requests)
    for one in done[::7]:
        assert match.loss.of_done(one) >= oracle.best(one.request).loss_s - 1e-6


@pytest.mark.parametrize("forecasts", [True, False])
def test_the_loop_relieves_what_slows_down_and_says_so(forecasts: bool, match: Match) -> None:
    router = SimulatedForeroute(
        settings_of(match.spec), start_at=match.start_at, live_at=match.scored_from_at, forecasts=forecasts
    )
    for _ in run(match.world, match.requests, router, chance=Random(1), start_at=match.start_at):
        pass
    board = router.loop.board
    assert board is not None
    assert board.stage_errors == {}
    assert router.loop.ticks in {14, 15}
    assert bool(board.findings.forecasts) is forecasts
    (route,) = board.plan.routes.values()
    shares = {target.channel: target.weight for target in route.targets}
    assert shares[SLOWING] < 0.6 * match.weights[SLOWING]


def test_before_it_is_live_the_configured_weights_serve(match: Match) -> None:
    router = SimulatedForeroute(
        settings_of(match.spec), start_at=match.start_at, live_at=match.scored_from_at
    )
    early = [request for request in match.requests if request.at < match.scored_from_at]
    for _ in run(match.world, early, router, chance=Random(1), start_at=match.start_at):
        pass
    assert router.loop.ticks == 0


def test_a_run_is_reproducible_to_the_last_figure(contest: Contest) -> None:
    (entrant,) = [one for one in entrants() if one.name == FOREROUTE]
    assert play(contest.match(3), entrant) == play(contest.match(3), entrant)


def test_without_its_package_routewise_is_left_out_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routewise, "is_installed", lambda: False)
    assert ROUTEWISE not in {one.name for one in policies.entrants()}
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[compare\]'"):
        routewise.RouteWise({}, seed=1, limit_s=1.0)


@pytest.mark.skipif(not routewise.is_installed(), reason="needs the extra `compare`")
def test_routewise_keeps_to_its_budget_and_leaves_what_fails(tmp_path: Path) -> None:
    path = tmp_path / "stop.yaml"
    path.write_text(
        "scenario: s\nworld: six\nwarm_up: 10m\nlength: 10m\n"
        "timeline:\n  - {at: 2m, fault: stop, channel: azure-us, for: 8m}\n"
    )
    match = contest_of(str(path)).match(1)
    by_name = {one.name: one for one in entrants()}
    own, even = play(match, by_name[ROUTEWISE]), play(match, by_name["round_robin"])
    assert own.failures < 0.01
    assert own.cost_usd < even.cost_usd
    assert play(match, by_name[ROUTEWISE]) == own
