"""A backtest never looks ahead: on the verb's path, from a file to what was said."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.cli.backtest_csv import read_series
from foreroute.core.series import Metric
from foreroute.forecast.backtest import BacktestSettings, backtest

LENGTH = 130
SETTINGS = BacktestSettings(horizons_s=(120.0, 300.0))


def written(path: Path, values: np.ndarray) -> Path:
    lines = [f"{600 + 60 * number},{value!r}" for number, value in enumerate(values.tolist())]
    path.write_text("\n".join(["ts,value", *lines]) + "\n", encoding="utf-8")
    return path


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, LENGTH - 2), st.sampled_from([0.0, 0.001, 1e5]))
def test_garbage_after_an_origin_changes_nothing_said_before(
    tmp_path_factory, seed: int, origin: int, garbage: float
) -> None:
    folder = tmp_path_factory.mktemp("backtest")
    rng = np.random.default_rng(seed)
    values = 0.3 * rng.lognormal(0.0, 0.3, LENGTH)
    other = values.copy()
    # The last value stays, so that both files end at the same instant.
    other[origin + 1 : -1] = garbage
    said = []
    for name, found in (("one", values), ("other", other)):
        series = read_series(written(folder / f"{name}.csv", found), channel=None, metric=Metric.LATENCY_P95)
        (played,) = backtest(series, SETTINGS).replays
        said.append(played.said)
    assert np.array_equal(said[0][:, :, :, : origin + 1], said[1][:, :, :, : origin + 1], equal_nan=True)
    assert np.isfinite(said[0][:, :, 0, origin]).all()
