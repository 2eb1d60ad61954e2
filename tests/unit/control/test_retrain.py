"""Retraining from a store: what is read, fitted, promoted, stored and taken up again."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.unit.forecast.pools import Average, Averages, Counting

from foreroute.control.retrain import Retraining, RetrainSettings, libraries_of, read_series, serving_model
from foreroute.core.errors import TooLittleHistory
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric
from foreroute.forecast.challenge import Challenge, ChallengeSettings, Verdict
from foreroute.forecast.experts import Experts, ExpertSettings, FittedSeries, SeriesFit, run_job
from foreroute.forecast.model_folder import ModelFolder
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore

P95 = Metric.FIRST_CHUNK_P95
A, B = ChannelId("a"), ChannelId("b")
AT = 60.0 * 20_000
HOUR = 3600.0
SETTINGS = RetrainSettings(
    history_s=20 * HOUR,
    series_history_s=2 * HOUR,
    history_min_s=10 * HOUR,
    challenge=ChallengeSettings(held_out_s=4 * HOUR, origins_max=200),
)
METRICS = {A: (P95,), B: (P95,)}


def minutes(channel: ChannelId, count: int, *, end_at: float = AT, seed: int = 1) -> list[Rollup]:
    rng = Random(seed)
    return [
        Rollup(
            channel=channel,
            window_start=end_at - 60.0 * (count - number),
            source="test",
            attempts=5,
            successes=5,
            first_chunk=LatencySummary(count=5, p95_s=0.3 * math.exp(0.2 * rng.gauss(0.0, 1.0))),
        )
        for number in range(count)
    ]


class House:
    def __init__(self, folder: Path, *, average: Averages | None = None) -> None:
        self.store = MemoryStore(merge_rollups)
        self.average, self.counting = average or Averages(), Counting()
        self.experts = Experts(ExpertSettings(), [self.counting], [self.average])
        self.folder = ModelFolder(folder)
        self.retraining = Retraining(SETTINGS, self.experts, self.folder, self.store.rollups)

    async def fill(self, *rollups: Sequence[Rollup]) -> None:
        for some in rollups:
            await self.store.rollups.append(some)

    async def round(self, at: float = AT, drifted=()) -> list[object]:
        """Everything that is due, run here and adopted."""
        results: list[object] = []
        for job in await self.retraining.due(at, METRICS, drifted):
            result = run_job(job)
            results.append(result)
            await self.retraining.adopt(result, at)
        return results

    def serving(self) -> int | None:
        manifest = serving_model(self.folder, self.average, P95).manifest
        return None if manifest is None else manifest.version


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models")


async def test_what_is_due_is_fitted_from_the_store_and_a_better_one_is_stored(house: House) -> None:
    await house.fill(minutes(A, 1000), minutes(B, 900, seed=2))
    jobs = await house.retraining.due(AT, METRICS)
    singles = [job for job in jobs if isinstance(job, SeriesFit)]
    (challenge,) = (job for job in jobs if isinstance(job, Challenge))
    assert {job.series.channel for job in singles} == {A, B}
    assert all(len(job.series.values) == 120 and job.series.end_at == AT for job in singles)
    assert [len(one.values) for one in challenge.series] == [1000, 900]
    assert challenge.champion is None
    result = run_job(challenge)
    assert isinstance(result, Verdict)
    stored = await house.retraining.adopt(result, AT)
    assert stored is not None
    assert (stored.version, stored.created_at, stored.series) == (1, AT, ("a", "b"))
    assert stored.libraries.keys() == {"foreroute", "numpy", "pydantic"}
    assert house.serving() == 1
    assert await house.retraining.due(AT + 60.0, METRICS) == []


async def test_a_worse_one_leaves_the_champion_alone(house: House) -> None:
    await house.fill(minutes(A, 1000))
    await house.round()
    house.average.window = 2
    await house.fill(minutes(A, 1000, end_at=AT + 25 * HOUR, seed=3))
    (verdict,) = (one for one in await house.round(AT + 25 * HOUR) if isinstance(one, Verdict))
    assert not verdict.is_promoted
    assert verdict.held_out.champion is not None
    assert house.serving() == 1


async def test_nothing_is_learnt_twice_from_the_same(house: House) -> None:
    await house.fill(minutes(A, 1000))
    assert len(await house.round()) == 2
    assert await house.round(AT + 25 * HOUR) == []


async def test_a_drift_asks_for_a_new_fit_after_an_hour_if_there_is_news(house: House) -> None:
    await house.fill(minutes(A, 1000))
    await house.round()
    await house.fill(minutes(A, 90, end_at=AT + 1.5 * HOUR, seed=5))
    assert await house.round(AT + 0.5 * HOUR, drifted=[(A, P95)]) == []
    results = await house.round(AT + 1.5 * HOUR, drifted=[(A, P95)])
    assert [type(one) for one in results] == [FittedSeries, Verdict]


async def test_a_young_store_makes_no_model_of_all_series(house: House) -> None:
    await house.fill(minutes(A, 300))
    assert [type(job) for job in await house.retraining.due(AT, METRICS)] == [SeriesFit]
    assert await House(Path("unused")).retraining.due(AT, METRICS) == []


async def test_a_restart_takes_up_what_is_stored_and_passes_over_what_is_damaged(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await house.fill(minutes(A, 1000))
    await house.round()
    manifest = serving_model(house.folder, house.average, P95).manifest
    assert manifest is not None
    house.folder.save(manifest, {"average.json": b"?"})
    again = House(tmp_path / "models")
    await again.retraining.start([P95])
    assert again.experts.pool("average", P95) == Average()
    assert [record.__dict__["why"] for record in caplog.records if record.msg == "model_refused"] == [
        "version 2: no average"
    ]


async def test_after_a_rollback_the_one_before_is_taken_up_at_the_next_retraining(house: House) -> None:
    await house.fill(minutes(A, 1000))
    await house.round()
    house.folder.rollback("average", "first_chunk_p95")
    await house.fill(minutes(A, 1000, end_at=AT + 25 * HOUR, seed=3))
    jobs = await house.retraining.due(AT + 25 * HOUR, METRICS)
    assert house.experts.pool("average", P95) is None
    (challenge,) = (job for job in jobs if isinstance(job, Challenge))
    assert challenge.champion is None


async def test_a_series_begins_with_its_first_minute() -> None:
    store = MemoryStore(merge_rollups)
    await store.rollups.append([*minutes(A, 3), *minutes(B, 1)])
    found = await read_series(store.rollups, A, P95, AT - HOUR, AT, 60.0)
    assert (found.start_at, len(found.values), found.end_at) == (AT - 180.0, 3, AT)
    nothing = await read_series(store.rollups, ChannelId("c"), P95, AT - HOUR, AT, 60.0)
    assert (nothing.values, nothing.end_at) == ((), AT)


async def test_hours_that_were_minutes_are_no_values_of_a_minute() -> None:
    store = MemoryStore(merge_rollups)
    (old,) = minutes(A, 1, end_at=AT - 2 * HOUR)
    await store.rollups.append([replace(old, window_s=3600.0), *minutes(A, 3)])
    found = await read_series(store.rollups, A, P95, AT - 6 * HOUR, AT, 60.0)
    assert (found.start_at, len(found.values)) == (AT - 180.0, 3)


def test_libraries_that_are_not_there_are_unknown() -> None:
    assert libraries_of(Averages(libraries=("no-such-library",)))["no-such-library"] == "unknown"


async def test_too_little_history_is_said_by_the_fit() -> None:
    with pytest.raises(TooLittleHistory):
        await asyncio.to_thread(run_job, Challenge(Averages(history_min=10**6), ()))
