"""`foreroute simulate`: what it prints, what it writes, and what it says when it cannot."""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.cli.program import app
from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.gateway.plan_cell import PlanCell
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.run import run
from foreroute.simulate.scenario import Scenario, build_traffic, build_world, load_scenario, load_world
from foreroute.simulate.world_schema import WorldSpec
from foreroute.simulate.yaml_file import read_file
from foreroute.store.sqlite import SqliteStore

DAY_AT = 1_772_409_600.0
"""2 March 2026."""
QUICK = "scenario: quick\nworld: five\nwarm_up: 10m\nlength: 10m\ntimeline:\n"


def called(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        app([str(arg) for arg in args])
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def scenario(folder: Path, event: str) -> Path:
    path = folder / "quick.yaml"
    path.write_text(f"{QUICK}  - {event}\n")
    return path


def test_a_scenario_of_ones_own_is_played_as_json_and_as_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(tmp_path, "{at: 2m, fault: stop, channel: azure-us-east-a, for: 5m}")
    code, out, _ = called(capsys, "simulate", "--scenario", path, "--seed", 3, "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["scenario"], result["seed"]) == ("quick", 3)
    assert result["users"]["requests"] > 200
    assert set(result["places"]) == {"us-east-1", "eu-west-1"}
    assert len(result["course"]) == 2
    page = tmp_path / "report.html"
    code, out, _ = called(capsys, "simulate", "--scenario", path, "--html", page)
    assert code == 0
    assert "quick, seed 1: 10m; stop after 2m" in out
    html = page.read_text()
    assert "Simulation of quick" in html
    assert "https://" not in html.split("<body>")[1]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["simulate"], 1, "needs either --scenario or --lose"),
        (["simulate", "--scenario", "suden-stop"], 3, "did you mean sudden-stop?"),
        (["simulate", "--scenario", "gone.yaml"], 3, "gone.yaml: there is no such file"),
        (["simulate", "--scenario", "drift", "--html", "no/such/place.html"], 1, "is no folder"),
        (["simulate", "calibrate", "gone.csv"], 1, "gone.csv: there is no such file"),
        (["simulate", "calibrate", "gone.csv", "--column", "latency"], 1, "is no pair"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str], args: list[str], code: int, said: str
) -> None:
    found, _, err = called(capsys, *args)
    assert found == code
    assert said in err
    assert "Traceback" not in err


def test_built_in_scenarios_and_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "simulate", "list", "--json")
    assert code == 0
    assert "region-loss" in json.loads(out)["scenarios"]
    assert "twenty" in json.loads(out)["worlds"]


def test_a_world_is_learnt_from_a_file_and_can_be_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, log = Random(1), tmp_path / "log.csv"
    rows = ["ts,channel,first_chunk_s,latency_s,input_tokens,output_tokens"]
    for number in range(2000):
        tokens, outputs = rng.randrange(10, 3000), rng.randrange(1, 300)
        first = (0.3 + 0.0001 * tokens) * rng.lognormvariate(0, 0.3)
        rows.append(f"{DAY_AT + 3 * number},own,{first},{first + 0.01 * outputs},{tokens},{outputs}")
    log.write_text("\n".join(rows))
    world, page = tmp_path / "world.yaml", tmp_path / "page.html"
    code, out, err = called(capsys, "simulate", "calibrate", log, "--write", world, "--html", page, "--json")
    assert (code, err) == (0, "")
    (channel, *traffic) = json.loads(out)["likeness"]
    assert channel["ks"] < 0.1
    assert [row["name"] for row in traffic] == ["requests a minute", "input tokens", "output tokens"]
    assert "A world learnt from real requests" in page.read_text()
    assert read_file(world, WorldSpec).channels[0].first_chunk == pytest.approx(0.3, rel=0.1)
    path = tmp_path / "own.yaml"
    path.write_text("scenario: own\nworld: world.yaml\nwarm_up: 5m\nlength: 5m\n")
    code, out, _ = called(capsys, "simulate", "--scenario", path, "--json")
    assert code == 0
    assert json.loads(out)["users"]["requests"] > 50


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    """A configuration, and a store with a day of it."""
    world = load_world("five")
    config, store = tmp_path / "foreroute.yaml", tmp_path / "own.db"
    routes = [
        {
            "model": "chat",
            "objective": {"limit": "1200ms"},
            "targets": [{"channel": one.id, "weight": one.weight} for one in world.channels],
        }
    ]
    channels = [
        {
            "id": one.id,
            "provider": one.provider,
            "region": one.region,
            "model": one.model,
            "base_url": "http://127.0.0.1/v1",
            "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
        }
        for one in world.channels
    ]
    document = {"store": {"path": str(store)}, "channels": channels, "routes": routes}
    config.write_text(yaml.safe_dump(document))
    asyncio.run(_fill(store))
    return config


async def _fill(path: Path) -> None:
    store = await SqliteStore.open(path, merge_rollups)
    await store.rollups.append(fold(_day(), window_s=60.0, source="t"))
    await store.close()


def _day() -> list[Attempt]:
    found = load_scenario("sudden-stop")
    spec = found.spec.model_copy(
        update={"timeline": (), "warm_up": 1.0, "length": 86_400.0, "requests_per_minute": 8.0}
    )
    day = Scenario(spec=spec, world=found.world)
    plane = build_plane(settings_of(day.world), day.start_at)
    router = GatewayRouter(PlanCell(plane.configured), {ChannelId(one.id): one for one in plane.channels})
    requests = build_traffic(day, 1).requests(day.story_at, day.end_at)
    return list(run(build_world(day, 1), requests, router, chance=Random(1), start_at=day.story_at))


def test_ones_own_yesterday_is_played_without_a_region(
    operator: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--from", "2026-03-02", "--at", "1h", "--for", "10m", "--length", "90m", "--config", operator]
    code, out, err = called(capsys, "simulate", "--lose", "us-east-1", *args, "--json")
    assert (code, err) == (0, "")
    result: dict[str, Any] = json.loads(out)
    assert result["scenario"] == "lose-us-east-1"
    assert 400 < result["users"]["requests"] < 1000
    assert result["without"]["failures"] <= result["users"]["failures"]
    assert result["users"]["retried"] > result["without"]["retried"]
    assert [row["fault"] for row in result["timeline"]] == ["region_loss"]
    code, _, err = called(capsys, "simulate", "--lose", "mars", *args)
    assert code == 3
    assert "no channel has the region mars" in err


def test_a_day_without_history_is_told(operator: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = called(capsys, "simulate", "--lose", "us-east-1", "--from", "2025-01-01", "-c", operator)
    assert code == 1
    assert "nothing to learn from" in err


def test_a_world_is_learnt_from_ones_own_store(
    operator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world.yaml"
    code, out, err = called(
        capsys, "simulate", "calibrate", "--since", "3650d", "--write", world, "-c", operator, "--json"
    )
    assert (code, err) == (0, "")
    by_name = {row["name"]: row for row in json.loads(out)["likeness"]}
    # One day: its evening is held out, and no hour of it was seen before.
    assert by_name["azure-us-east-a"]["ks"] < by_name["azure-us-east-a"]["ks_of_learnt_part"] + 0.05
    learnt = read_file(world, WorldSpec)
    assert {one.id for one in learnt.channels} == {one.id for one in load_world("five").channels}
    assert all(one.price is not None for one in learnt.channels)
