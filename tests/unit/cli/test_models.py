"""`foreroute train` and `foreroute models`, on a real store and a real folder."""

import asyncio
import json
import math
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.clock import SystemClock
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

CONFIG = """
store: {{path: "{folder}/foreroute.db"}}
loop: {{tick: 5m}}
forecast:
  models: [naive, trend{models}]
  retrain: {{history_min: {history_min}, held_out: 1d, keep: 2}}
channels:
  - {{id: a, provider: openai, region: r, model: m, base_url: "http://127.0.0.1:1/v1"}}
  - {{id: b, provider: openai, region: r, model: m, base_url: "http://127.0.0.1:1/v1"}}
routes: [{{model: m, targets: [{{channel: a}}, {{channel: b}}]}}]
"""
PLACE = "models/lightgbm/first_chunk_p95"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def config(folder: Path, *, history_min: str = "4d", models: str = "") -> str:
    path = folder / "foreroute.yaml"
    path.write_text(CONFIG.format(folder=folder, history_min=history_min, models=models))
    return str(path)


def fill(folder: Path, *, days: float) -> None:
    """Two channels with a course of the day, up to now."""
    rng, step_s = Random(1), 300.0
    end_at = SystemClock().now() // step_s * step_s
    count = round(days * 86_400 / step_s)
    rollups = []
    for channel in ("a", "b"):
        for number in range(count):
            at = end_at - step_s * (count - number)
            level = 0.3 * math.exp(0.3 * math.sin(at / 86_400 * 2 * math.pi) + 0.15 * rng.gauss(0.0, 1.0))
            summary = LatencySummary(count=5, p95_s=level)
            rollups.append(
                Rollup(
                    channel=ChannelId(channel),
                    window_start=at,
                    source="test",
                    window_s=step_s,
                    attempts=5,
                    successes=5,
                    first_chunk=summary,
                )
            )

    async def store() -> None:
        opened = await SqliteStore.open(folder / "foreroute.db", merge_rollups)
        await opened.rollups.append(rollups)
        await opened.close()

    asyncio.run(store())


def test_training_promotes_the_first_lists_it_and_goes_back(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    fill(tmp_path, days=6)
    path = config(tmp_path)
    done = run("train", "--config", path, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    (row,) = answer["trained"]
    assert answer["folder"] == str(tmp_path / "models")
    assert (row["kind"], row["metric"], row["promoted"], row["version"]) == (
        "lightgbm", "first_chunk_p95", True, 1,
    )  # fmt: skip
    assert 0.2 < row["held_out"]["challenger"] < 0.95
    assert row["series"] == ["a", "b"]
    assert "fitting lightgbm for first_chunk_p95 on 2 channels" in done.stderr

    again = run("train", "--config", path)
    assert again.exit_code == 0
    assert "not promoted" in again.stdout
    assert "no better than the champion's" in again.stdout

    listed = json.loads(run("models", "--config", path, "--json").stdout)["models"]
    assert [(one["version"], one["has_vote"], one["problem"]) for one in listed] == [(1, True, None)]
    assert listed[0]["manifest"]["libraries"].keys() == {"foreroute", "numpy", "lightgbm"}
    table = run("models", "--config", path).stdout
    assert "lightgbm" in table
    assert "yes" in table

    back = run("models", "rollback", "lightgbm", "first_chunk_p95", "--config", path)
    assert back.stdout == "version 1 of lightgbm for first_chunk_p95 is withdrawn; no version serves\n"
    assert "withdrawn" in run("models", "--config", path).stdout
    nothing = run("models", "rollback", "lightgbm", "first_chunk_p95", "--config", path)
    assert nothing.exit_code == 1
    assert "no stored version of lightgbm" in nothing.stderr


def test_a_damaged_version_is_shown_and_passed_over(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    fill(tmp_path, days=6)
    path = config(tmp_path)
    run("train", "--config", path)
    (tmp_path / PLACE / "000001/layout.json").write_text("{}")
    listed = run("models", "--config", path)
    assert listed.exit_code == 0
    assert "refused: layout.json is not what was stored" in listed.stdout
    done = run("train", "--config", path, "--json")
    assert "version 1: layout.json is not what was stored: its hash differs; it is passed over" in done.stderr
    assert json.loads(done.stdout)["trained"][0]["version"] == 2


def test_too_little_history_is_said_and_exits_with_one(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    fill(tmp_path, days=2)
    done = run("train", "--config", config(tmp_path, history_min="7d"))
    assert done.exit_code == 1
    assert "spans 1.0 days, and 6 are needed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["train"], "there is no stored history to learn from", 3),
        (["train", "--model", "oracle"], "there is no forecast model 'oracle'", 3),
        (["train", "--metric", "beauty"], "there is no metric 'beauty'", 1),
        (["models", "rollback", "lightgbm", "first_chunk_p95"], "there is no stored model lightgbm", 1),
        (["models", "rollback", "../..", "first_chunk_p95"], "is no name of a model", 1),
        (["models", "rollback", "lightgbm"], "Missing argument", 2),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    arguments: list[str], said: str, code: int, tmp_path: Path
) -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    done = run(*arguments, "--config", config(tmp_path))
    assert (done.exit_code, said in done.stderr) == (code, True), done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "foreroute.db").exists()


def test_no_model_is_stored_yet(tmp_path: Path) -> None:
    done = run("models", "--config", config(tmp_path))
    assert done.exit_code == 0
    assert f"No model is stored in {tmp_path / 'models'}" in done.stdout
    assert json.loads(run("models", "--config", config(tmp_path), "--json").stdout)["models"] == []


def test_a_foundation_model_without_weights_names_the_key(tmp_path: Path) -> None:
    fill(tmp_path, days=3)
    done = run("train", "--model", "foundation", "--config", config(tmp_path), "--json")
    assert done.exit_code == 3
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert error["where"] == "forecast.foundation.path"


def test_what_is_learnt_from_many_channels_may_stand_among_the_models(tmp_path: Path) -> None:
    assert run("check", config(tmp_path, models=", lightgbm, lstm, arima, theta, mstl")).exit_code == 0
    wrong = run("check", config(tmp_path, models=", oracle"))
    assert wrong.exit_code == 3
    assert "lightgbm" in wrong.stderr
