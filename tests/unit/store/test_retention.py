from foreroute.core.ports import Record
from foreroute.core.rollup import Tiers
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.retention import SETTLE_S, Retention, keep_house, tiers_at
from foreroute.testing.check_store import a_rollup

HOUR_S, DAY_S = 3600.0, 86400.0


def test_each_form_has_its_own_age() -> None:
    retention = Retention(minutes_s=1.0e6, hours_s=2.0e6, days_s=3.0e6)
    assert tiers_at(retention, 1.0e7) == Tiers(
        pack_at=1.0e7 - SETTLE_S, hours_at=9.0e6, days_at=8.0e6, gone_at=7.0e6
    )


def test_keeping_for_ever_is_a_large_number() -> None:
    ever = tiers_at(Retention(minutes_s=float("inf"), hours_s=1e18, days_s=1e18), 1000.0)
    assert ever == Tiers(pack_at=0.0, hours_at=0.0, days_at=0.0, gone_at=0.0)


async def test_what_is_old_becomes_coarser_and_goes() -> None:
    store = MemoryStore(merge_rollups)
    for hour in range(0, 24 * 8, 2):
        await store.rollups.append([a_rollup(at=hour * HOUR_S)])
        await store.records.append([Record(kind="k", id=str(hour), at=hour * HOUR_S, body=b"{}")])
    retention = Retention(minutes_s=DAY_S, hours_s=2 * DAY_S, days_s=5 * DAY_S, records_s=7 * DAY_S)
    assert await keep_house(store, retention, 8 * DAY_S) > 0
    found = await store.rollups.read(start_at=0.0, end_at=1e12)
    assert [(r.window_start / DAY_S, r.window_s) for r in found if r.window_s == DAY_S] == [
        (day, DAY_S) for day in (3, 4, 5)
    ]
    assert [r.window_s for r in found if r.window_start >= 6 * DAY_S] == [HOUR_S] * 12 + [60.0] * 12
    assert len(await store.records.read("k")) == 7 * 12
    assert await keep_house(store, retention, 8 * DAY_S) == 0
