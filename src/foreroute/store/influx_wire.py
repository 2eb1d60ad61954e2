"""Rollups as points of InfluxDB and back: line protocol out, answers of InfluxQL in. No I/O in here.

A rollup is one point: channel, segment and source are its tags, the start of its window is its time, and all else is a
field with a type that never changes. Every field is written each time, for a point that replaces another keeps the
fields that it does not name. Numbers are fields that people can draw; sketches are base64, so they come back to the bit.

Line protocol and InfluxQL: docs.influxdata.com, InfluxDB 1.x, "Line protocol reference" and "InfluxQL reference".
"""

import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from foreroute.core.attempt import Usage
from foreroute.core.attempt_json import tokens_of
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.store.rows import to_picousd, to_usd
from foreroute.store.spans import Span, read_members, write_members

_NS: Final = 10**9
_FIRST_NS: Final = -(2**63) + 2
_LAST_NS: Final = 2**63 - 2
"""InfluxDB's own bounds of time: the years 1677 and 2262."""
_INT_MAX: Final = 2**63 - 1
_WHOLE: Final = "*"
"""The segment that is all of a channel: a tag cannot be empty. No other segment is written so, `*` is escaped."""
_ESCAPED: Final = re.compile("[\x00-\x1f%*\\\\\x7f\ud800-\udfff]")
_SPACED: Final = re.compile(r"[ ,=]")
_MARKS: Final = ("p50_s", "p95_s", "p99_s")
_SUMMARIES: Final = ("latency", "first_chunk")
_TOKENS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)
TAGS: Final = '"channel","segment","source","at"'
NUMBERS: Final = ",".join(
    f'"{name}"'
    for name in (
        *("window_s", "attempts", "successes", "throttles", "ignored", "unpriced_attempts", "cost_picousd"),
        *_TOKENS,
        *(
            f"{part}_{name}"
            for part in _SUMMARIES
            for name in ("count", "total_s", *_MARKS, "slowdown_total", "slowdown_count")
        ),
        *("unknown", "failures", "metrics"),
    )
)
"""All fields but sketches and members, as a SELECT names them."""


def ns_of(at: float) -> int:
    """Whole nanoseconds at or before an instant, within what InfluxDB can tell."""
    return _whole(at, math.floor)


def ns_after(at: float) -> int:
    """Whole nanoseconds at or after an instant."""
    return _whole(at, math.ceil)


def _whole(at: float, rounded: Callable[[Fraction], int]) -> int:
    if math.isinf(at):
        return _LAST_NS if at > 0 else _FIRST_NS
    return max(_FIRST_NS, min(rounded(Fraction(at) * _NS), _LAST_NS))


def quoted(text: str) -> str:
    """A value of a tag as InfluxQL compares with it."""
    return "'" + _tag(text).replace("'", "\\'") + "'"


def segment_name(segment: str) -> str:
    """As `quoted`, of a segment."""
    return quoted(segment) if segment else f"'{_WHOLE}'"


def whose_tags(tags: Mapping[str, str]) -> tuple[ChannelId, str]:
    """(channel, segment) of a series."""
    segment = tags.get("segment", _WHOLE)
    return ChannelId(_untag(tags["channel"])), "" if segment == _WHOLE else _untag(segment)


def lines_of(measurement: str, spans: Iterable[Span], *, texts: bool = True) -> str:
    """One line each. `measurement` needs no escaping. Members are written of those that have any.

    Without texts only numbers go, for databases that know no others.
    """
    return "\n".join(_line(measurement, span, texts) for span in spans)


def spans_of(series: Iterable[Mapping[str, Any]]) -> list[Span]:
    """What an answer holds of rollups, asked for with GROUP BY all tags and times in nanoseconds."""
    found = []
    for one in series:
        columns = one["columns"]
        found += [
            _span(one["tags"], dict(zip(columns, values, strict=True))) for values in one.get("values", ())
        ]
    return found


def _line(measurement: str, span: Span, texts: bool) -> str:
    rollup = span.rollup
    ns = ns_of(rollup.window_start)
    segment = _tag(rollup.segment) or _WHOLE
    tags = f"channel={_spaced(_tag(rollup.channel))},segment={_spaced(segment)}"
    if rollup.source:
        tags += f",source={_spaced(_tag(rollup.source))}"
    if ns / _NS != rollup.window_start:  # closer to another instant than a nanosecond: never of this century
        tags += f",at={rollup.window_start!r}"
    fields = ",".join(f"{name}={value}" for name, value in _fields(span).items() if texts or value[0] != '"')
    return f"{measurement},{tags} {fields} {ns}"


