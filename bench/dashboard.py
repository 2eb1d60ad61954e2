"""The dashboard under a thousand channels: how long an answer about forecasts takes over HTTP.

`make bench NAME=dashboard`; `--quick` asks less often. Server and client share a process, so times are upper bounds.
"""

import asyncio
import time
from typing import Final

import httpx
import numpy as np

from bench.report import Row
from foreroute.control.observe import Observed
from foreroute.control.state import Board, ChannelView
from foreroute.core.channel import Channel, Health
from foreroute.core.decision import Autopilot
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric, Series
from foreroute.dashboard.routes import Dashboard
from foreroute.dashboard.sources import Sources
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore

_CHANNELS: Final = 1000
_LEVELS: Final = {
    Metric.FIRST_CHUNK_P95: 0.6,
    Metric.FIRST_CHUNK_SLOWDOWN: 1.0,
    Metric.LATENCY_SLOWDOWN: 1.0,
    Metric.FAILURE_RATIO: 0.01,
    Metric.ATTEMPTS: 40.0,
    Metric.COST_USD: 0.02,
}
_MINUTES: Final = 90
"""Until forecasts of both horizons are graded."""
_CHAT: Final = RouteName("chat")
_P95: Final = Metric.FIRST_CHUNK_P95


def run(*, quick: bool) -> list[Row]:
    return asyncio.run(_measured(10 if quick else 60))


async def _measured(times: int) -> list[Row]:
    engine, store = ForecastEngine(ForecastSettings()), MemoryStore(merge_rollups)
    boards = {"now": _board(engine, _MINUTES)}
    dashboard = Dashboard(
        Sources(
            board=lambda: boards["now"],
            controls=_Nobody(),
            ledger=store.ledger,
            records=store.records,
            past_predictions=engine.past_predictions,
            windows=engine.windows,
            standings=engine.standings,
            period_start=lambda at: at,
            clock=_StillClock(),
        )
    )
    paths = {
        "all": ("/api/forecasts", "what is expected of 1,000 channels, in short"),
        "one": (f"/api/forecasts?channel=c{_CHANNELS - 1}", "one channel's forecasts in full, 6 metrics"),
        "metric": (
            f"/api/forecasts?channel=c{_CHANNELS // 2}&metric={_P95}",
            "one channel's forecast of one metric",
        ),
        "detail": (f"/api/channels/c{_CHANNELS // 3}", "all about one channel, as the page asks"),
    }
    how = f"dashboard: {_CHANNELS} channels × {len(_LEVELS)} metrics after {_MINUTES} minutes; median of {times} requests."
    rows = []
    async with await serve_asgi(dashboard.app) as server, httpx.AsyncClient(base_url=server.url) as client:
        for name, (path, what) in paths.items():
            took = [await _ask(client, path) for _ in range(times)]
            value = float(np.median(took))
            rows.append(Row(id=f"dashboard.{name}_ms", what=what, value=value, unit="ms", target="< 50",
                            holds=value < 50.0, how=how))  # fmt: skip
    return rows


async def _ask(client: httpx.AsyncClient, path: str) -> float:
    started = time.perf_counter()
    answer = await client.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - started) * 1000.0


def _board(engine: ForecastEngine, minutes: int) -> Board:
    """After so many minutes of traffic, the first of which the engine plays through."""
    rng = np.random.default_rng(3)
    series = {
        (ChannelId(f"c{number}"), metric): Series(
            channel=ChannelId(f"c{number}"),
            metric=metric,
            start_at=0.0,
            step_s=60.0,
            values=tuple((level * rng.lognormal(0.0, 0.15, _MINUTES + 1))[:minutes].tolist()),
            counts=(40.0,) * minutes,
        )
        for number in range(_CHANNELS)
        for metric, level in _LEVELS.items()
    }
    forecasts = engine.update(list(series.values()))
    channels = tuple(_channel(name) for name, metric in series if metric is _P95)
    route = Route(
        name=_CHAT, targets=tuple(Target(channel=one.id, weight=1.0 / _CHANNELS) for one in channels)
    )
    plan = RoutingPlan(version=1, made_at=0.0, valid_until=1e9, routes={_CHAT: route})
    seen = ChannelView(
        health=Health.GOOD, now_s=0.6, failure_ratio=0.01, attempts_per_minute=40.0, why=None, why_at=None
    )
    return Board(
        at=60.0 * minutes,
        ticks=minutes,
        tick_s=60.0,
        started_at=0.0,
        autopilot=Autopilot.ACT,
        kill_switch=False,
        channels=channels,
        configured=plan,
        plan=plan,
        objectives={_CHAT: Objective(metric=_P95, limit_s=0.9)},
        views={one.id: seen for one in channels},
        findings=Findings(
            forecasts=forecasts, skills=engine.skills([key for key in series if key[1] is _P95])
        ),
        total=Observed(now_s=0.6, failure_ratio=0.01, judged=240, attempts_per_minute=80.0),
        series={name: one for (name, metric), one in series.items() if metric is _P95},
    )


def _channel(name: ChannelId) -> Channel:
    return Channel(
        id=name, provider="openai", cloud="c", region=RegionId("r"), model="m", base_url="http://x"
    )


class _Nobody:
    async def set_autopilot(self, mode: Autopilot, *, force: bool = False, why: str = "") -> None: ...

    async def kill_switch(self, *, on: bool) -> None: ...

    async def undo(self) -> bool:
        return False


class _StillClock:
    def now(self) -> float:
        return 60.0 * (_MINUTES + 1)

    async def sleep_until(self, at: float) -> None: ...
