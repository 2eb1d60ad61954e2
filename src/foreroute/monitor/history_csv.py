"""History as comma-separated values: narrow (ts, value), wide (a column per metric), or long (metric, channel, value)."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from foreroute.core.errors import HistoryError
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.monitor.history import Point, problem_of

_TIMES: Final = ("ts", "time", "timestamp")
_MILLISECONDS_FROM: Final = 1e11
"""Seconds since the epoch are below this until the year 5138; milliseconds have been above it since 1973."""
_SHAPES: Final = (
    "columns are ts and value (and count), or ts and one column per metric, or ts, channel, metric and value"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the command line says and the file does not."""

    channel: ChannelId | None = None
    metric: Metric | None = None
    scale: float = 1.0
    """Every value times this: 0.001 for milliseconds, 0.01 for per cent."""


def read_csv(lines: Iterable[str], name: str, reading: Reading) -> Iterator[Point]:
    """The points one by one, so that a large file is never whole in memory. Raises HistoryError with file and line."""
    rows = csv.DictReader(lines, skipinitialspace=True)
    columns = [column.strip().lower() for column in rows.fieldnames or ()]
    rows.fieldnames = columns
    time = next((column for column in _TIMES if column in columns), None)
    wide = [column for column in columns if column in {metric.value for metric in Metric}]
    if time is None or not (wide or "value" in columns):
        raise HistoryError("its first line does not name the columns", where=f"{name}:1", hint=_SHAPES)
    if not wide and reading.metric is None and "metric" not in columns:
        raise HistoryError("says values, but not of what", where=name, hint="name it with --metric")
    if reading.channel is None and "channel" not in columns:
        raise HistoryError("says values, but not of which channel", where=name, hint="name it with --channel")
    try:
        for row in rows:
            where = f"{name}:{rows.line_num}"
            if row.get("segment"):
                continue  # parts of a channel are told by its whole already
            yield from _points(row, time, wide, reading, where)
    except csv.Error as error:
        raise HistoryError(f"is no comma-separated text: {error}", where=f"{name}:{rows.line_num}") from None
    except UnicodeDecodeError:
        raise HistoryError("is no UTF-8 text", where=name) from None


def instant_of(text: str, where: str) -> float:
    """ISO 8601 (UTC unless it says otherwise), or seconds or milliseconds since the epoch. Raises HistoryError."""
    try:
        number = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            hint = "write 2026-11-30T12:00:00Z, or seconds since 1970"
            raise HistoryError(f"{text!r} is no time", where=where, hint=hint) from None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number) or number < 0:
        raise HistoryError(f"{text!r} is no time", where=where)
    return number / 1000.0 if number >= _MILLISECONDS_FROM else number


def _points(
    row: Mapping[str, str | None], time: str, wide: list[str], reading: Reading, where: str
) -> Iterator[Point]:
    at = instant_of(row.get(time) or "", where)
    channel = ChannelId(row.get("channel") or reading.channel or "")
    count = _number(row.get("count"), where)
    window_s = _number(row.get("window_s"), where)
    named: list[tuple[str | None, str | None]] = [(name, row.get(name)) for name in wide]
    named = named or [(row.get("metric"), row.get("value"))]
    for name, text in named:
        metric = _metric(name, reading, where)
        value = _number(text, where)
        if value is None:
            continue
        scaled = value if metric is Metric.ATTEMPTS else value * reading.scale
        if problem := problem_of(metric, scaled):
            raise HistoryError(f"{metric} {text} {problem}", where=where)
        yield Point(
            channel=channel,
            metric=metric,
            at=at,
            value=scaled,
            count=None if count is None else max(0, round(count)),
            window_s=window_s,
        )


def _metric(name: str | None, reading: Reading, where: str) -> Metric:
    if not name and reading.metric is not None:
        return reading.metric
    try:
        return Metric(name or "")
    except ValueError:
        hint = f"one of {', '.join(Metric)}"
        raise HistoryError(f"{name!r} is no metric", where=where, hint=hint) from None


def _number(text: str | None, where: str) -> float | None:
    """None where nothing stands, and for NaN: nothing is known there."""
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise HistoryError(f"{text!r} is no number", where=where) from None
    return None if math.isnan(value) else value
