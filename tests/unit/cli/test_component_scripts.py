"""The scripts that carry the names of the components: each is its verb."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
VERBS = {
    "timeseries_collector": "collect",
    "timeseries_predictor": "forecast",
    "anomaly_detector": "detect",
    "cost_optimizer": "cost optimize",
    "cost_tracker": "cost show",
    "cost_alert": "budget",
    "auto_tuner": "heal tune",
    "failure_pattern_learner": "heal patterns",
}


@pytest.mark.parametrize(("name", "verb"), VERBS.items())
def test_a_script_is_its_verb(
    name: str, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = SCRIPTS / f"{name}.py"
    assert script.stat().st_mode & 0o111
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 0
    assert f" {verb} " in capsys.readouterr().out.splitlines()[0]
