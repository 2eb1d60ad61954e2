"""Virtual keys and the spend of each, in every back end."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, KeyBook, Limits, Role, Team, TeamId, VirtualKey
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import KeyedStore, Record
from foreroute.core.windows import Window
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.rows import LEDGER_COLUMNS, ledger_row
from foreroute.store.sqlite import SqliteStore
from foreroute.store.sqlite_worker import insert
from foreroute.testing.check_store import an_entry

Store = MemoryStore | SqliteStore
MIGRATIONS = resources.files("foreroute.store").joinpath("migrations")
LIMITS = Limits(
    requests_per_minute=60, parallel_max=2, budgets=(Budget(Decimal("9.99"), Window.MONTH, hard=False),)
)
TEAM = Team(id=TeamId("t"), name="Käthe's", models=("gpt-*",), limits=LIMITS, created_at=1.5)
KEY = VirtualKey(
    id=KeyId("k"),
    name="mine",
    salt=b"\x00\xff",
    digest=b"\x80" * 32,
    hint="abcd",
    role=Role.ADMIN,
    models=("a", "b*"),
    team=TEAM.id,
    limits=LIMITS,
    expires_at=9.25,
    tags=("x", "y"),
    disabled=True,
    created_at=2.5,
)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(merge_rollups)
    else:
        opened = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    assert isinstance(opened, KeyedStore)
    yield opened
    await opened.close()


def spent(key: str | None, number: int, *, at: float, cost: str | None) -> LedgerEntry:
    entry = an_entry(1, request=f"{key}-{number}", at=at, cost=cost)
    owner = None if key is None else KeyId(key)
    return replace(entry, attempt=replace(entry.attempt, key_id=owner))


async def test_keys_and_teams_are_kept_with_every_field_and_replaced_by_id(store: Store) -> None:
    assert await store.keys.read() == KeyBook()
    other = replace(KEY, id=KeyId("a"), team=None)
    await store.keys.put(KEY)
    await store.keys.put(other)
    await store.keys.put_team(TEAM)
    assert await store.keys.read() == KeyBook((other, KEY), (TEAM,))
    gone = replace(KEY, deleted_at=7.0, digest=b"", salt=b"")
    await store.keys.put(gone)
    await store.keys.put_team(replace(TEAM, name="new"))
    assert await store.keys.read() == KeyBook((other, gone), (replace(TEAM, name="new"),))


async def test_spend_by_key_is_exact_for_any_window(store: Store) -> None:
    assert dict(await store.key_spend.spend_by_key(start_at=0.0, end_at=1e12)) == {}
    entries = [spent("ab"[n % 2], n, at=n * 3500.0, cost="0.100000000001") for n in range(120)]
    entries += [spent(None, 1, at=50.0, cost="5"), spent("free", 1, at=50.0, cost=None)]
    await store.ledger.append(entries)
    await store.ledger.append(entries[:7])
    for start, end in (
        (0.0, 1e12),
        (0.0, 7200.0),
        (3500.0, 3500.5),
        (0.0, 86_400.0),
        (86_400.0, 172_800.0),
        (3600.0, 3 * 86_400.0 + 7200.0),
        (5000.5, 200_000.7),
        (90_000.0, 170_000.0),
        (86_399.0, 86_401.0),
        (3599.0, 9000.5),
        (7200.0, 3600.0),
        (10.0, 40.0),
    ):
        expected: dict[str, Decimal] = {}
        for entry in entries:
            if (key := entry.attempt.key_id) is not None and start <= entry.attempt.started_at < end:
                expected[key] = expected.get(key, Decimal(0)) + (entry.cost_usd or 0)
        assert dict(await store.key_spend.spend_by_key(start_at=start, end_at=end)) == expected


async def test_spend_by_key_outlives_the_rows(store: Store) -> None:
    await store.ledger.append([spent("k", n, at=n * 1800.0, cost="1") for n in range(10)])
    assert await store.ledger.prune(10_800.0) == 6
    await store.ledger.append([spent("k", 99, at=100.0, cost="0.5")])
    for start, end, usd in (
        (0.0, 18_000.0, "10.5"),
        (3600.0, 7200.0, "2"),
        (0.0, 1e12, "10.5"),
        (3600.0, 14_500.0, "7"),
    ):
        found = await store.key_spend.spend_by_key(start_at=start, end_at=end)
        assert found == {KeyId("k"): Decimal(usd)}, (start, end)


async def test_sums_beyond_64_bits_are_exact(store: Store) -> None:
    large = [spent("k", n, at=n * 3600.0, cost="999999.000000000001") for n in range(20)]
    await store.ledger.append(large)
    found = await store.key_spend.spend_by_key(start_at=0.0, end_at=1e12)
    assert found == {KeyId("k"): Decimal("19999980.000000000020")}


async def test_an_older_file_gets_the_totals_of_what_its_ledger_holds(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    entries = [spent("k", n, at=n * 1800.0, cost="999999.5") for n in range(30)]
    entries.append(spent(None, 1, at=5.0, cost="3"))
    migrations = resources.files("foreroute.store").joinpath("migrations")
    with closing(sqlite3.connect(path)) as db:
        for name in ("0001_first.sql", "0002_ownership.sql"):
            db.executescript((migrations / name).read_text(encoding="utf-8"))
        columns = LEDGER_COLUMNS.removesuffix(", meter")  # of that time
        db.executemany(insert("IGNORE", "ledger", columns), [ledger_row(entry)[:-1] for entry in entries])
        db.execute("PRAGMA user_version = 2")
        db.commit()
    store = await SqliteStore.open(path, merge_rollups)
    expected = {KeyId("k"): Decimal("999999.5") * 30}
    assert await store.key_spend.spend_by_key(start_at=0.0, end_at=1e12) == expected
    await store.ledger.append([spent("k", 99, at=5.0, cost="0.5")])
    assert await store.key_spend.spend_by_key(start_at=0.0, end_at=3600.0) == {
        KeyId("k"): Decimal("1999999.5")
    }
    await store.close()


async def test_a_key_that_cannot_be_read_is_named_rather_than_left_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, merge_rollups)
    await store.keys.put(KEY)
    with closing(sqlite3.connect(path)) as db:
        db.execute('UPDATE virtual_keys SET body = \'{"id":"k"}\'')
        db.commit()
    with pytest.raises(
        StoreCorrupt, match=r"store\.db: what is stored as 'k' cannot be read: name: is missing"
    ):
        await store.keys.read()
    await store.records.append([Record(kind="k", id="1", at=1.0, body=b"{}")])
    await store.close()
