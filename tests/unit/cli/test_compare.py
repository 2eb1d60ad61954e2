"""`foreroute simulate compare`, as it is called."""

import json
from importlib import util
from pathlib import Path

import pytest

from foreroute.cli import compare_page
from foreroute.cli.program import app
from foreroute.core.errors import ForerouteError


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(
        "scenario: short\ndescription: A stop <of two minutes>\nworld: six\nwarm_up: 2m\nlength: 4m\n"
        "timeline:\n  - {at: 1m, fault: stop, channel: azure-us, for: 2m}\n"
    )
    return path


def call(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        app(["simulate", "compare", *args])
    return int(left.value.code or 0)


def test_the_table_names_everybody_and_the_interval(
    scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--scenario", str(scenario), "--seeds", "2"]
    assert call(*args, "--policy", "static", "--policy", "round_robin") == 0
    said = capsys.readouterr()
    assert "6 of 6: short, seed 2, static" in said.err
    for name in ("oracle", "static", "round_robin", "±", "A stop <of two minutes>"):
        assert name in said.out
    assert "What forecasts change" not in said.out


def test_json_has_figures_regret_and_verdicts(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["foreroute", "without_forecasts", "static"]
    policies = [part for name in names for part in ("--policy", name)]
    assert call("--scenario", str(scenario), "--seeds", "2", "--json", *policies) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = answer["scenarios"]
    assert list(found["figures"]) == ["oracle", *names]
    assert found["figures"]["oracle"]["loss_s"]["regret"] == {"mean": 0.0, "lower": 0.0, "upper": 0.0}
    assert found["figures"]["static"]["loss_s"]["regret"]["mean"] > 0.0
    assert found["forecasts"]["p95_s"]["verdict"] in {"better", "worse", "no difference"}
    assert set(found["others"]) == {"static"}


def test_a_stopped_comparison_goes_on_where_it_was(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--scenario", str(scenario), "--policy", "static", "--results", str(tmp_path / "kept"), "--json"]
    assert call(*args, "--seeds", "1") == 0
    first = capsys.readouterr()
    assert call(*args, "--seeds", "2") == 0
    second = capsys.readouterr()
    assert "seed 1" in first.err
    assert "seed 1" not in second.err
    assert "seed 2" in second.err
    assert call(*args, "--seeds", "2") == 0
    assert capsys.readouterr().out == second.out


def test_the_page_needs_nothing_else(scenario: Path, tmp_path: Path) -> None:
    page = tmp_path / "compare.html"
    args = ["--scenario", str(scenario), "--seeds", "2", "--policy", "static", "--policy", "foreroute"]
    assert call(*args, "--html", str(page)) == 0
    text = page.read_text()
    assert "A stop &lt;of two minutes&gt;" in text
    assert "<script src=" not in text
    assert "http" not in text.split("</script>")[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"compare.html", "short.yaml"}


def test_mistakes_are_said_before_anything_long_begins(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for args, wanted in (
        (["--scenario", "compare-stopp"], "did you mean compare-stop"),
        (["--policy", "best"], "there is no policy best"),
        (["--warm-up", "soon"], "--warm-up"),
        (["--html", str(tmp_path)], "is a folder"),
        (["--results", str(scenario)], "cannot be a folder for results"),
    ):
        assert call(*args) in {1, 2, 3}
        said = capsys.readouterr()
        assert wanted in said.err
        assert "Traceback" not in said.err
        assert "seed" not in said.err


def test_a_page_without_plotly_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _name: None)
    with pytest.raises(ForerouteError, match=r"foreroute\[report\]"):
        compare_page.check(Path("x.html"))
