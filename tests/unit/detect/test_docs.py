"""The page on anomalies shows a detector: it is run as it stands."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from foreroute.core.ports import Detector
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.settings.model import DetectSettings as Section
from foreroute.testing import samples

PAGE = Path(__file__).parents[3] / "docs/anomaly.md"


def shown(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_detector_that_is_shown_passes_and_finds_a_leap(monkeypatch: pytest.MonkeyPatch) -> None:
    page = ModuleType("shown_detector")
    monkeypatch.setitem(sys.modules, page.__name__, page)  # pickling looks the class up
    for code in shown("python"):
        exec(compile(code, str(PAGE), "exec"), vars(page))
    leap: Detector = vars(page)["Leap"]()
    engine = DetectEngine(DetectSettings(), [leap])
    engine.warm([samples.noisy()])
    (found,) = engine.update([samples.a_series(*samples.noisy(181).values, 4.0)])
    assert found.detector == "leap"


def test_the_settings_that_are_shown_are_the_defaults() -> None:
    (text,) = shown("yaml")
    assert f"false_alarms_per_day: {Section().false_alarms_per_day}" in text
    assert f"[{', '.join(Section().detectors)}]" in text
