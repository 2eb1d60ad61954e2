"""The forecaster that `docs/forecasting.md` shows is run as it stands there."""

import re
import sys
from pathlib import Path
from types import ModuleType

from foreroute.settings.model import ForecastSettings
from foreroute.settings.units import seconds
from foreroute.testing.samples import channels_with_days

PAGE = (Path(__file__).parents[2] / "docs/forecasting.md").read_text(encoding="utf-8")


def test_your_own_forecaster_passes_the_suite_and_knows_the_course_of_the_day(monkeypatch) -> None:
    section = PAGE.partition("## Your own forecaster")[2]
    model, check = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = ModuleType("yesterday")
    monkeypatch.setitem(sys.modules, "yesterday", module)  # where pickle looks for the classes
    exec(compile(model + check, "docs/forecasting.md", "exec"), module.__dict__)
    (series, *_) = channels_with_days(1, days=4.25)
    mean = module.Yesterday().fit(series).forecast(series, steps=12).mean
    assert len({round(value, 6) for value in mean}) == 12


def test_the_durations_of_retraining_are_the_defaults() -> None:
    shown = re.search(r"retrain: \{(.*?)\}", PAGE)
    assert shown is not None
    retrain = ForecastSettings().retrain
    for key, value in (pair.split(": ") for pair in shown[1].split(", ")):
        wanted = int(value) if key == "keep" else seconds(value)
        assert getattr(retrain, key) == wanted, key
