"""One suite for every forecaster of all series at once, built in or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from foreroute.core.errors import ModelFileError, TooLittleHistory
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedPool
from foreroute.core.series import Series
from foreroute.forecast.foundation import Foundation, FoundationSettings
from foreroute.forecast.lightgbm import LightGbm, LightGbmSettings
from foreroute.forecast.lstm import Lstm, LstmSettings
from foreroute.forecast.naive import Naive
from foreroute.testing.check_pooled_forecaster import check_pooled_forecaster


def test_lightgbm() -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    check_pooled_forecaster(LightGbm(settings=LightGbmSettings(trees=10)))


def test_lstm() -> None:
    pytest.importorskip("torch", reason="the extra `lstm` is not installed")
    check_pooled_forecaster(Lstm(settings=LstmSettings(rows_max=1500, epochs=1, past=20)))


@pytest.mark.parametrize("kind", ["bolt", "chronos2"])
def test_foundation(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("chronos", reason="the extra `foundation` is not installed")
    save_tiny(kind, tmp_path)
    forecaster = Foundation(settings=FoundationSettings(path=tmp_path, context=128))
    check_pooled_forecaster(forecaster, tolerance=1e-4, scale_tolerance=1e-3)


def save_tiny(kind: str, folder: Path) -> None:
    """A random model in the published format, small enough for a test."""
    import torch  # noqa: PLC0415 - only where the extra is installed
    from chronos.chronos2 import Chronos2Model  # noqa: PLC0415
    from chronos.chronos2.config import Chronos2CoreConfig  # noqa: PLC0415
    from chronos.chronos_bolt import ChronosBoltModelForForecasting  # noqa: PLC0415
    from transformers import T5Config  # type: ignore[import-not-found]  # noqa: PLC0415 - of another environment

    quantiles = [round(0.1 * number, 1) for number in range(1, 10)]
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 2}
    torch.manual_seed(1)
    if kind == "bolt":
        config = T5Config(**shape, num_decoder_layers=1, pad_token_id=0, decoder_start_token_id=0)
        config.chronos_config = {
            "context_length": 128, "prediction_length": 64, "input_patch_size": 16,
            "input_patch_stride": 16, "quantiles": quantiles, "use_reg_token": True,
        }  # fmt: skip
        config.chronos_pipeline_class = "ChronosBoltPipeline"
        model = ChronosBoltModelForForecasting(config)
    else:
        config = Chronos2CoreConfig(**shape)
        config.chronos_config = {
            "context_length": 128, "output_patch_size": 16, "input_patch_size": 16,
            "input_patch_stride": 16, "quantiles": quantiles, "use_reg_token": True,
            "use_arcsinh": True, "max_output_patches": 4,
        }  # fmt: skip
        config.chronos_pipeline_class = "Chronos2Pipeline"
        model = Chronos2Model(config)
    config.architectures = [type(model).__name__]
    model.save_pretrained(folder)


@dataclass
class Wrong:
    """A naive forecaster of all series with one fault."""

    fault: str
    name: str = "wrong"
    asked: int = 0

    @property
    def own(self) -> "Wrong":
        return self

    def fit(self, series: Sequence[Series]) -> FittedPool:
        if not series:
            raise TooLittleHistory("nothing to learn from")
        return self

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        self.asked += 1
        said = [replace(Naive().fit(one).forecast(one, steps=steps), model=self.name) for one in series]
        match self.fault:
            case "order":
                said.reverse()
            case "lost":
                said = said[1:]
            case "name":
                said = [replace(one, model="naive") for one in said]
            case "memory":
                said = [replace(one, upper=tuple(v + self.asked for v in one.upper)) for one in said]
            case "neighbours":
                top = max((one.upper[-1] for one in said), default=0.0)
                said = [replace(one, upper=tuple(max(v, top) for v in one.upper)) for one in said]
            case "unit":
                said = [replace(one, upper=tuple(v + 1.0 for v in one.upper)) for one in said]
            case "made up":
                said = [one if one.mean[0] > 0 else replace(one, mean=(0.5,) * steps) for one in said]
        return tuple(said)

    def dump(self) -> Mapping[str, bytes]:
        fault = "none" if self.fault == "forgets" else self.fault
        return {"it.json": json.dumps({"fault": fault, "shift": self.fault == "forgets"}).encode()}

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        if self.fault == "trusting":
            return self
        try:
            stored = json.loads(files["it.json"])
        except (KeyError, ValueError):
            raise ModelFileError("not mine") from None
        return Wrong("unit" if stored["shift"] else stored["fault"])


@pytest.mark.parametrize(
    "fault", ["order", "lost", "name", "memory", "neighbours", "unit", "made up", "forgets", "trusting"]
)
def test_the_suite_refuses_a_forecaster_that_is_wrong(fault: str) -> None:
    with pytest.raises(AssertionError):
        check_pooled_forecaster(Wrong(fault))


def test_the_suite_accepts_the_same_forecaster_without_the_fault() -> None:
    check_pooled_forecaster(Wrong("none"))
