"""The comparison itself: figures, regret, what is kept, and who is paired with whom."""

import json
import math
from pathlib import Path
from random import Random

import pytest

from foreroute.core.errors import ConfigError, ForerouteError
from foreroute.simulate.compare import Contest, Entrant, Match, compare, play, play_oracle
from foreroute.simulate.compare_contests import QUICK, STANDARD, contest_of
from foreroute.simulate.compare_figures import NAMES, Figures, Wait, figures, from_row, quantile, to_row
from foreroute.simulate.compare_kept import KeptFigures, program_of
from foreroute.simulate.compare_statistics import Verdict
from foreroute.simulate.compare_table import ORACLE, ByPolicy, cells, differences
from foreroute.simulate.policies.clairvoyant import Clairvoyant
from foreroute.simulate.policies.litellm import LiteLLM
from foreroute.simulate.policies.oracle import Loss
from foreroute.simulate.policies.peak_ewma import PeakEwma
from foreroute.simulate.policies.plain import RoundRobin, StaticWeights
from foreroute.simulate.scenario import load_scenario, scenario_names

LOSS = Loss(limit_s=1.0)
OTHERS = {name for name in scenario_names() if name.startswith("compare-")}
STATIC = Entrant("static", "", lambda match, _upstreams: StaticWeights(match.weights))
ROUND = Entrant("round_robin", "", lambda match, _upstreams: RoundRobin(list(match.weights)))
SEEING = Entrant("clairvoyant", "", lambda match, upstreams: Clairvoyant(upstreams, match.loss))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """A few minutes with a stop in them."""
    path = tmp_path_factory.mktemp("scenario") / "short.yaml"
    path.write_text(
        "scenario: short\nworld: six\nwarm_up: 2m\nlength: 4m\n"
        "timeline:\n  - {at: 1m, fault: stop, channel: azure-us, for: 2m}\n"
    )
    return contest_of(str(path))


def test_figures_of_what_users_saw() -> None:
    waits = [Wait(0.5, 1, 0.001)] * 90 + [Wait(1.5, 2, 0.002)] * 8 + [Wait(math.inf, 3, 0.0)] * 2
    found = figures(waits, LOSS)
    assert (found.p50_s, found.p95_s, found.p99_s) == (0.5, 1.5, 30.0)
    assert (found.violations, found.failures) == (0.10, 0.02)
    assert found.attempts == pytest.approx(1.12)
    assert found.cost_usd == pytest.approx(1.06)
    assert found.loss_s == pytest.approx((90 * 0.5 + 8 * 2.5 + 2 * 31.0) / 100)


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 1), (0.5, 2), (0.51, 3), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, wanted: int) -> None:
    assert quantile([1, 2, 3, 4], share) == wanted


def test_the_oracle_is_beaten_on_nothing_but_money(short: Contest) -> None:
    for seed in (1, 2, 3):
        match = short.match(seed)
        best = play_oracle(match)
        for entrant in (STATIC, ROUND, SEEING):
            own = play(match, entrant)
            for name in ("p50_s", "p95_s", "p99_s", "violations", "failures", "loss_s"):
                assert getattr(own, name) >= getattr(best, name) - 1e-6


def test_who_sees_the_answers_first_loses_less_than_who_does_not(short: Contest) -> None:
    match = short.match(1)
    seeing, blind = play(match, SEEING), play(match, STATIC)
    assert seeing.loss_s < 0.8 * blind.loss_s


def test_the_same_seed_gives_the_same_figures_in_whatever_company(short: Contest) -> None:
    first = play(short.match(4), STATIC)
    match = short.match(4)
    play(match, ROUND)
    assert play(match, STATIC) == first
    assert play(short.match(5), STATIC) != first


def test_every_policy_meets_the_same_requests(short: Contest) -> None:
    seen: dict[str, list[str]] = {}

    def watching(name: str) -> Entrant:
        def make(match: Match, _upstreams: object) -> StaticWeights:
            seen[name] = [request.id for request in match.requests]
            return StaticWeights(match.weights)

        return Entrant(name, "", make)

    compare([short], [watching("a"), watching("b")], [1], kept=KeptFigures(None, ""), tell=lambda _line: None)
    assert seen["a"] == seen["b"]
    assert len(seen["a"]) > 100


def test_what_is_kept_is_not_played_again(short: Contest, tmp_path: Path) -> None:
    told: list[str] = []

    def again(program: str = "p", key: str | None = None) -> ByPolicy:
        contest = short if key is None else Contest(name=short.name, about="", match=short.match, key=key)
        kept = KeptFigures(tmp_path, program)
        return compare([contest], [STATIC], [1, 2], kept=kept, tell=told.append)["short"]

    first = again()
    assert len(told) == 4
    assert again() == first
    assert len(told) == 4
    again(program="another version")
    assert len(told) == 8
    again(key="another scenario")
    assert len(told) == 12


