"""Restarts in the middle of a minute and clocks that are set: each attempt is in the rollups once, and in the ledger once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry
from foreroute.monitor.fold import Folder, merge_rollups
from foreroute.monitor.segments import Segments
from foreroute.store.retention import Retention, keep_house
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import an_attempt

HOUR_S, DAY_S = 3600.0, 86400.0
START_AT = 1_772_442_000.0
NAMES = [ChannelId("a"), ChannelId("b")]
OPEN_S = 900.0


@dataclass
class Run:
    """One life of a service: folds, stores and keeps house at each tick, by whatever its clock says."""

    store: SqliteStore
    source: str
    retention: Retention

    def __post_init__(self) -> None:
        self.fold = Folder(window_s=60.0, source=self.source, segments=Segments(["route"]))
        self.number = 0

    async def tick(self, at: float, per_second: int = 1) -> int:
        """A minute that ended at `at`, with attempts in every second of it. Returns how many."""
        attempts = [self._attempt(at - 60.0 + n / per_second) for n in range(60 * per_second)]
        await self._take(attempts)
        self.fold.forget(at - OPEN_S)
        while await keep_house(self.store, self.retention, at):
            pass
        return len(attempts)

    async def part(self, at: float, seconds: int) -> int:
        """The beginning of a minute, stored at once: what a shutdown does."""
        attempts = [self._attempt(at + n) for n in range(seconds)]
        await self._take(attempts)
        return len(attempts)

    async def _take(self, attempts: Sequence[Attempt]) -> None:
        self.fold.add(attempts)
        rows = [
            LedgerEntry(attempt=one, cost_usd=one.cost_usd or Decimal(0), price_source="config")
            for one in attempts
        ]
        changed = self.fold.changed()
        await self.store.append(rows, changed)
        await self.store.append(rows, changed)  # an answer that was lost: it is offered again

    def _attempt(self, ended_at: float) -> Attempt:
        self.number += 1
        name = f"{self.source}-{self.number}"
        return an_attempt(request=name, channel=NAMES[self.number % 2], at=ended_at - 1.25)


async def books(store: SqliteStore) -> tuple[int, int, int]:
    """Attempts by the channels' rollups, by those of the only route, and by the ledger."""
    whole = await store.rollups.read(start_at=0.0, end_at=1e12)
    parts = await store.rollups.read(start_at=0.0, end_at=1e12, segment="route=chat")
    spends = (await store.ledger.spend(start_at=0.0, end_at=1e12)).values()
    return (
        sum(one.attempts for one in whole),
        sum(one.attempts for one in parts),
        sum(spend.attempts for spend in spends),
    )


@pytest.fixture(params=["kept long", "kept short"])
def retention(request: pytest.FixtureRequest) -> Retention:
    """Kept short, every minute of the test becomes an hour or a day while the test runs."""
    if request.param == "kept long":
        return Retention()
    return Retention(minutes_s=3 * HOUR_S, hours_s=1.5 * DAY_S, days_s=1e9)


async def test_a_restart_in_the_middle_of_a_minute(tmp_path: Path, retention: Retention) -> None:
    store, total = await SqliteStore.open(tmp_path / "s.db", merge_rollups), 0
    for life in range(6):
        run = Run(store, f"run-{life}", retention)
        at = START_AT + 60.0 * (life + 1)
        total += await run.tick(at)
        total += await run.part(at, 20)
    assert await books(store) == (total, total, total)
    minutes = await store.rollups.read(start_at=START_AT + 60.0, end_at=START_AT + 120.0)
    assert sum(one.attempts for one in minutes) == 80, "two lives of the same minute add up"
    await store.close()


@pytest.mark.parametrize("step_s", [-HOUR_S, DAY_S, -90.0, 12 * DAY_S])
async def test_a_clock_that_is_set(tmp_path: Path, retention: Retention, step_s: float) -> None:
    store, total = await SqliteStore.open(tmp_path / "s.db", merge_rollups), 0
    run, at = Run(store, "run-1", retention), START_AT
    for _ in range(70):
        at += 60.0
        total += await run.tick(at)
    for _ in range(70):
        total += await run.part(at + step_s - 60.0, 20)  # and the same minute again, with more in it
        total += await run.tick(at + step_s)
        at += 60.0
    for _ in range(10):  # and set right again
        total += await run.tick(at)
        at += 60.0
    assert await books(store) == (total, total, total)
    again = Run(store, "run-2", retention)
    for _ in range(5):
        total += await again.tick(at + step_s)
        at += 60.0
    assert await books(store) == (total, total, total)
    windows = await store.rollups.read(start_at=0.0, end_at=1e12, channels=NAMES[:1])
    ends = [one.window_start + one.window_s for one in windows]
    assert all(end <= one.window_start for end, one in zip(ends, windows[1:], strict=False)), "none overlap"
    await store.close()
