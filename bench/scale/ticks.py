"""The control loop's whole tick for many channels, with its store in a file: processor time, memory, bytes on disk."""

import asyncio
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.report import Row
from foreroute.app.control_plane import open_store
from foreroute.app.data_plane import build_data_plane
from foreroute.app.stages import build_stages, guardrails, loop_settings
from foreroute.control.controls import Steering
from foreroute.control.loop import ControlLoop
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.settings import Settings, parse_settings
from foreroute.settings.convert import objectives_of
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual

_EPOCH_AT: Final = 1_772_442_000.0
_MINUTE_S: Final = 60.0
_A_MINUTE: Final = 3
"""Attempts of each channel: enough that every one has a value, few enough that the channels are what costs."""
_TO_A_ROUTE: Final = 10
_WARM, _WARM_QUICK = 35, 20
_COUNTED, _COUNTED_QUICK = 10, 5
_HOW: Final = (
    f"tick: the real loop on virtual time, routes of {_TO_A_ROUTE} channels, {_A_MINUTE} attempts a channel and minute, everything a "
    "fresh configuration has switched on, SQLite in a file; each size in a process of its own. CPU of a minute with all that is "
    "collected, folded, priced, stored, forecast, detected, decided and recorded in it, the median of the minutes after the warm-up "
    "and the largest; memory is the process's peak less what it was before the first minute; disk the growth of the last minutes."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size. Seconds, bytes."""

    cpu_s: tuple[float, ...]
    """Of each counted minute."""
    memory: int
    disk_a_minute: float


def rows(sizes: Sequence[int], *, quick: bool) -> list[Row]:
    return [row for size in sizes for row in _rows(size, _apart(size, quick=quick))]


def _apart(channels: int, *, quick: bool) -> Cost:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, channels, quick).result()


def _rows(channels: int, cost: Cost) -> list[Row]:
    usual_s, most_s = statistics.median(cost.cpu_s), max(cost.cpu_s)
    return [
        Row(
            id=f"scale.tick_cpu_ms.{channels}",
            what=f"CPU of a whole minute of the loop, {channels:,} channels",
            value=usual_s * 1000.0,
            unit="ms",
            baseline=f"{usual_s / channels * 1e6:.0f} µs a channel; most {most_s * 1000:.0f} ms",
            how=_HOW,
        ),
        Row(
            id=f"scale.memory_kb_per_channel.{channels}",
            what=f"memory of the loop a channel, {channels:,} channels",
            value=cost.memory / channels / 1000.0,
            unit="kB",
            how=_HOW,
        ),
        Row(
            id=f"scale.disk_mb_per_channel_day.{channels}",
            what=f"what a channel's day adds to the file before it is packed, {channels:,} channels",
            value=cost.disk_a_minute / channels * 1440.0 / 1e6,
            unit="MB",
            how=_HOW,
        ),
    ]


def _measure(channels: int, quick: bool) -> Cost:
    with tempfile.TemporaryDirectory(prefix="foreroute-bench-") as folder:
        return run_virtual(lambda loop: _minutes(loop, channels, Path(folder) / "store.db", quick=quick))


async def _minutes(loop: VirtualTimeLoop, channels: int, path: Path, *, quick: bool) -> Cost:
    settings, clock = _settings(channels, path), LoopClock(loop, epoch_at=_EPOCH_AT)
    warm, counted = (_WARM_QUICK, _COUNTED_QUICK) if quick else (_WARM, _COUNTED)
    data = build_data_plane(settings, clock=clock, rng=Random(0))
    store = await open_store(settings)
    control = ControlLoop(
        loop_settings(settings),
        guardrails(settings),
        build_stages(settings, data, store, source="bench"),
        clock=clock,
        steering=Steering(autopilot=settings.autopilot),
        configured=data.configured,
        objectives=objectives_of(settings),
    )
    try:
        await control.start()
        rng, took, sizes, before = Random(3), [], [], _resident()
        for minute in range(warm + counted):
            for attempt in _attempts(channels, _EPOCH_AT + _MINUTE_S * minute, rng):
                data.intake.record(attempt)
            await asyncio.sleep(_MINUTE_S)
            began = time.process_time()
            await control.tick(_EPOCH_AT + _MINUTE_S * (minute + 1))
            took.append(time.process_time() - began)
            sizes.append(_on_disk(path))
        grown = (sizes[-1] - sizes[warm - 1]) / counted
        return Cost(tuple(took[warm:]), _resident() - before, grown)
    finally:
        await data.gateway.aclose()
        await store.close()


def _resident() -> int:
    """The most that the process has had in memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _on_disk(path: Path) -> int:
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def _settings(channels: int, path: Path) -> Settings:
    made = [
        {
            "id": f"c{number}",
            "provider": "openai",
            "region": f"r{number % 8}",
            "model": "gpt-4o-mini",
            "base_url": "http://127.0.0.1/v1",
        }
        for number in range(channels)
    ]
    routes: list[dict[str, Any]] = [
        {
            "model": f"chat{first}",
            "objective": {"metric": "first_chunk_p95", "limit": "2s"},
            "targets": [{"channel": one["id"], "weight": 1} for one in made[first : first + _TO_A_ROUTE]],
        }
        for first in range(0, channels, _TO_A_ROUTE)
    ]
    document = {
        "autopilot": "act",
        "store": {"kind": "sqlite", "path": str(path)},
        "channels": made,
        "routes": routes,
    }
    return parse_settings(json.dumps(document).encode(), name="bench", environment={})


def _attempts(channels: int, at: float, rng: Random) -> Iterator[Attempt]:
    for number in range(channels):
        for again in range(_A_MINUTE):
            first_s = rng.lognormvariate(-0.7, 0.3)
            yield Attempt(
                request_id=RequestId(f"{at:.0f}-{number}-{again}"),
                number=1,
                channel=ChannelId(f"c{number}"),
                route=RouteName(f"chat{number // _TO_A_ROUTE * _TO_A_ROUTE}"),
                started_at=at + rng.uniform(0.0, 50.0),
                duration_s=4.0 * first_s,
                time_to_first_chunk_s=first_s,
                outcome=Outcome.SUCCESS,
                reason=PickReason.CONFIGURED,
                plan_version=1,
                usage=Usage(input_tokens=400, output_tokens=120),
                stream=True,
            )
