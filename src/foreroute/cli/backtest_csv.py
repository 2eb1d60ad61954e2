"""Series of a file of comma-separated values, each on the grid of its usual step."""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Final

from foreroute.cli.say import CommandError
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.monitor.history import Point
from foreroute.monitor.history_csv import Reading, read_csv

_STEPS_MAX: Final = 1_000_000
_SUMS: Final = frozenset({Metric.ATTEMPTS, Metric.THROTTLES, Metric.COST_USD})
_DEFAULT: Final = Metric.LATENCY_MEAN


def read_series(path: Path, *, channel: str | None, metric: Metric | None) -> list[Series]:
    """Those of that channel and metric; None: all. A file without names is one series, called as the file.

    The shapes are those of `foreroute series import`, and `series` is another word for `channel`. Raises CommandError,
    or HistoryError with the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reading = Reading(channel=ChannelId(path.stem), metric=metric or _DEFAULT)
            points = list(read_csv(_renamed(lines), str(path), reading))
    except OSError as error:
        raise CommandError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    groups: dict[tuple[ChannelId, Metric], list[Point]] = {}
    for point in points:
        groups.setdefault((point.channel, point.metric), []).append(point)
    wanted = {
        key: found
        for key, found in groups.items()
        if (channel is None or key[0] == channel) and (metric is None or key[1] is metric)
    }
    if groups and not wanted:
        known = ", ".join(f"{name} {what}" for name, what in sorted(groups)[:10])
        raise CommandError("has no such series", where=str(path), hint=f"it has {known}")
    found = [_gridded(points, str(path)) for _, points in sorted(wanted.items()) if len(points) > 1]
    if not found:
        raise CommandError("has no series of two values or more", where=str(path))
    return found


def _renamed(lines: Iterable[str]) -> Iterator[str]:
    """The first line with `series` as `channel`."""
    for number, line in enumerate(lines):
        if number:
            yield line
            continue
        names = line.rstrip("\r\n").split(",")
        plain = [name.strip().strip('"').lower() for name in names]
        if "series" in plain and "channel" not in plain:
            names[plain.index("series")] = "channel"
        yield ",".join(names) + "\n"


def _gridded(points: list[Point], where: str) -> Series:
    """Several values of one step are summed or averaged as their metric is; steps without any are NaN."""
    points = sorted(points, key=lambda point: point.at)
    first = points[0]
    step_s = _step_of(points)
    length = round((points[-1].at - first.at) / step_s) + 1
    if length > _STEPS_MAX:
        message = f"series {first.channel} has {len(points)} values over {length} steps of {step_s:g} s"
        raise CommandError(
            message, where=where, hint=f"at most {_STEPS_MAX} steps; leave out what is far away"
        )
    sums, weights, counts = ([0.0] * length for _ in range(3))
    for point in points:
        place = round((point.at - first.at) / step_s)
        weight = 1.0 if point.count is None else float(point.count) or 1e-9
        sums[place] += point.value * (1.0 if point.metric in _SUMS else weight)
        weights[place] += weight
        counts[place] += 0.0 if point.count is None else point.count
    total = first.metric in _SUMS
    return Series(
        channel=first.channel,
        metric=first.metric,
        start_at=first.at,
        step_s=step_s,
        values=tuple(
            math.nan if weight == 0.0 else one if total else one / weight
            for one, weight in zip(sums, weights, strict=True)
        ),
        counts=() if total or not any(counts) else tuple(counts),
    )


def _step_of(points: list[Point]) -> float:
    """What most values are apart, in whole seconds. Raises CommandError if all have the same instant."""
    apart = [after.at - before.at for before, after in itertools.pairwise(points) if after.at > before.at]
    if not apart:
        raise CommandError(f"all values of series {points[0].channel} have the same ts", where="--csv")
    return max(1.0, float(round(median(apart))))
