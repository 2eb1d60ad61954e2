"""`foreroute backtest --detect FILE.csv`: how good the anomaly detector is on labelled series of one's own."""

import csv
import itertools
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series

_COLUMNS: Final = ("ts", "series", "value", "label")
Point = tuple[float, float, bool]


def detect(path: Path, *, false_alarms_per_day: float, as_json: bool) -> None:
    """Plays labelled series through the anomaly detector and prints how good its alarms were. Raises CommandError."""
    from foreroute.detect.backtest import backtest  # noqa: PLC0415 - numpy costs every other verb its start
    from foreroute.detect.evaluate import total  # noqa: PLC0415

    series, labels = read_labelled(path)
    found: dict[ChannelId, Any] = {}
    for step_s in sorted({one.step_s for one in series}):
        alike = [one for one in series if one.step_s == step_s]
        found |= backtest(alike, labels, false_alarms_per_day=false_alarms_per_day)
    rows = [_row(name, outcome) for name, outcome in sorted(found.items())]
    whole = _row("all", total(found.values()))
    if as_json:
        print_json({"series": rows, "all": whole})
        return
    shown = table(
        "series", ">events", ">found", ">false alarms", ">a day", ">precision", ">recall", ">F1", ">delay"
    )
    for row in [*rows, whole]:
        delay = "–" if row["delay_s"] is None else f"{row['delay_s'] / 60.0:.1f} min"
        numbers = (_number(row[key]) for key in ("false_alarms_per_day", "precision", "recall", "f1"))
        shown.add_row(
            text(row["series"]),
            str(row["events"]),
            str(row["events_found"]),
            str(row["false_alarms"]),
            *numbers,
            delay,
        )
    console().print(shown)


def read_labelled(path: Path) -> tuple[list[Series], dict[ChannelId, Any]]:
    """Series on the grid of their usual step, and a flag for each value. Raises CommandError naming the line."""
    points: dict[str, list[Point]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise CommandError(
                    f"{path} has no column {', '.join(missing)}",
                    where="--detect",
                    hint="columns: ts,series,value,label",
                )
            for row in reader:
                points.setdefault(row["series"], []).append(_point(row, f"{path}:{reader.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path} cannot be read: {error}", where="--detect") from None
    found = [_gridded(name, one) for name, one in points.items() if len(one) > 1]
    if not found:
        raise CommandError(f"{path} has no series of two values or more", where="--detect")
    return [series for series, _ in found], {series.channel: flags for series, flags in found}


def _point(row: dict[str, str], where: str) -> Point:
    try:
        at = (
            float(row["ts"])
            if row["ts"].replace(".", "", 1).isdigit()
            else datetime.fromisoformat(row["ts"]).timestamp()
        )
        value = float(row["value"]) if row["value"] else math.nan
    except (ValueError, TypeError, AttributeError):
        hint = "ts: 2026-01-31T12:00Z or seconds since 1970; value: a number or nothing; label: 0 or 1"
        raise CommandError("this line cannot be read", where=where, hint=hint) from None
    if row["label"] not in {"0", "1"}:
        raise CommandError(f"the label is {row['label']!r}", where=where, hint="1 for an anomaly, 0 for none")
    return at, value, row["label"] == "1"


def _gridded(name: str, points: Iterable[Point]) -> tuple[Series, Any]:
    import numpy as np  # noqa: PLC0415 - as above

    known = sorted(points)
    apart = [after[0] - before[0] for before, after in itertools.pairwise(known) if after[0] > before[0]]
    if not apart:
        raise CommandError(f"all values of series {name} have the same ts", where="--detect")
    step_s, start_at = float(median(apart)), known[0][0]
    length = round((known[-1][0] - start_at) / step_s) + 1
    values, flags = [math.nan] * length, np.zeros(length, dtype=bool)
    for at, value, label in known:
        place = round((at - start_at) / step_s)
        values[place], flags[place] = value, label
    series = Series(
        channel=ChannelId(name),
        metric=Metric.LATENCY_MEAN,
        start_at=start_at,
        step_s=step_s,
        values=tuple(values),
    )
    return series, flags


def _row(name: str, outcome: Any) -> dict[str, Any]:
    return {
        "series": name,
        "days": outcome.days,
        "events": outcome.events,
        "events_found": outcome.events_found,
        "false_alarms": outcome.false_alarms,
        "false_alarms_per_day": _known(outcome.false_alarms_per_day),
        "precision": _known(outcome.precision),
        "recall": _known(outcome.recall),
        "f1": outcome.f1,
        "point_f1": outcome.point_f1,
        "limited_f1": outcome.limited_f1,
        "false_positive_rate": _known(outcome.false_positive_rate),
        "delay_s": _known(outcome.delay_s),
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
