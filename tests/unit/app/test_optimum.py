"""The optimum beside the tick: when it is made, where it is solved, and what is said without its solver."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from importlib import util
from typing import Any

import pytest

from foreroute.app.grouping import run_any
from foreroute.app.optimum import SteeringOptimum, build_optimum, left_of, solved_at_once
from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.control.ahead import Ahead
from foreroute.core.errors import MissingExtra
from foreroute.core.findings import BudgetStatus
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry
from foreroute.core.optimum import Aims
from foreroute.core.ports import Store
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.settings import Settings
from foreroute.settings.optimum import OptimumSettings
from foreroute.simulate.world_schema import WorldSpec
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_attempt

AT = 1_772_442_000.0


class OtherFits:
    def __init__(self) -> None:
        self.adopted: list[Any] = []

    async def start(self) -> None: ...

    async def due(self, at: float) -> Sequence[Any]:
        return ["other"]

    async def adopt(self, result: Any, at: float) -> None:
        self.adopted.append(result)


def settings(*, enabled: bool = True) -> Settings:
    channels = [
        {
            "id": name,
            "provider": "p",
            "region": "r",
            "model": "m",
            "first_chunk": "300ms",
            "per_token": "1ms",
            "price": {"input_usd_per_mtok": price, "output_usd_per_mtok": price},
        }
        for name, price in (("dear", 10), ("cheap", 1))
    ]
    made = settings_of(WorldSpec.model_validate({"channels": channels}))
    cost = made.cost.model_copy(update={"optimum": OptimumSettings(enabled=enabled)})
    return made.model_copy(update={"cost": cost})


def built(store: Store, fits: OtherFits, made: Settings) -> SteeringOptimum | None:
    return build_optimum(made, build_plane(made, AT), store, prices=None, fits=fits)


async def served() -> MemoryStore:
    store = MemoryStore(merge_rollups)
    attempts = [
        replace(
            an_attempt(request=f"r{n}", channel=ChannelId(("dear", "cheap")[n % 2]), at=AT - 600.0 + n),
            hedge=False,
        )
        for n in range(300)
    ]
    entries = [LedgerEntry(attempt=one, cost_usd=None, price_source="unpriced") for one in attempts]
    await store.append(entries, fold(attempts, window_s=60.0, source="t"))
    return store


async def test_it_is_made_every_so_often_and_solved_where_models_are_fitted() -> None:
    fits = OtherFits()
    stage = built(await served(), fits, settings())
    assert stage is not None
    await stage.look(Ahead(at=AT), [])
    other, job = await stage.due(AT)
    assert other == "other"
    assert await stage.due(AT) == ["other"]
    assert stage.newest() is None
    solved = run_any(job)
    await stage.adopt(solved, AT + 60.0)
    await stage.adopt("model", AT + 60.0)
    assert fits.adopted == ["model"]
    newest = stage.newest()
    assert newest is not None
    assert newest.solved_at == AT
    [aim] = newest.routes.values()
    assert aim.shares == {"cheap": pytest.approx(1.0)}
    await stage.look(Ahead(at=AT + 60.0), [])
    assert await stage.due(AT + 60.0) == ["other"]
    await stage.look(Ahead(at=AT + 300.0), [])
    assert len(await stage.due(AT + 300.0)) == 2


async def test_a_late_answer_does_not_take_the_place_of_a_newer_one() -> None:
    stage = built(await served(), OtherFits(), settings())
    assert stage is not None
    newer, older = Aims(solved_at=AT, feasible=True), Aims(solved_at=AT - 300.0, feasible=True)
    await stage.adopt(newer, AT)
    await stage.adopt(older, AT)
    assert stage.newest() is newer


async def test_where_there_is_no_pool_it_is_solved_at_once() -> None:
    stage = built(await served(), OtherFits(), settings())
    assert stage is not None
    solved_at_once(stage)
    await stage.look(Ahead(at=AT), [])
    assert stage.newest() is not None


async def test_without_traffic_there_is_nothing_to_solve() -> None:
    stage = built(MemoryStore(merge_rollups), OtherFits(), settings())
    assert stage is not None
    await stage.look(Ahead(at=AT), [])
    assert await stage.due(AT) == ["other"]


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert built(MemoryStore(merge_rollups), OtherFits(), settings(enabled=False)) is None


def test_without_the_solver_the_start_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "scipy" else found(name))
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[cost\]'"):
        built(MemoryStore(merge_rollups), OtherFits(), settings())


def test_what_the_budgets_leave_is_an_hour_of_the_tightest() -> None:
    def budget(limit: int, spent: int) -> BudgetStatus:
        return BudgetStatus(
            name="b",
            period_start_at=0.0,
            period_end_at=36_000.0,
            limit_usd=Decimal(limit),
            spent_usd=Decimal(spent),
            projected_usd=Decimal(0),
            projected_lower_usd=Decimal(0),
            projected_upper_usd=Decimal(0),
        )

    assert left_of([], 0.0) is None
    assert left_of([budget(100, 50), budget(100, 80)], 0.0) == pytest.approx(2.0)
    assert left_of([budget(1, 5)], 0.0) == 0.0
