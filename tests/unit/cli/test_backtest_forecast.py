"""`foreroute backtest` on a file and on a store, in this process."""

import importlib.util
import json
import math
import re
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.core.series import Metric

START_AT = 1_764_201_600


def lines(length: int = 240, *, seed: int = 4, start_at: float = START_AT) -> list[str]:
    rng = Random(seed)
    return [f"{start_at + 60 * t:.0f},{0.3 * math.exp(0.15 * rng.gauss(0, 1)):.5f}" for t in range(length)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [f"{line},20,{name}" for seed, name in enumerate(("b", "a")) for line in lines(seed=seed)]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(["ts,value,count,series", *rows]), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def answer(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_file_is_scored_by_series_target_and_horizon(file: Path) -> None:
    found = answer("--csv", file, "--horizon", "5m", "--horizon", "15m")
    keys = [(row["series"], row["target"], row["horizon_s"]) for row in found["series"]]
    assert keys == [
        (name, target, horizon_s)
        for name in ("a", "b")
        for target in ("mean", "point")
        for horizon_s in (300.0, 900.0)
    ]
    row = found["series"][0]
    assert row["metric"] == "latency_mean"
    assert row["ratios"]["last"] == pytest.approx(row["error"] / row["last_value_error"])
    assert set(row["ratios"]) == {"last", "mean_of_10", "ewma_15min", "seasonal_ratio"}
    assert len(found["overall"]) == 4
    both = [
        one["ratios"]["last"]
        for one in found["series"]
        if one["target"] == "mean" and one["horizon_s"] == 300.0
    ]
    assert found["overall"][0]["ratios"]["last"] == pytest.approx(math.sqrt(both[0] * both[1]))
    assert found["left_out"] == []


def test_the_table_names_what_it_compares_and_one_series_can_be_chosen(file: Path) -> None:
    result = run("a", "--csv", file, "--metric", "first_chunk_p95")
    assert result.exit_code == 0, result.output
    assert "a first_chunk_p95" in result.stdout
    assert "b first_chunk_p95" not in result.stdout
    for heading in ("÷ last value", "÷ mean of 10", "MAPE", "noise floor", "in 80 %", "in 95 %", "overall"):
        assert heading in result.stdout


def test_the_report_is_one_file_that_asks_for_nothing(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "report.html"
    page.write_text("old", encoding="utf-8")
    result = run("--csv", file, "--html", page)
    assert result.exit_code == 0, result.output
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html.split("<body>")[0][:3000])
    body = html.split("<body>", 1)[1]
    assert "http" not in re.sub(r'"plotlyServerURL":\s*"[^"]*"', "", body)
    for word in (
        "What came, and what was said 15m earlier",
        "(seconds)",
        "hour of the day (UTC)",
        "÷ last value",
    ):
        assert word in body
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "report.html"]


def test_names_from_a_file_cannot_become_markup(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    path, page = tmp_path / "odd.csv", tmp_path / "odd.html"
    path.write_text("\n".join(["ts,value,series", *(f"{line},<b>x" for line in lines())]), encoding="utf-8")
    assert run("--csv", path, "--html", page).exit_code == 0
    body = page.read_text(encoding="utf-8").split("<body>", 1)[1]
    assert "<b>x" not in body
    assert "&lt;b&gt;x" in body


def test_without_plotly_the_command_that_installs_it_is_said(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = run("--csv", file, "--html", tmp_path / "report.html")
    assert result.exit_code == 1
    assert "pip install 'foreroute[report]'" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("when,value\n60,1\n", "does not name the columns"),
        ("ts,value\nyesterday,1\n", ":2: 'yesterday' is no time"),
        ("ts,value\n60,much\n", ":2: 'much' is no number"),
        ("ts,value\n60,-1\n", "is below zero"),
        ("ts,value\n60,1\n", "no series of two values"),
        ("ts,value\n60,1\n60,2\n", "the same ts"),
        ("ts,value\n0,1\n1,1\n2,1\n900000000,1\n", "at most 1000000 steps"),
        ("\n".join(["ts,value", *lines(70)]), "70 values over 70m; 50 over 124m are needed"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_is_wrong(
    content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(content, encoding="utf-8")
    result = run("--csv", path)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_wrong_arguments_are_refused(file: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (("--csv", tmp_path / "absent.csv"), "cannot be read: No such file"),
        (("nobody", "--csv", file), "has no such series"),
        (("--csv", file, "--metric", "speed"), "there is no metric"),
        (("--csv", file, "--horizon", "soon"), "--horizon"),
        (("--csv", file, "--horizon", "30d"), "at most 7d"),
        (("--csv", file, "--html", tmp_path / "no" / "x.html"), "which is no folder"),
        (("--csv", file, "--html", tmp_path), "is a folder"),
        (("--csv", file, "--detect", file), "goes without --csv"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert message in result.stderr


def test_gaps_and_several_values_of_one_step_are_put_on_the_grid(tmp_path: Path) -> None:
    from foreroute.cli.backtest_csv import read_series  # noqa: PLC0415 - beside its only use

    path = tmp_path / "gaps.csv"
    path.write_text("ts,value,count\n0,1,1\n60,2,1\n61,4,3\n240,8,1\n300,9,1\n120,3,1\n", encoding="utf-8")
    (series,) = read_series(path, channel=None, metric=None)
    assert (series.channel, series.metric, series.step_s) == ("gaps", Metric.LATENCY_MEAN, 60.0)
    assert [None if math.isnan(value) else value for value in series.values] == [1, 3.5, 3, None, 8, 9]
    assert list(series.counts) == [1, 4, 1, 0, 1, 1]
    (sums,) = read_series(path, channel=None, metric=Metric.ATTEMPTS)
    assert sums.values[1] == 6.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    channel = {"provider": "openai", "region": "here", "model": "gpt-4o"}
    document = {
        "store": {"path": str(tmp_path / "store.db")},
        "log": {"level": "error"},
        "channels": [{**channel, "id": name, "base_url": f"https://{name}.example.com/v1"} for name in "ab"],
        "routes": [{"model": "chat", "targets": [{"channel": name} for name in "ab"]}],
    }
    path = tmp_path / "foreroute.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_stored_minutes_are_scored_and_who_has_too_few_is_named(config: Path, tmp_path: Path) -> None:
    start_at = time.time() // 3600 * 3600 - 8 * 3600
    history = tmp_path / "history.csv"
    history.write_text("\n".join(["ts,value", *lines(start_at=start_at)]), encoding="utf-8")
    brought = CliRunner().invoke(
        app,
        [
            "series",
            "import",
            str(history),
            "--channel",
            "a",
            "--metric",
            "first_chunk_p95",
            "--config",
            str(config),
        ],
    )
    assert brought.exit_code == 0, brought.output
    result = run("--config", config, "--json", "--since", "1d")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {(row["series"], row["metric"]) for row in found["series"]} == {("a", "first_chunk_p95")}
    assert {row["horizon_s"] for row in found["series"]} == {900.0, 3600.0}
    assert [one["series"] for one in found["left_out"]] == ["b"]
    assert "left out: b first_chunk_p95 has no value" in result.stderr
    refused = run("b", "--config", config)
    assert refused.exit_code == 1
    assert "too little history. b first_chunk_p95 has no value; 50 over 124m are needed" in refused.stderr
    assert "there is no channel" in run("c", "--config", config).stderr


def test_without_a_store_it_says_so(config: Path) -> None:
    result = run("--config", config)
    assert result.exit_code == 1
    assert "there is no such store" in result.stderr
