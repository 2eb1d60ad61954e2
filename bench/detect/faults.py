"""Faults of known start, put into recorded series: slower answers, failures, less traffic.

One a day and series on average, at a random minute, with a ramp of 0–5 minutes, for 5–40 minutes (three times as
long where a window is five minutes). Everything is drawn from fixed seeds.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from bench.detect.series import DATA, Bools, Floats, Judgeable, first_days, made_up, read
from foreroute.core.series import Metric

_DAY_S: Final = 86_400.0
_APART_S: Final = 3 * 3600.0
_AROUND: Final = 15
"""Windows around trouble of the recording itself that are not scored: the truth there is not ours to know."""
_USUAL_S: Final = 6 * 3600.0
_LASTS: Final = 5
_TROUBLE: Final = (0.7, 1.5)


def slowed(*, tuned: bool, days: float) -> list[Judgeable]:
    """Latencies of web services (other weeks for tuning) and of a shop's services, up to three times as slow."""
    if not DATA.exists():
        calm = made_up(seed=7 + tuned, days=days)
        return [_put_in(one, seed=100 + n + 50 * tuned, factors=(1.5, 3.0)) for n, one in enumerate(calm)]
    labels = {one.name[:8]: one for one in read("anomaly/web_kpi_1min", 60.0, lambda name: name[:8] in _WEB)}
    found = []
    for number, one in enumerate(read("forecast/web_service_latency_1min", 60.0)):
        known = labels.get(one.name[:8])
        whole = one if known is None else _with_labels(one, known)
        piece = first_days(whole, days, after=(60.0 if tuned else 5.0) + 5.0 * number)
        found.append(_put_in(piece, seed=100 + number + 50 * tuned, factors=(1.5, 3.0)))
    shop = read(
        "forecast/petshop_5min", 300.0, lambda name: name.endswith(("/latency/Average", "/latency/p95"))
    )
    shop = [one for one in shop if np.isfinite(one.values).sum() >= 500][tuned::2][:12]
    return found + [_put_in(one, seed=200 + n, factors=(1.5, 3.0)) for n, one in enumerate(shop)]


_WEB: Final = ("05f10d3a", "42d6616d", "847e8ecc", "adb2fde9")


def failing(*, tuned: bool, days: float) -> list[Judgeable]:
    """Failure ratios at recorded traffic, scaled to 10–300 requests a minute; 5–15 points more are failures."""
    found = []
    for number, one in enumerate(_ingress(tuned=tuned)):
        rng = np.random.default_rng(300 + number + 50 * tuned)
        piece = first_days(one, days)
        size = float(np.exp(rng.uniform(np.log(10.0), np.log(300.0))))
        usual = piece.values / np.nanmedian(piece.values) * size
        requests = rng.poisson(np.nan_to_num(np.maximum(usual, 0.0))).astype(np.float64)
        base = float(np.exp(rng.uniform(np.log(0.002), np.log(0.02))))
        # Real failures come in bunches: the ratio itself wanders.
        ratio = np.clip(base * rng.gamma(4.0, 0.25, len(requests)), 0.0, 1.0)
        shape, labels = _shape(len(requests), piece.step_s, rng, piece.counted)
        ratio = np.clip(ratio + shape * 1.0, 0.0, 1.0)
        failures = rng.binomial(requests.astype(int), ratio)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(requests > 0, failures / requests, np.nan)
        found.append(
            replace(
                piece,
                name=f"failures/{one.name}",
                values=values,
                labels=labels,
                metric=Metric.FAILURE_RATIO,
                counts=requests,
            )
        )
    return found


def thinned(*, tuned: bool, days: float) -> list[Judgeable]:
    """Recorded request rates that lose 30–80 %."""
    return [
        replace(
            _put_in(first_days(one, days), seed=400 + n + 50 * tuned, factors=(0.2, 0.7)),
            name=f"traffic/{one.name}",
            metric=Metric.ATTEMPTS,
        )
        for n, one in enumerate(_ingress(tuned=tuned))
    ]


