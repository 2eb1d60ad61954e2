"""The journal of forecasts: what was said at each tick about what may move shares, and what came of it.

One `forecast` record a tick, named by its origin. Outcomes are not stored with it: they are the stored minutes.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Record
from foreroute.core.series import Metric, Series

FORECAST: Final = "forecast"
_DIGITS: Final = 6
_Key = tuple[ChannelId, Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One forecast of one number beside its outcome; `last` is the value at the origin, what the naive forecast says.

    NaN where nothing was measured.
    """

    issued_at: float
    horizon_s: float
    target: WindowTarget
    value: float
    lower80: float
    upper80: float
    outcome: float
    last: float
    floor_ratio: float = math.nan
    """The mean relative error that nobody could have beaten."""
    model: str = ""

    @property
    def is_inside(self) -> bool:
        return self.lower80 <= self.outcome <= self.upper80


def forecast_record(at: float, forecasts: Mapping[_Key, Forecast], keys: Sequence[_Key]) -> Record | None:
    """What is said at this origin about these series; None if that is nothing."""
    said = {
        _name(key): [_numbers(window) for window in forecast.windows]
        for key in keys
        if (forecast := forecasts.get(key)) is not None and forecast.windows
    }
    if not said:
        return None
    models = {name: forecasts[key].model for key in keys if (name := _name(key)) in said}
    body = orjson.dumps({"origin_at": at, "said": said, "models": models})
    return Record(kind=FORECAST, id=f"{at:.0f}", at=at, body=body)


@dataclass(frozen=True, slots=True)
class Said:
    """One record, opened: by series, rows of target, horizon, value, 80 % interval and floor; and who said it."""

    at: float
    rows: Mapping[str, Sequence[Sequence[Any]]]
    models: Mapping[str, str]


def opened(records: Iterable[Record]) -> list[Said]:
    """Once for all series: a record holds them all."""
    bodies = ((record.at, orjson.loads(record.body)) for record in records)
    return [Said(at, body["said"], body.get("models", {})) for at, body in bodies]


def graded(journal: Sequence[Said], series: Series) -> Iterator[Graded]:
    """What was said about this series beside what it became, by origin; what is not due yet is left out."""
    key = _name((series.channel, series.metric))
    for one in journal:
        for target, horizon_s, value, lower, upper, *more in one.rows.get(key, ()):
            if one.at + horizon_s <= series.end_at:
                yield Graded(
                    issued_at=one.at,
                    horizon_s=horizon_s,
                    target=WindowTarget(target),
                    value=_number(value),
                    lower80=_number(lower),
                    upper80=_number(upper),
                    outcome=_outcome(series, one.at, horizon_s, WindowTarget(target)),
                    last=_at(series, one.at),
                    floor_ratio=_number(more[0] if more else None),
                    model=one.models.get(key, ""),
                )


def _name(key: _Key) -> str:
    return f"{key[0]}/{key[1].value}"


def _numbers(window: WindowForecast) -> list[object]:
    numbers = (window.value, window.lower80, window.upper80, window.floor_ratio)
    return [window.target.value, window.horizon_s, *(round(number, _DIGITS) for number in numbers)]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _outcome(series: Series, origin_at: float, horizon_s: float, target: WindowTarget) -> float:
    if target is WindowTarget.POINT:
        return _at(series, origin_at + horizon_s)
    first = _index(series, origin_at) + 1
    last = _index(series, origin_at + horizon_s) + 1
    counts = series.counts or (1.0,) * len(series.values)
    known = [
        (value, count or 1.0)
        for value, count in zip(
            series.values[max(0, first) : last], counts[max(0, first) : last], strict=True
        )
        if math.isfinite(value)
    ]
    total = sum(count for _, count in known)
    return sum(value * count for value, count in known) / total if total and first >= 0 else math.nan


def _at(series: Series, end_at: float) -> float:
    """The value of the window that ends then."""
    index = _index(series, end_at)
    return series.values[index] if 0 <= index < len(series.values) else math.nan


def _index(series: Series, end_at: float) -> int:
    return round((end_at - series.start_at) / series.step_s) - 1
