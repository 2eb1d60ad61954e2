"""What latency a request's work makes one expect, learned online from finished requests, and how far it was from that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_MODELS: Final = 12
_MEMORY: Final = 0.9995
_RIDGE: Final = 1.0
_ERROR_MAX: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One finished request of an image service, with what was known of it before it began."""

    finished_at: float
    latency_s: float
    kind: str
    model: str
    images: float
    steps: float
    prompt: float
    adapters: float


def slowdowns(requests: Sequence[Request]) -> list[float]:
    """Latency over expected latency of each, in order of finishing; what is expected comes from those before it."""
    models = {name: number for number, name in enumerate(sorted({one.model for one in requests}))}
    features = np.array([_features(one, models) for one in requests])
    coefficients = np.zeros(features.shape[1])
    coefficients[0] = np.log(30.0)
    covariance = np.eye(features.shape[1]) / _RIDGE
    found = []
    for x, one in zip(features, requests, strict=True):
        error = np.log(one.latency_s) - x @ coefficients
        found.append(float(np.exp(error)))
        image = covariance @ x
        gain = image / (_MEMORY + x @ image)
        coefficients = coefficients + gain * np.clip(error, -_ERROR_MAX, _ERROR_MAX)
        covariance = (covariance - np.outer(gain, image)) / _MEMORY
    return found


def _features(one: Request, models: dict[str, int]) -> list[float]:
    images, steps = np.log(one.images), np.log(one.steps / 30.0)
    group = [0.0] * _MODELS
    group[models[one.model] % _MODELS] = 1.0
    return [
        1.0,
        images,
        images**2,
        steps,
        np.log1p(one.prompt) / 5.0,
        one.adapters / 4.0,
        float(one.kind == "IMG_2_IMG"),
        float(one.kind == "INPAINTING"),
        *group,
    ]