def all_faults(*, tuned: bool, days: float) -> dict[str, list[Judgeable]]:
    """By what the fault is. In made-up series where there are no recorded ones."""
    return {
        "latency": slowed(tuned=tuned, days=days),
        "errors": failing(tuned=tuned, days=days),
        "throughput": thinned(tuned=tuned, days=days),
    }


def _ingress(*, tuned: bool) -> list[Judgeable]:
    if not DATA.exists():
        return made_up(seed=17 + tuned, days=14.0, size=400.0)
    found = read("forecast/api_dependency_latency_1h_and_ingress_1min", 60.0)
    found += read("anomaly/cloud_monitoring", 60.0, lambda name: name.startswith("mongodb-application"))
    return [one for one in found if np.nanmedian(one.values) > 0][tuned::2]


def _put_in(one: Judgeable, *, seed: int, factors: tuple[float, float]) -> Judgeable:
    rng = np.random.default_rng(seed)
    calm = ~_near(one.labels | own_trouble(one.values, one.step_s))
    shape, labels = _shape(len(one.values), one.step_s, rng, one.counted & calm, factors=factors)
    return replace(one, values=one.values * (1.0 + shape), labels=labels, counted=one.counted & calm)


def own_trouble(values: Floats, step_s: float) -> Bools:
    """Where the recording itself shows such a fault: for five windows half as much again, or 30 % less, than in the
    six hours around. Looks ahead, and knows nothing of any detector.
    """
    filled = _filled(values)
    apart = max(1, round(300.0 / step_s))
    usual, now = _median(filled, int(_USUAL_S / step_s), apart), _median(filled, _LASTS, 1)
    return (now < _TROUBLE[0] * usual) | (now > _TROUBLE[1] * usual)


def _median(values: Floats, width: int, apart: int) -> Floats:
    """Of the windows around each, taking every `apart`-th."""
    half = width // 2
    padded = np.pad(values, half, mode="edge")
    rows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.median(rows[:, ::apart], axis=1)


def _filled(values: Floats) -> Floats:
    """Gaps closed with the value before them."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros_like(values)
    place = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    return values[known[np.maximum(place, 0)]]


def _shape(
    length: int,
    step_s: float,
    rng: np.random.Generator,
    allowed: Bools,
    *,
    factors: tuple[float, float] = (1.05, 1.15),
) -> tuple[Floats, Bools]:
    """What is added to 1 in every window, and where that is a fault."""
    shape, labels = np.zeros(length), np.zeros(length, dtype=bool)
    apart, scale = int(_APART_S / step_s), 3.0 if step_s > 60.0 else 1.0
    per_day = _DAY_S / step_s
    start = int(per_day * 1.05)
    while True:
        start += apart + int(rng.exponential(max(per_day - apart, 1.0)))
        lasts = max(1, round(float(rng.uniform(5.0, 40.0)) * scale * 60.0 / step_s))
        ramp = round(float(rng.uniform(0.0, 5.0)) * 60.0 / step_s)
        change = float(rng.uniform(*factors)) - 1.0
        if start + lasts >= length:
            return shape, labels
        if allowed[start : start + lasts].all():
            rise = np.minimum((np.arange(lasts) + 1.0) / (ramp + 1.0), 1.0)
            shape[start : start + lasts] = change * rise
            labels[start : start + lasts] = True


def _near(labels: Bools) -> Bools:
    return np.convolve(labels, np.ones(2 * _AROUND + 1), mode="same") > 0.5


def _with_labels(one: Judgeable, known: Judgeable) -> Judgeable:
    """The labels of the same series in another file."""
    labels = np.zeros(len(one.values), dtype=bool)
    offset = round((known.start_at - one.start_at) / one.step_s)
    start, end = max(offset, 0), min(offset + len(known.labels), len(labels))
    labels[start:end] = known.labels[start - offset : end - offset]
    return replace(one, labels=labels)
