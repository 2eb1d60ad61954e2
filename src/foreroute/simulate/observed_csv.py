"""Requests from a CSV file, one a line, gzipped or not."""

import csv
import gzip
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from foreroute.core.errors import HistoryError
from foreroute.simulate.observed import Observed

_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "ts": ("ts", "timestamp", "time", "started_at"),
    "channel": ("channel", "series", "model"),
    "first_chunk_s": ("first_chunk_s", "ttft_s", "ttft", "time_to_first_chunk_s"),
    "latency_s": ("latency_s", "duration_s", "latency"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "outcome": ("outcome", "success"),
}
_GOOD: Final = frozenset({"success", "succeed", "succeeded", "ok", "true", "1", "200", ""})


def read_observed(path: Path, columns: Mapping[str, str]) -> list[Observed]:
    """By channel. `columns`: where the file calls something otherwise. Raises HistoryError with the line.

    Without a time of any kind, lines tell of traffic alone: their seconds are NaN.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return _read(file, path, columns)
    except FileNotFoundError:
        raise HistoryError("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(f"cannot be read: {error}", where=str(path)) from None


class _Rows:
    """What has been read of one channel."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, float, float]] = []
        self.attempts = self.failures = 0


def _read(file: TextIO, path: Path, columns: Mapping[str, str]) -> list[Observed]:
    lines = csv.DictReader(file)
    names = _names(lines.fieldnames or (), path, columns)
    whole = "first_chunk_s" not in names
    found: dict[str, _Rows] = {}
    for number, line in enumerate(lines, start=2):
        rows = found.setdefault(
            (line[names["channel"]] or path.stem) if "channel" in names else path.stem, _Rows()
        )
        rows.attempts += 1
        if "outcome" in names and str(line[names["outcome"]]).strip().lower() not in _GOOD:
            rows.failures += 1
            continue
        try:
            rows.rows.append(_row(line, names, whole=whole))
        except (ValueError, TypeError) as error:
            raise HistoryError(
                f"cannot be read: {error}",
                where=f"{path}:{number}",
                hint="times in ISO 8601 or seconds since the epoch, durations in seconds, tokens as numbers",
            ) from None
    return [_observed(name, rows, whole=whole) for name, rows in sorted(found.items()) if rows.rows]


def _names(given: Sequence[str], path: Path, columns: Mapping[str, str]) -> dict[str, str]:
    for wanted, column in columns.items():
        if wanted not in _KNOWN:
            raise HistoryError(
                f"there is no {wanted!r}", where="--column", hint=f"one of {', '.join(_KNOWN)}"
            )
        if column not in given:
            raise HistoryError(
                f"there is no column {column!r}", where=str(path), hint=f"it has {', '.join(given)}"
            )
    names = {
        wanted: columns.get(wanted) or next((name for name in usual if name in given), "")
        for wanted, usual in _KNOWN.items()
    }
    names = {wanted: name for wanted, name in names.items() if name}
    if "ts" not in names:
        raise HistoryError(
            "has no column that says when",
            where=str(path),
            hint=f"call it ts, or --column ts=…; it has {', '.join(given)}",
        )
    return names


def _row(
    line: Mapping[str, str], names: Mapping[str, str], *, whole: bool
) -> tuple[float, float, float, float, float]:
    def number(name: str, otherwise: float) -> float:
        value = line[names[name]] if name in names else ""
        return float(value) if value not in ("", None) else otherwise

    at = _instant(line[names["ts"]])
    latency, first = number("latency_s", math.nan), number("first_chunk_s", math.nan)
    seconds = latency if whole else first
    return at, seconds, number("input_tokens", 0.0), number("output_tokens", 0.0), latency - first


def _instant(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _observed(name: str, rows: _Rows, *, whole: bool) -> Observed:
    table = np.array(sorted(rows.rows), dtype=np.float64)
    seconds = table[:, 1]
    chosen = (seconds > 0.0) | np.isnan(seconds)
    table = table[chosen]
    return Observed(
        channel=name,
        at=table[:, 0],
        seconds=table[:, 1],
        input_tokens=table[:, 2],
        output_tokens=table[:, 3],
        weights=np.ones(len(table)),
        body_s=table[:, 4],
        whole=whole,
        attempts=float(rows.attempts),
        failures=float(rows.failures),
    )
