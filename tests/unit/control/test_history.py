"""What a tick looks at: the newest of each window, however it came."""

import math

import pytest

from foreroute.control.history import History
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric
from foreroute.monitor.fold import merge_rollups

A, B = ChannelId("a"), ChannelId("b")


def minute(start: float, attempts: int, *, channel: ChannelId = A, source: str = "run") -> Rollup:
    return Rollup(
        channel=channel,
        window_start=start,
        source=source,
        attempts=attempts,
        successes=attempts,
        latency=LatencySummary(count=attempts, total_s=float(attempts)),
    )


def a_history() -> History:
    return History(merge_rollups, window_s=60.0, keep_s=300.0)


def test_a_window_that_grows_is_read_again() -> None:
    history = a_history()
    history.add([minute(0.0, 3), minute(60.0, 4), minute(60.0, 9, channel=B)])
    assert history.series(A, Metric.ATTEMPTS, end_at=120.0).values[-2:] == (3.0, 4.0)
    history.add([minute(60.0, 6)])
    history.add([minute(0.0, 2, source="after a restart")])
    found = history.series(A, Metric.ATTEMPTS, end_at=120.0)
    assert found.values[-2:] == (5.0, 6.0)
    assert (found.start_at, found.end_at, len(found.values)) == (-180.0, 120.0, 5)


def test_what_was_not_measured_is_nan_and_nobody_is_behind_it() -> None:
    history = a_history()
    history.add([minute(120.0, 7)])
    found = history.series(A, Metric.LATENCY_MEAN, end_at=240.0)
    assert [math.isnan(value) for value in found.values] == [True, True, True, False, True]
    assert found.counts == (0.0, 0.0, 0.0, 7.0, 0.0)
    assert found.values[3] == pytest.approx(1.0)


def test_what_is_old_is_forgotten() -> None:
    history = a_history()
    history.add([minute(0.0, 3), minute(600.0, 4)])
    assert history.series(A, Metric.ATTEMPTS, end_at=60.0).values[-1] == 3.0
    history.forget(660.0)
    assert math.isnan(history.series(A, Metric.ATTEMPTS, end_at=60.0).values[-1])
    assert history.earliest(otherwise=0.0) == 600.0