def test_a_damaged_file_is_a_run_that_was_not_played(short: Contest, tmp_path: Path) -> None:
    kept = KeptFigures(tmp_path, "p")
    found = play(short.match(1), STATIC)
    kept.keep("short", "key", "static", 1, found)
    assert kept.find("short", "key", "static", 1) == found
    (path,) = tmp_path.iterdir()
    for damage in ("", "{}", json.dumps({"figures": {"p50_s": 1.0}})):
        path.write_text(damage)
        assert kept.find("short", "key", "static", 1) is None


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ForerouteError, match="cannot be a folder for results"):
        KeptFigures(file, "p")


def test_other_code_is_another_program(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "cli").mkdir()
    (tmp_path / "gateway" / "a.py").write_text("1")
    first = program_of(tmp_path)
    (tmp_path / "cli" / "b.py").write_text("1")
    assert program_of(tmp_path) == first
    (tmp_path / "gateway" / "a.py").write_text("2")
    assert program_of(tmp_path) != first


def test_pairs_and_regret_are_taken_seed_by_seed() -> None:
    def of(loss_s: float) -> Figures:
        return from_row({**dict.fromkeys(NAMES, 0.0), "loss_s": loss_s})

    found = {
        ORACLE: {seed: of(seed) for seed in range(1, 6)},
        "foreroute": {seed: of(seed + 0.5 + 0.01 * seed) for seed in range(1, 6)},
        "static": {seed: of(seed + 0.7) for seed in range(1, 4)},
    }
    (regret,) = [
        one.regret for one in cells("s", found) if (one.policy, one.figure) == ("foreroute", "loss_s")
    ]
    assert regret.mean == pytest.approx(0.53)
    assert regret.upper - regret.lower < 0.05
    (pair,) = [one for one in differences("s", found, "foreroute", "static") if one.figure == "loss_s"]
    assert (pair.seeds, pair.verdict) == (3, Verdict.BETTER)
    assert differences("s", found, "foreroute", "nobody") == []


def test_figures_survive_being_written_down() -> None:
    found = figures([Wait(0.3, 1, 0.0)], LOSS)
    assert from_row(json.loads(json.dumps(to_row(found)))) == found


@pytest.mark.parametrize("name", sorted({*STANDARD, *QUICK, *OTHERS}))
def test_the_standard_scenarios_can_be_compared(name: str) -> None:
    contest = contest_of(name, warm_up_s=60.0)
    assert contest.name == name
    assert contest.about
    assert load_scenario(name).spec.length == 3600.0


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("{channels: [CHANNEL], routes: [ROUTE, OTHER]}", "2 routes"),
        ("{channels: [CHANNEL], routes: [ROUTE]}", "without an objective"),
    ],
)
def test_what_cannot_be_compared_is_said(world: str, message: str, tmp_path: Path) -> None:
    channel = "{id: a, provider: p, region: r, model: m, first_chunk: 300ms, per_token: 10ms}"
    route = "{model: MODEL, targets: [{channel: a}]}"
    text = world.replace("CHANNEL", channel)
    text = text.replace("ROUTE", route.replace("MODEL", "one")).replace(
        "OTHER", route.replace("MODEL", "two")
    )
    path = tmp_path / "s.yaml"
    path.write_text(f"scenario: s\nworld: {text}\n")
    with pytest.raises(ConfigError, match=message):
        contest_of(str(path))


LITELLM = Entrant(
    "litellm",
    "",
    lambda match, _up: LiteLLM({name: one.channel for name, one in match.world.channels.items()}),
)
PEAK_EWMA = Entrant("peak_ewma", "", lambda match, _up: PeakEwma(list(match.weights), Random(match.seed)))


def test_the_herd_queues_where_there_is_little_room(tmp_path: Path) -> None:
    """With three times the traffic LiteLLM sends everybody to the one that was best a moment ago."""
    path = tmp_path / "surge.yaml"
    path.write_text(
        "scenario: surge\nworld: six\nwarm_up: 3m\nlength: 8m\n"
        "timeline:\n  - {at: 0m, fault: surge, for: 8m, factor: 3}\n"
    )
    matches = [contest_of(str(path)).match(seed) for seed in (1, 2)]
    assert min(play(match, LITELLM).violations for match in matches) > 0.3
    assert max(play(match, PEAK_EWMA).violations for match in matches) < 0.1
