"""What latency a request's work makes one expect, learned online from finished requests, and how far it was from that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.forecast.values import Floats

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
    _, errors = learned(features_of(requests), np.log([one.latency_s for one in requests]))
    return [float(ratio) for ratio in np.exp(errors)]


def features_of(requests: Sequence[Request]) -> Floats:
    """(requests, features): what was known of each before it began."""
    models = {name: number for number, name in enumerate(sorted({one.model for one in requests}))}
    return np.array([_features(one, models) for one in requests])


def learned(features: Floats, logs: Floats) -> tuple[Floats, Floats]:
    """(requests + 1, features): the coefficients after so many requests; (requests): each one's error before it taught."""
    coefficients = np.zeros(features.shape[1])
    coefficients[0] = np.log(30.0)
    covariance = np.eye(features.shape[1]) / _RIDGE
    after, errors = [coefficients], []
    for x, log in zip(features, logs, strict=True):
        error = log - x @ coefficients
        errors.append(float(error))
        image = covariance @ x
        gain = image / (_MEMORY + x @ image)
        coefficients = coefficients + gain * np.clip(error, -_ERROR_MAX, _ERROR_MAX)
        covariance = (covariance - np.outer(gain, image)) / _MEMORY
        after.append(coefficients)
    return np.array(after), np.array(errors)


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
