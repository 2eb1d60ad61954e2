"""Requests from stored minutes: each quantile of a minute's sketch stands for its part of the requests."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from foreroute.core.rollup import LatencySummary, Rollup, by_channel
from foreroute.monitor import sketch
from foreroute.simulate.observed import Observed

_POINTS: Final = 20
"""So many of a minute's requests are told apart, at most."""


def observed_of(rollups: Sequence[Rollup]) -> list[Observed]:
    """By channel, without segments. First tokens where streams were measured, else whole answers.

    A minute's prompts and answers all count as average ones: what differs between them is noise here.
    """
    by_name = sorted(by_channel(one for one in rollups if not one.segment).items())
    return [found for name, mine in by_name if (found := _channel(name, mine)) is not None]


def _channel(name: str, rollups: Sequence[Rollup]) -> Observed | None:
    streamed = sum(rollup.first_chunk.count for rollup in rollups)
    whole = streamed < 0.5 * sum(rollup.latency.count for rollup in rollups)
    rows = [row for rollup in rollups for row in _rows(rollup, whole=whole)]
    if not rows:
        return None
    table = np.array(rows, dtype=np.float64)
    return Observed(
        channel=name,
        at=table[:, 0],
        seconds=table[:, 1],
        input_tokens=table[:, 2],
        output_tokens=table[:, 3],
        weights=table[:, 4],
        body_s=table[:, 5],
        whole=whole,
        attempts=float(sum(rollup.attempts - rollup.ignored - rollup.throttles for rollup in rollups)),
        failures=float(sum(rollup.failures_total for rollup in rollups)),
    )


def _rows(rollup: Rollup, *, whole: bool) -> Iterable[tuple[float, float, float, float, float, float]]:
    summary = rollup.latency if whole else rollup.first_chunk
    if not summary.count or not rollup.successes:
        return
    usage = rollup.usage
    inputs = (usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens) / rollup.successes
    outputs = usage.output_tokens / rollup.successes
    body_s = np.nan
    if not whole and rollup.latency.mean_s is not None and summary.mean_s is not None:
        body_s = max(0.0, rollup.latency.mean_s - summary.mean_s)
    values = _values(summary)
    for number, value in enumerate(values):
        at = rollup.window_start + rollup.window_s * (number + 0.5) / len(values)
        yield at, max(value, 1e-6), inputs, outputs, summary.count / len(values), body_s


def _values(summary: LatencySummary) -> list[float]:
    points = min(_POINTS, summary.count)
    if summary.sketch:
        ranks = [(number + 0.5) / points for number in range(points)] if points > 1 else [0.5]
        return [value for value in sketch.quantiles(summary.sketch, ranks) if value is not None]
    known = summary.p50_s if summary.p50_s is not None else summary.mean_s
    return [] if known is None else [known]
