"""A pretrained forecaster with weights on this machine: Chronos-Bolt or Chronos-2 (extra `foundation`).

Nothing is fetched: `path` is a folder with `config.json` and `model.safetensors`, as `save_pretrained` writes it. It learns
nothing here; it is stored by the hash of its weights, so that others than those that were scored are not served.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from foreroute.core.errors import ConfigError, MissingExtra, ModelFileError
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedPool
from foreroute.core.series import Metric, Series
from foreroute.forecast.direct import QUANTILES
from foreroute.forecast.values import MODEL_COVERAGE, Floats

_NAME: Final = "foundation"
_FILE: Final = "weights.json"
_WEIGHTS: Final = "model.safetensors"
_BLOCK: Final = 1 << 20
_LENGTH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundationSettings:
    path: Path | None = None
    """The folder with the weights."""
    context: int = 512
    """Steps of the past that it is shown, at most."""
    batch: int = 64


@dataclass(frozen=True, slots=True)
class FittedFoundation:
    """Light: the weights are read when a forecast is asked for, once in a process."""

    path: str
    digest: str
    context: int = 512
    batch: int = 64

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        pasts = [np.asarray(one.values[-self.context :], dtype=np.float64) for one in series]
        known = [past[np.isfinite(past)] for past in pasts]
        found = np.full((len(series), steps, len(QUANTILES)), np.nan)
        asked = []
        for place, values in enumerate(known):
            if len(values) and float(np.ptp(values)) == 0.0:
                found[place] = values[-1]  # they divide by how much a series varies
            elif len(values):
                asked.append(place)
        for start in range(0, len(asked), self.batch):
            places = asked[start : start + self.batch]
            sizes = np.array([np.abs(known[place]).mean() for place in places])
            shown = [_padded(pasts[p] / size, self.context) for p, size in zip(places, sizes, strict=True)]
            found[places] = self._quantiles(shown, steps) * sizes[:, None, None]
        return tuple(_forecast(one, said) for one, said in zip(series, found, strict=True))

    def dump(self) -> Mapping[str, bytes]:
        return {
            _FILE: json.dumps(
                {"path": self.path, "sha256": self.digest, "context": self.context, "batch": self.batch}
            ).encode()
        }

    def _quantiles(self, pasts: Sequence[Floats], steps: int) -> Floats:
        """(series, steps, quantiles) in ascending order."""
        torch, pipeline = _pipeline(self.path, self.digest)
        contexts = [torch.tensor(past, dtype=torch.float32) for past in pasts]
        # Their answer depends on how far one asks: always as far as that of the longest forecast usual here.
        length = _LENGTH * -(-steps // _LENGTH)
        with torch.inference_mode():
            said, _ = pipeline.predict_quantiles(
                contexts, prediction_length=length, quantile_levels=list(QUANTILES)
            )
        # Chronos-2 answers with one tensor (variates, steps, quantiles) for each series, Chronos-Bolt with one for all.
        each = [one.reshape(length, len(QUANTILES)).double().numpy() for one in said]
        return np.sort(np.stack(each)[:, :steps], axis=-1)


@dataclass(frozen=True, slots=True)
class Foundation:
    name: str = _NAME
    libraries: tuple[str, ...] = ("chronos-forecasting", "torch")
    settings: FoundationSettings = field(default_factory=FoundationSettings)

    def fit(self, series: Sequence[Series]) -> FittedPool:  # noqa: ARG002 - it has learnt elsewhere
        """Checks that the weights are there. Raises ConfigError when they are not, MissingExtra without the library."""
        path = self.settings.path
        if path is None:
            raise ConfigError(
                "the forecast model `foundation` has no weights",
                where="forecast.foundation.path",
                hint="give the folder that holds config.json and model.safetensors",
            )
        digest = _digest(path)
        fitted = FittedFoundation(str(path), digest, self.settings.context, self.settings.batch)
        _pipeline(fitted.path, digest)
        return fitted

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        try:
            stored = json.loads(files[_FILE])
            path, wanted = str(stored["path"]), str(stored["sha256"])
            fitted = FittedFoundation(path, wanted, int(stored["context"]), int(stored["batch"]))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelFileError(f"not a stored `foundation` model: {error!r}") from None
        try:
            digest = _digest(Path(path))
        except ConfigError as error:
            raise ModelFileError(error.message) from None
        if digest != wanted:
            raise ModelFileError(f"the weights in {path} are others than those that were scored")
        return fitted


@lru_cache(maxsize=2)
def _pipeline(path: str, digest: str) -> tuple[Any, Any]:  # noqa: ARG001 - other weights are another pipeline
    """(torch, pipeline). Raises MissingExtra without the library, ModelFileError when the folder holds no such model."""
    try:
        import torch  # noqa: PLC0415 - heavy, and only where it answers
        from chronos import BaseChronosPipeline  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("chronos-forecasting", "foundation", "the forecast model `foundation`") from None
    torch.set_num_threads(1)
    try:
        pipeline = BaseChronosPipeline.from_pretrained(path, device_map="cpu", local_files_only=True)
    except Exception as error:
        raise ModelFileError(f"{path} holds no Chronos model that can be read: {error}") from error
    return torch, pipeline


def _digest(path: Path) -> str:
    """Of the weights and of what says how they are used. Raises ConfigError when a file is not there."""
    hashed = hashlib.sha256()
    for name in ("config.json", _WEIGHTS):
        try:
            with (path / name).open("rb") as file:
                while block := file.read(_BLOCK):
                    hashed.update(block)
        except OSError:
            raise ConfigError(
                f"{path} holds no {name}",
                where="forecast.foundation.path",
                hint="give the folder that holds config.json and model.safetensors",
            ) from None
    return hashed.hexdigest()


def _padded(past: Floats, length: int) -> Floats:
    """As long for every series, so that it does not matter who else is asked about; NaN is what these models do not see."""
    found = np.full(length, np.nan)
    found[length - len(past) :] = past
    return found


def _forecast(series: Series, said: Floats) -> Forecast:
    ceiling = 1.0 if series.metric is Metric.FAILURE_RATIO else np.inf
    lower, mean, upper = np.clip(said, 0.0, ceiling).T
    return Forecast(
        channel=series.channel,
        metric=series.metric,
        origin_at=series.end_at,
        step_s=series.step_s,
        mean=tuple(mean.tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        coverage=MODEL_COVERAGE,
        model=_NAME,
    )
