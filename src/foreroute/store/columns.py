"""Minutes of one channel as two byte strings: numbers column by column, sketches apart. No database in here.

Neighbouring minutes are alike, so a column's bytes are laid out by significance (all first bytes, then all second
ones, …) before they are deflated: the many zeros at the top of counts, and the sign and exponent of durations, cost
next to nothing then. Each column is deflated by itself, so that one metric is read without the others. Counts and money
are exact; durations are kept to seven digits (32-bit floats).
"""

import math
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import orjson

from foreroute.core.attempt import Usage
from foreroute.core.attempt_json import tokens_of
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric, value_of
from foreroute.store.rows import to_picousd, to_usd

_FORMAT: Final = 1
_HEAD: Final = 3
"""Bytes of the format and of the number of rollups. The lengths of the columns follow."""
_KINDS: Final = ("d",) * 2 + ("q",) * 13 + ("f",) * 10 + ("q",) * 2
_SIZES: Final = {"d": 8, "q": 8, "f": 4, "I": 4}
_SUMMARY_COUNT: Final = 7
_COST: Final = 14
_LATENCY, _FIRST_CHUNK = 15, 19
_MEANS: Final[Mapping[Metric, tuple[int, int]]] = {
    Metric.LATENCY_MEAN: (_LATENCY, _SUMMARY_COUNT),
    Metric.LATENCY_SLOWDOWN: (23, 25),
    Metric.FIRST_CHUNK_SLOWDOWN: (24, 26),
}
"""Where the sum is, and the count."""

_AS_THEY_ARE: Final[Mapping[Metric, int]] = {
    Metric.LATENCY_P50: _LATENCY + 1,
    Metric.LATENCY_P95: _LATENCY + 2,
    Metric.FIRST_CHUNK_P50: _FIRST_CHUNK + 1,
    Metric.FIRST_CHUNK_P95: _FIRST_CHUNK + 2,
    Metric.ATTEMPTS: 2,
    Metric.THROTTLES: 4,
}


@dataclass(frozen=True, slots=True)
class Packed:
    """Rollups of one channel and segment, by (window_start, source). `numbers` can be read without `sketches`."""

    rollups: int
    numbers: bytes
    sketches: bytes


def pack(rollups: Sequence[Rollup], origin_at: float) -> Packed:
    """At most 65,535 rollups. They come back the same, but for durations, which are rounded to seven digits."""
    columns: list[array[Any]] = [array(kind) for kind in _KINDS]
    for rollup in rollups:
        for column, value in zip(columns, _numbers(rollup, origin_at), strict=True):
            column.append(value)
    sources = sorted({rollup.source for rollup in rollups})
    places = {source: place for place, source in enumerate(sources)}
    rest = {
        "sources": sources,
        "source": [places[rollup.source] for rollup in rollups] if len(sources) > 1 else [],
        "failures": [[row, _by_name(r)] for row, r in enumerate(rollups) if r.failures],
        "metrics": [[row, list(r.metrics)] for row, r in enumerate(rollups) if r.metrics],
    }
    parts = [_deflated(part) for part in (*map(_planes, columns), orjson.dumps(rest))]
    head = bytes((_FORMAT, *len(rollups).to_bytes(2, "little")))
    summaries = [one for r in rollups for one in (r.latency.sketch, r.first_chunk.sketch)]
    lengths = _planes(array("I", map(len, summaries)))
    return Packed(
        rollups=len(rollups),
        numbers=head + _planes(array("I", map(len, parts))) + b"".join(parts),
        sketches=_deflated(lengths + b"".join(summaries)),
    )


class Numbers:
    """Packed numbers, read column by column. Raises ValueError on bytes of another format."""

    def __init__(self, packed: bytes, origin_at: float) -> None:
        if packed[0] != _FORMAT:
            raise ValueError(f"a chunk of format {packed[0]}, not {_FORMAT}")
        self.rows = int.from_bytes(packed[1:_HEAD], "little")
        self._packed = packed
        self._origin_at = origin_at
        parts = len(_KINDS) + 1
        start = _HEAD + parts * _SIZES["I"]
        lengths = _unplaned(packed[_HEAD:start], "I", parts)
        self._ends = list(accumulate(map(int, lengths), initial=start))

    def column(self, index: int) -> "array[float] | array[int]":
        return _unplaned(self._part(index), _KINDS[index], self.rows)

    def rest(self) -> dict[str, list[Any]]:
        """What is no number: `sources`, their places by row, and by row where there are any `failures`, `metrics`."""
        found: dict[str, list[Any]] = orjson.loads(self._part(len(_KINDS)))
        return found

    def _part(self, index: int) -> bytes:
        return _inflated(self._packed[self._ends[index] : self._ends[index + 1]])

    def starts_at(self) -> list[float]:
        origin = self._origin_at
        return [origin + offset for offset in self.column(0)]

    def windows_s(self) -> Sequence[float]:
        return self.column(1)

    def plain(self) -> list[Rollup]:
        """The rollups without their channel's name and their sketches."""
        return _rollups(self, (ChannelId(""), ""), [b""] * (2 * self.rows))

    def values(self, metric: Metric) -> list[float]:
        """What `value_of` says of each rollup."""
        values = list(_values(self, metric))
        for row, names in self.rest()["metrics"]:
            if metric not in names:
                values[row] = math.nan
        return values


