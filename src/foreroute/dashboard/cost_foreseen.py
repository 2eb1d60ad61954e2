"""The newest forecasts of the channels' latencies, as the loop has written them down, beside what was seen of late."""

import math
from typing import Final

from foreroute.control.ahead import Ahead, Course, course, level_of
from foreroute.control.forecast_log import FORECAST, Said, opened
from foreroute.core.findings import WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.ports import RecordStore
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series, value_of
from foreroute.dashboard.cost_market import MarketSources

_FRESH_S: Final = 900.0
_SPAN_S: Final = 3600.0
_COVERAGE: Final = 0.8
_MINUTE_S: Final = 60.0


async def foreseen(
    records: RecordStore, sources: MarketSources, at: float, *, horizon_s: float
) -> Ahead | None:
    """None without a forecast of the last quarter of an hour: then latency is what was seen. Raises StoreError."""
    said = opened(await records.read(FORECAST, since_at=at - _FRESH_S, limit=1))
    if not said:
        return None
    newest = said[-1]
    rollups = await sources.rollups.read(start_at=newest.at - _SPAN_S, end_at=newest.at)
    metrics = {
        target.channel: objective.metric
        for name, route in sources.routes.items()
        if (objective := sources.objectives.get(name)) is not None
        for target in route.targets
    }
    found = {
        channel: one
        for channel, metric in metrics.items()
        if (one := _course(newest, channel, metric, rollups, horizon_s)) is not None
    }
    return Ahead(at=at, courses=found)


def _course(
    said: Said, channel: ChannelId, metric: Metric, rollups: list[Rollup], horizon_s: float
) -> Course | None:
    key = f"{channel}/{metric.value}"
    row = next(
        (
            one
            for one in said.rows.get(key, ())
            if one[0] == WindowTarget.MEAN.value and one[1] == horizon_s and None not in one[2:5]
        ),
        None,
    )
    level = level_of(_series(channel, metric, rollups), _SPAN_S)
    if row is None or level is None:
        return None
    return course(level, row[2], row[3], row[4], coverage=_COVERAGE, model=said.models.get(key, "forecast"))


def _series(channel: ChannelId, metric: Metric, rollups: list[Rollup]) -> Series:
    """Only for its level: gaps are left out."""
    mine = [one for one in rollups if one.channel == channel and not one.segment]
    pairs = [(value_of(one, metric), float(one.attempts)) for one in mine]
    known = [pair for pair in pairs if math.isfinite(pair[0])]
    return Series(
        channel=channel,
        metric=metric,
        start_at=0.0,
        step_s=_MINUTE_S,
        values=tuple(value for value, _ in known),
        counts=tuple(count for _, count in known),
    )
