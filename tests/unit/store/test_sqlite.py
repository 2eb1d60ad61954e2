"""What only a file can do: be reopened, be damaged, be newer, be killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path
from random import Random

import pytest

from foreroute.core.errors import StoreCorrupt, StoreError, StoreUnavailable
from foreroute.core.ports import Record
from foreroute.core.rollup import Tiers
from foreroute.monitor.fold import merge_rollups
from foreroute.store.rows import ROLLUP_COLUMNS, rollup_row
from foreroute.store.sqlite import SqliteStore
from foreroute.store.sqlite_worker import insert
from foreroute.testing.check_store import a_rollup, an_entry

MIGRATIONS = resources.files("foreroute.store").joinpath("migrations")


async def test_reopening_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, merge_rollups)
    await store.rollups.append([a_rollup()])
    await store.ledger.append([an_entry()])
    await store.close()
    again = await SqliteStore.open(path, merge_rollups)
    assert await again.rollups.read(start_at=0.0, end_at=1e12) == [a_rollup()]
    assert await again.ledger.request("q") == [an_entry()]
    await again.close()


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await (await SqliteStore.open(path, merge_rollups)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreCorrupt, match=r"store\.db has schema 99.* written by a newer one"):
        await SqliteStore.open(path, merge_rollups)


async def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"bookmarks\.db is a database of another program"):
        await SqliteStore.open(path, merge_rollups)
    assert path.read_bytes() == before
    assert not path.with_name("bookmarks.db-wal").exists()


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    store = await SqliteStore.open(path, merge_rollups)
    await store.records.append([Record(kind="k", id="1", at=1.0, body=b"{}")])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"Fore", "big"),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_the_first_schema_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((MIGRATIONS / "0001_first.sql").read_text(encoding="utf-8"))
        connection.execute("INSERT INTO records VALUES ('decision', 'd1', 5.0, x'7b7d')")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    store = await SqliteStore.open(path, merge_rollups)
    assert await store.records.read("decision") == [Record(kind="decision", id="d1", at=5.0, body=b"{}")]
    await store.close()


async def test_minutes_of_the_third_schema_stay_what_they_were(tmp_path: Path) -> None:
    path, known = tmp_path / "store.db", [a_rollup(at=60.0 * n, attempts=1 + n) for n in range(500)]
    old = ROLLUP_COLUMNS.removesuffix(", segment, metrics")
    assert old.count(",") == 15
    with closing(sqlite3.connect(path)) as connection:
        for name in ("0001_first.sql", "0002_ownership.sql", "0003_keys.sql"):
            connection.executescript((MIGRATIONS / name).read_text(encoding="utf-8"))
        connection.executemany(insert("IGNORE", "rollups", old), [rollup_row(one)[:16] for one in known])
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
    store = await SqliteStore.open(path, merge_rollups)
    assert await store.rollups.read(start_at=0.0, end_at=1e12) == known
    tiers = Tiers(pack_at=1e6, hours_at=0.0, days_at=0.0, gone_at=0.0)
    while await store.rollups.thin(tiers):
        pass
    assert await store.rollups.read(start_at=0.0, end_at=1e12) == known
    (extent,) = await store.rollups.extents()
    assert (extent.rollups, extent.start_at, extent.end_at) == (500, 0.0, 30_000.0)
    await store.close()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreCorrupt, match=r"store\.db is damaged or not a Foreroute database"):
        await SqliteStore.open(path, merge_rollups)
    assert path.read_bytes().startswith(b"this is not")


async def test_a_damaged_page_is_found_when_the_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, merge_rollups)
    await store.ledger.append([an_entry(request=f"q{n}") for n in range(500)])
    await store.close()
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 24 * 4096] = b"\xff" * (4 * 4096)
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"store\.db is damaged.*Restore it or move it away"):
        await SqliteStore.open(path, merge_rollups)


async def test_a_whole_file_passes_the_check(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    await store.ledger.append([an_entry()])
    await store.check()
    assert await store.ledger.request("q") == [an_entry()]
    await store.close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere/store\.db cannot be opened: is its folder there"):
        await SqliteStore.open(tmp_path / "nowhere" / "store.db", merge_rollups)


async def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await SqliteStore.open(tmp_path, merge_rollups)


async def test_a_full_disk_is_named_and_passes(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    (pages,) = await store._writer.run(lambda db: db.execute("PRAGMA page_count").fetchone())
    await store._writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    many = [an_entry(request=f"q{n}") for n in range(1000)]
    with pytest.raises(StoreUnavailable, match="the disk is full") as caught:
        await store.ledger.append(many)
    assert caught.value.retryable
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
    await store.ledger.append(many)
    assert (await store.ledger.spend(start_at=0.0, end_at=1e12))[many[0].attempt.channel].attempts == 1000
    await store.close()


async def test_another_writer_is_named_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, merge_rollups)
    await store._writer.run(lambda db: db.execute("PRAGMA busy_timeout = 1").fetchall())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            await store.ledger.append([an_entry()])
        assert await store.ledger.request("q") == []
        other.execute("COMMIT")
    await store.ledger.append([an_entry()])
    await store.close()


async def test_two_processes_may_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    one = await SqliteStore.open(path, merge_rollups)
    other = await SqliteStore.open(path, merge_rollups)
    await asyncio.gather(one.ledger.append([an_entry(1)]), other.ledger.append([an_entry(2)]))
    assert await one.ledger.request("q") == await other.ledger.request("q") == [an_entry(1), an_entry(2)]
    await one.close()
    await other.close()


async def test_a_caller_that_gave_up_leaves_the_worker_working(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    waiting = asyncio.create_task(store.ledger.append([an_entry(request="gone")]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await store.ledger.append([an_entry()])
    assert await store.ledger.request("q") == [an_entry()]
    await store.close()


async def test_what_was_asked_before_closing_is_answered(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    appends = [asyncio.create_task(store.ledger.append([an_entry(request=f"q{n}")])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    await asyncio.gather(*appends)
    again = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    assert [len(await again.ledger.request(f"q{n}")) for n in range(50)] == [1] * 50
    await again.close()


async def test_many_old_rows_go_in_parts(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    await store.ledger.append([an_entry(request=f"q{n}") for n in range(4500)])
    pruning = asyncio.create_task(store.ledger.prune(7200.0))
    await store.ledger.append([an_entry(request="new", at=7200.0)])
    assert await pruning == 4500
    assert len(await store.ledger.request("new")) == 1
    await store.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.rollups.append([a_rollup()])


async def test_a_failed_append_leaves_nothing_behind(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    good, bad = an_entry(), an_entry(request="bad")
    object.__setattr__(bad.attempt, "number", object())
    with pytest.raises(StoreError, match="binding"):
        await store.ledger.append([good, bad])
    assert await store.ledger.request("q") == []
    await store.ledger.append([good])
    assert await store.ledger.request("q") == [good]
    await store.close()


async def test_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    writes = [store.ledger.append([an_entry(request=f"q{n}")]) for n in range(200)]
    reads = [store.ledger.spend(start_at=0.0, end_at=1e12) for _ in range(50)]
    await asyncio.gather(*writes, *reads)
    assert sum(s.attempts for s in (await store.ledger.spend(start_at=0.0, end_at=1e12)).values()) == 200
    await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import an_entry

async def main(path, first):
    store = await SqliteStore.open(Path(path), merge_rollups)
    for n in range(first, first + 100000):
        await store.ledger.append([an_entry(request=f"q{n}-{k}", cost="0.01") for k in range(5)])
        print(n, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def kill_writers(path: Path, times: int) -> int:
    """Kills that many writers in the middle of their work; returns how many appends were answered."""
    first, answered = 0, 0
    for _ in range(times):
        command = [sys.executable, "-c", WRITER, str(path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(40):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
        last = int(rest[-1]) if rest else last
        answered += last - first + 1
        first = last + 1000
    return answered


async def test_kill_9_loses_nothing_that_was_answered_and_halves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    answered = await asyncio.to_thread(kill_writers, path, 3)
    store = await SqliteStore.open(path, merge_rollups)
    spend = next(iter((await store.ledger.spend(start_at=0.0, end_at=1e12)).values()))
    await store.close()
    assert spend.attempts >= answered * 5
    assert spend.attempts % 5 == 0
    assert spend.cost_usd * 100 == spend.attempts
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        sums = "SELECT count(*), sum(cost_picousd) FROM ledger"
        totals = "SELECT sum(attempts), sum(cost_picousd) FROM spend_hours"
        assert connection.execute(sums).fetchone() == connection.execute(totals).fetchone()


AGEING_WRITER = """
import asyncio, sys
from pathlib import Path
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Tiers
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import a_rollup, an_entry

