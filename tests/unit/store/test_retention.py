from foreroute.core.ports import Record
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.retention import Cutoffs, Retention, cutoffs, prune
from foreroute.testing.check_store import a_rollup, an_entry


def test_each_kind_has_its_own_age() -> None:
    retention = Retention(rollups_s=100.0, ledger_s=200.0, records_s=300.0)
    assert cutoffs(retention, 1000.0) == Cutoffs(rollups_at=900.0, ledger_at=800.0, records_at=700.0)


def test_keeping_for_ever_is_a_large_number() -> None:
    ever = Retention(rollups_s=float("inf"), ledger_s=1e18, records_s=1e18)
    assert cutoffs(ever, 1000.0) == Cutoffs(rollups_at=0.0, ledger_at=0.0, records_at=0.0)


async def test_what_is_older_goes_from_every_store() -> None:
    store = MemoryStore(merge_rollups)
    for at in (0.0, 7200.0):
        await store.rollups.append([a_rollup(at=at)])
        await store.ledger.append([an_entry(request=f"at {at}", at=at)])
        await store.records.append([Record(kind="k", id=str(at), at=at, body=b"{}")])
    assert await prune(store, Cutoffs(rollups_at=3600.0, ledger_at=3600.0, records_at=3600.0)) == 3
    assert [r.window_start for r in await store.rollups.read(start_at=0.0, end_at=1e12)] == [7200.0]
    assert await store.ledger.request("at 0.0") == []
    assert [r.id for r in await store.records.read("k")] == ["7200.0"]
