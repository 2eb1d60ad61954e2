"""What only a file can do: be reopened, be damaged, be newer, be killed."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from foreroute.core.errors import StoreCorrupt, StoreUnavailable
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import a_rollup, an_entry


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
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreCorrupt, match="written by a newer one"):
        await SqliteStore.open(path, merge_rollups)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreCorrupt, match=r"store\.db is damaged or not a Foreroute database"):
        await SqliteStore.open(path, merge_rollups)
    assert path.read_bytes().startswith(b"this is not")


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere/store\.db: unable to open"):
        await SqliteStore.open(tmp_path / "nowhere" / "store.db", merge_rollups)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.rollups.append([a_rollup()])


async def test_a_failed_append_leaves_nothing_behind(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    good, bad = an_entry(), an_entry(request="bad")
    object.__setattr__(bad.attempt, "number", object())
    with pytest.raises(StoreUnavailable):
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