def unpack(
    numbers: bytes, sketches: bytes, *, channel: ChannelId, segment: str, origin_at: float
) -> list[Rollup]:
    """The rollups again. Raises ValueError on bytes of another format."""
    found = Numbers(numbers, origin_at)
    return _rollups(found, (channel, segment), _sketches(sketches, found.rows))


def _rollups(found: Numbers, who: tuple[ChannelId, str], parts: Sequence[bytes]) -> list[Rollup]:
    columns = [found.column(index) for index in range(2, len(_KINDS))]
    rest = found.rest()
    sources, places = rest["sources"], rest["source"] or [0] * found.rows
    failures: dict[int, dict[str, int]] = dict(rest["failures"])
    metrics: dict[int, list[str]] = dict(rest["metrics"])
    rollups = []
    for row, (at, window_s, *values) in enumerate(
        zip(found.starts_at(), found.windows_s(), *columns, strict=True)
    ):
        rollups.append(
            Rollup(
                channel=who[0],
                segment=who[1],
                window_start=at,
                window_s=window_s,
                source=sources[places[row]],
                attempts=values[0],
                successes=values[1],
                throttles=values[2],
                ignored=values[3],
                unpriced_attempts=values[4],
                latency=_summary(values[5], values[13:17], parts[2 * row], values[21:25:2]),
                first_chunk=_summary(values[6], values[17:21], parts[2 * row + 1], values[22:25:2]),
                usage=Usage(*values[7:12]),
                cost_usd=to_usd(values[12]),
                failures={FailureClass(name): count for name, count in failures.get(row, {}).items()},
                metrics=tuple(metrics.get(row, ())),
            )
        )
    return rollups


def _numbers(rollup: Rollup, origin_at: float) -> list[float]:
    latency, first = rollup.latency, rollup.first_chunk
    return [
        rollup.window_start - origin_at,
        rollup.window_s,
        rollup.attempts,
        rollup.successes,
        rollup.throttles,
        rollup.ignored,
        rollup.unpriced_attempts,
        latency.count,
        first.count,
        *tokens_of(rollup.usage),
        to_picousd(rollup.cost_usd),
        *_durations(latency),
        *_durations(first),
        latency.slowdown_total,
        first.slowdown_total,
        latency.slowdown_count,
        first.slowdown_count,
    ]


def _by_name(rollup: Rollup) -> dict[str, int]:
    return {kind.value: count for kind, count in rollup.failures.items()}


def _durations(summary: LatencySummary) -> list[float]:
    marks = (summary.p50_s, summary.p95_s, summary.p99_s)
    return [summary.total_s, *(math.nan if mark is None else mark for mark in marks)]


def _summary(
    count: int, durations: Sequence[float], sketch: bytes, slowdown: Sequence[float]
) -> LatencySummary:
    total_s, *marks = durations
    p50_s, p95_s, p99_s = (None if mark != mark else mark for mark in marks)  # noqa: PLR0124 - NaN
    return LatencySummary(
        count=count,
        total_s=total_s,
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        sketch=sketch,
        slowdown_total=slowdown[0],
        slowdown_count=int(slowdown[1]),
    )


def _sketches(packed: bytes, rows: int) -> list[bytes]:
    plain = _inflated(packed)
    at, parts = 8 * rows, []
    for length in _unplaned(plain[:at], "I", 2 * rows):
        parts.append(plain[at : at + int(length)])
        at += int(length)
    return parts


def _values(numbers: Numbers, metric: Metric) -> Sequence[float]:
    if (index := _AS_THEY_ARE.get(metric)) is not None:
        return [float(value) for value in numbers.column(index)]
    if metric is Metric.COST_USD:
        return [value / 10**12 for value in numbers.column(_COST)]
    if (places := _MEANS.get(metric)) is not None:
        pairs = zip(*map(numbers.column, places), strict=True)
        return [total / count if count else math.nan for total, count in pairs]
    if metric is Metric.FAILURE_RATIO:
        return [_failed(*counts) for counts in zip(*map(numbers.column, range(2, 6)), strict=True)]
    return [value_of(rollup, metric) for rollup in numbers.plain()]


def _failed(attempts: float, successes: float, throttles: float, ignored: float) -> float:
    judged = attempts - ignored - throttles
    return (judged - successes) / judged if judged else math.nan


def _deflated(plain: bytes) -> bytes:
    """Without the header and checksum of zlib: columns are small."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(plain) + deflate.flush()


def _inflated(packed: bytes) -> bytes:
    return zlib.decompress(packed, -zlib.MAX_WBITS)


def _planes(column: "array[float] | array[int]") -> bytes:
    """The column's bytes by significance, little end first."""
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    plain, size = column.tobytes(), column.itemsize
    return b"".join(plain[byte::size] for byte in range(size))


def _unplaned(planes: bytes, kind: str, rows: int) -> "array[float] | array[int]":
    column: array[float] | array[int] = array(kind)
    size = _SIZES[kind]
    plain = bytearray(size * rows)
    for byte in range(size):
        plain[byte::size] = planes[byte * rows : (byte + 1) * rows]
    column.frombytes(plain)
    if sys.byteorder == "big":
        column.byteswap()
    return column