NAMES = [ChannelId(f"c{n}") for n in range(12)]

async def main(path, first):
    store = await SqliteStore.open(Path(path), merge_rollups)
    for n in range(first, first + 100000):
        at = n * 1200.0
        minutes = [a_rollup(name, at, attempts=2) for name in NAMES]
        await store.append([an_entry(request=f"q{n}-{k}", at=at) for k in range(24)], minutes)
        await store.append([], minutes[:3])
        tiers = Tiers(pack_at=at - 3600.0, hours_at=at - 20000.0, days_at=at - 60000.0, gone_at=0.0)
        print(n, flush=True)
        await store.rollups.thin(tiers)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_kill_9_while_minutes_become_hours_and_days_loses_and_doubles_none(tmp_path: Path) -> None:
    path, first, kills = tmp_path / "store.db", 0, int(os.environ.get("FOREROUTE_KILLS", "3"))
    rng = Random(1)
    for _ in range(kills):
        first = await asyncio.to_thread(kill_one, path, first, rng.randrange(120, 160))
        store = await SqliteStore.open(path, merge_rollups)
        rollups = await store.rollups.read(start_at=0.0, end_at=1e12)
        (booked,) = (await store.ledger.spend(start_at=0.0, end_at=1e12)).values()
        await store.close()
        assert sum(rollup.attempts for rollup in rollups) == booked.attempts
        assert booked.attempts % 24 == 0
        assert booked.attempts >= first * 24 - 24
    assert {rollup.window_s for rollup in rollups} == {60.0, 3600.0, 86400.0}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def kill_one(path: Path, first: int, rounds: int) -> int:
    """Kills a writer after some rounds; returns where the next one goes on: with what was not answered."""
    command = [sys.executable, "-c", AGEING_WRITER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(rounds):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
    return int(rest[-1]) + 1 if rest else last + 1