def _fields(span: Span) -> dict[str, str]:
    rollup = span.rollup
    numbers = {
        "attempts": rollup.attempts,
        "successes": rollup.successes,
        "throttles": rollup.throttles,
        "ignored": rollup.ignored,
        "unpriced_attempts": rollup.unpriced_attempts,
        "cost_picousd": to_picousd(rollup.cost_usd),
        **dict(zip(_TOKENS, tokens_of(rollup.usage), strict=True)),
    }
    fields = {"window_s": _float(rollup.window_s)} | {name: _int(value) for name, value in numbers.items()}
    unknown = 0
    for part, summary in zip(_SUMMARIES, (rollup.latency, rollup.first_chunk), strict=True):
        fields[f"{part}_count"] = _int(summary.count)
        fields[f"{part}_total_s"] = _float(summary.total_s)
        fields[f"{part}_slowdown_total"] = _float(summary.slowdown_total)
        fields[f"{part}_slowdown_count"] = _int(summary.slowdown_count)
        fields[f"{part}_sketch"] = _text(b64encode(summary.sketch).decode())
        for name in _MARKS:
            mark = getattr(summary, name)
            unknown = 2 * unknown + (mark is None)
            if mark is not None:
                fields[f"{part}_{name}"] = _float(mark)
    failures = {kind.value: count for kind, count in rollup.failures.items()}
    fields["unknown"] = _int(unknown)
    fields["failures"] = _text(orjson.dumps(failures).decode() if failures else "")
    fields["metrics"] = _text(" ".join(rollup.metrics))
    if span.members:
        fields["members"] = _text(b64encode(write_members(span.members)).decode())
    return fields


def _span(tags: Mapping[str, str], values: Mapping[str, Any]) -> Span:
    channel, segment = whose_tags(tags)
    at = tags.get("at")
    known = iter(f"{values['unknown']:06b}")
    latency, first = (_summary(part, values, [next(known) == "1" for _ in _MARKS]) for part in _SUMMARIES)
    failures = orjson.loads(values["failures"] or "{}")
    rollup = Rollup(
        channel=channel,
        segment=segment,
        source=_untag(tags.get("source", "")),
        window_start=float(at) if at else values["time"] / _NS,
        window_s=float(values["window_s"]),
        attempts=values["attempts"],
        successes=values["successes"],
        throttles=values["throttles"],
        ignored=values["ignored"],
        unpriced_attempts=values["unpriced_attempts"],
        latency=latency,
        first_chunk=first,
        usage=Usage(*(values[name] for name in _TOKENS)),
        cost_usd=to_usd(values["cost_picousd"]),
        failures={FailureClass(name): count for name, count in failures.items()},
        metrics=tuple((values["metrics"] or "").split()),
    )
    members = values.get("members")
    return Span(rollup, read_members(b64decode(members)) if members else frozenset())


def _summary(part: str, values: Mapping[str, Any], unknown: Sequence[bool]) -> LatencySummary:
    """The percentiles that are marked as unknown are those of an older point in its place, if anything."""
    p50_s, p95_s, p99_s = (
        None if missing else float(values[f"{part}_{name}"])
        for name, missing in zip(_MARKS, unknown, strict=True)
    )
    return LatencySummary(
        count=values[f"{part}_count"],
        total_s=float(values[f"{part}_total_s"]),
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        sketch=b64decode(values.get(f"{part}_sketch") or ""),
        slowdown_total=float(values[f"{part}_slowdown_total"]),
        slowdown_count=values[f"{part}_slowdown_count"],
    )


def _int(value: int) -> str:
    return f"{max(-_INT_MAX, min(value, _INT_MAX))}i"


def _float(value: float) -> str:
    """InfluxDB knows neither NaN nor infinity: 0, and the largest number."""
    if math.isnan(value):
        return "0.0"
    return repr(max(-1.7e308, min(float(value), 1.7e308)))


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tag(text: str) -> str:
    """What line protocol cannot carry in a tag, percent-encoded."""
    return _ESCAPED.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), text
    )


def _untag(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogatepass") if "%" in text else text


def _spaced(tag: str) -> str:
    return _SPACED.sub(lambda found: "\\" + found[0], tag)
