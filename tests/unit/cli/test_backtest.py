import json
import math
from pathlib import Path
from random import Random

import pytest

from foreroute.cli.backtest_detect import read_labelled
from foreroute.cli.program import app
from foreroute.cli.say import CommandError

HEAD = "ts,series,value,label\n"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Ten hours of one series, twenty minutes of them three times as slow."""
    rng = Random(4)
    lines = [
        f"{1_770_000_000 + 60 * t},api,{0.3 * math.exp(0.08 * rng.gauss(0, 1)) * (3 if 400 <= t < 420 else 1):.4f},{int(400 <= t < 420)}\n"
        for t in range(600)
    ]
    path = tmp_path / "labelled.csv"
    path.write_text(HEAD + "".join(lines), encoding="utf-8")
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


def test_labelled_series_are_scored(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backtest", "--detect", str(recorded), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["all"] | {"series": "api"} == answer["series"][0]
    assert (answer["all"]["events"], answer["all"]["events_found"], answer["all"]["false_alarms"]) == (
        1,
        1,
        0,
    )
    assert answer["all"]["delay_s"] <= 180.0
    assert run("backtest", "--detect", str(recorded)) == 0
    assert "1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ts,value\n", "no column series, label"),
        (HEAD, "no series of two values"),
        (HEAD + "yesterday,a,1,0\n", "cannot be read"),
        (HEAD + "60,a,much,0\n", "cannot be read"),
        (HEAD + "60,a,1,maybe\n", "the label is 'maybe'"),
        (HEAD + "60,a,1,0\n60,a,2,0\n", "the same ts"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=message):
        read_labelled(path)
    with pytest.raises(CommandError, match="cannot be read"):
        read_labelled(tmp_path / "absent.csv")


def test_missing_rows_are_missing_values_and_dates_are_read(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text(
        HEAD + "".join(f"2026-01-31T12:0{minute}Z,a,{minute},0\n" for minute in (0, 1, 2, 5)),
        encoding="utf-8",
    )
    ((series,), labels) = read_labelled(path)
    assert series.step_s == 60.0
    assert [math.isnan(value) for value in series.values] == [False, False, False, True, True, False]
    assert not labels[series.channel].any()
