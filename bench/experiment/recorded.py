"""The same on recorded requests of a generative service: what they took, and what was asked of them."""

import csv
import gzip
import math
from pathlib import Path
from typing import Final

import numpy as np

from bench.experiment.rows import BATCH, REQUESTS, alarm_row
from bench.experiment.streams import Floats, always_valid, joined, repeated_t, running
from bench.report import Row
from foreroute.experiment.contrast import difference
from foreroute.experiment.moments import Moments

_FILE: Final = Path("../shared/data/forecast/genai_requests.csv.gz")
_FEATURES: Final = ("num_inference_steps", "num_images_per_prompt", "num_lora", "prompt_length")


def rows(repeats: int) -> list[Row]:
    if not _FILE.exists():
        return []
    seconds, size = requests()
    logs, means, helped, naive = [], [], [], []
    for seed in range(repeats // BATCH):
        rng = np.random.default_rng([19, seed])
        chosen = rng.integers(0, len(seconds), (BATCH, REQUESTS))
        in_arm = rng.random(chosen.shape) < 0.5
        y, x = np.log(seconds)[chosen], size[chosen]
        sums = running(y, np.zeros_like(y), in_arm)
        logs.append(always_valid(*sums, REQUESTS / 2))
        naive.append(repeated_t(*sums))
        helped.append(always_valid(*running(y, x, in_arm), REQUESTS / 2))
        plain = seconds[chosen]
        means.append(always_valid(*running(plain, np.zeros_like(plain), in_arm), REQUESTS / 2, as_ratio=True))
    common = joined(naive)
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    name = "experiment.aa_false_positive_ratio.recorded"
    return [
        alarm_row(
            f"{name}_log", joined(logs), common, repeats, f"recorded requests (p95/p50 {p95 / p50:.1f})"
        ),
        alarm_row(f"{name}_log_cuped", joined(helped), common, repeats, "the same, sizes taken away"),
        alarm_row(f"{name}_mean", joined(means), common, repeats, "recorded requests, arithmetic mean"),
        Row(
            id="experiment.cuped_variance_reduction.recorded",
            what="part of the variance of recorded log latencies that the size of the request takes away",
            value=removed(np.log(seconds), size),
            unit="ratio",
            how="steps, images, adapters and prompt length, weighed on the first half, scored on the second",
        ),
    ]


def requests() -> tuple[Floats, Floats]:
    """Seconds of the second half of the successful requests, and what their size makes one expect."""
    with gzip.open(_FILE, "rt") as file:
        found = [row for row in csv.DictReader(file) if row["predict_status"] == "SUCCEED"]
    found = [row for row in found if row["exec_time_seconds"] and float(row["exec_time_seconds"]) > 0.0]
    seconds = np.array([float(row["exec_time_seconds"]) for row in found])
    features = np.array(
        [[1.0, *(math.log1p(float(row[name] or 0.0)) for name in _FEATURES)] for row in found]
    )
    half = len(found) // 2
    weights, *_ = np.linalg.lstsq(features[:half], np.log(seconds[:half]), rcond=None)
    return seconds[half:], features[half:] @ weights


def removed(y: Floats, x: Floats) -> float:
    n = float(len(y))
    sums = Moments(n, n, y.sum(), x.sum(), n, y.sum(), x.sum(), (y * y).sum(), (y * x).sum(), (x * x).sum())
    return float(difference(sums, sums).removed)
