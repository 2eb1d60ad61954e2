"""The ledger as reports ask for it, in every back end: the same money as everywhere else, to the last digit."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from pathlib import Path
from random import Random

import pytest

from foreroute.core.attempt import PickReason, Usage
from foreroute.core.ids import ChannelId, KeyId, RequestId
from foreroute.core.keys import TeamId, VirtualKey
from foreroute.core.ledger import Correction, LedgerEntry, Metered, Seller, UsedPrices
from foreroute.core.ports import CostedStore
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.rows import LEDGER_COLUMNS, ledger_row
from foreroute.store.sqlite import SqliteStore
from foreroute.store.sqlite_worker import insert
from foreroute.testing.check_store import an_attempt

Store = MemoryStore | SqliteStore
SELLER = Seller("openai", "azure", "eu-west", "gpt-4o")
USED = UsedPrices(input=Decimal("2.5"), output=Decimal(10), tier="flex", dated="2026-11-02", book="config")
DAY_S = 86_400.0
ALL = (0.0, 10 * DAY_S)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(merge_rollups)
    else:
        opened = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    assert isinstance(opened, CostedStore)
    yield opened
    await opened.close()


def row(n: int, cost: str | None, *, at: float = 100.0, channel: str = "a", **more) -> LedgerEntry:
    usd = None if cost is None else Decimal(cost)
    attempt = replace(
        an_attempt(1, request=f"r{n}", channel=ChannelId(channel), at=at), cost_usd=usd, hedge=False, **more
    )
    source = "unpriced" if usd is None else "config"
    return LedgerEntry(attempt=attempt, cost_usd=usd, price_source=source, seller=SELLER, prices=USED)


def total(cells) -> Metered:
    return sum((cell.metered for cell in cells), Metered())


async def test_a_row_keeps_who_was_called_and_at_which_prices(store):
    await store.ledger.append([row(1, "0.5")])
    assert await store.ledger.request("r1") == [row(1, "0.5")]
    assert await store.costs.rows(start_at=0.0, end_at=1e9, limit=9) == [row(1, "0.5")]


async def test_cells_tell_attempts_apart(store):
    key = VirtualKey(
        id=KeyId("k"),
        name="n",
        salt=b"",
        digest=b"",
        hint="",
        team=TeamId("red"),
        tags=("z", "b"),
        created_at=0.0,
    )
    await store.keys.put(key)
    first = row(1, "0.5", key_id=KeyId("k"))
    hedge = replace(first, attempt=replace(first.attempt, number=2, hedge=True))
    retry = replace(first, attempt=replace(first.attempt, number=3))
    probe = row(2, None, reason=PickReason.PROBE, key_id=None)
    await store.ledger.append([first, hedge, retry, probe])
    cells = await store.costs.cells([ALL])
    assert {cell.group.kind for cell in cells} == {"", "hedge", "retry", "probe"}
    (one,) = [cell for cell in cells if not cell.group.kind]
    group = one.group
    assert (group.provider, group.cloud, group.region, group.model) == (
        "openai",
        "azure",
        "eu-west",
        "gpt-4o",
    )
    assert (group.channel, group.route, group.key) == ("a", "chat", "k")
    assert (group.team, group.tags) == ("red", ("b", "z"))
    assert one.metered.cost_usd == Decimal("0.5")
    assert one.metered.cached_input_tokens == 20
    assert one.metered.reasoning_tokens == 10


async def test_a_group_is_as_it_was_when_the_row_was_written(store):
    key = VirtualKey(id=KeyId("k"), name="n", salt=b"", digest=b"", hint="", tags=("old",), created_at=0.0)
    await store.keys.put(key)
    await store.ledger.append([row(1, None, key_id=KeyId("k"))])
    await store.keys.put(replace(key, tags=("new",)))
    await store.costs.correct(
        [Correction(request_id="r1", number=1, at=5.0, cost_usd=Decimal(1), price_source="config")]
    )
    (cell,) = await store.costs.cells([ALL])
    assert cell.group.tags == ("old",)
    assert (cell.metered.cost_usd, cell.metered.unpriced_attempts) == (Decimal(1), 0)


async def test_the_same_row_twice_counts_once(store):
    await store.ledger.append([row(1, "0.5")])
    await store.ledger.append([row(1, "0.5"), row(2, "0.25")])
    assert total(await store.costs.cells([ALL])).cost_usd == Decimal("0.75")


async def test_windows_are_quarters_of_an_hour(store):
    await store.ledger.append([row(n, "1", at=n * 900.0 - 0.5) for n in (1, 2, 3)])
    cells = await store.costs.cells([(0.0, 900.0), (900.0, 2700.0), (2700.0, 3600.0)])
    assert [(cell.start_at, cell.metered.attempts) for cell in cells] == [(0.0, 1), (900.0, 2)]
    with pytest.raises(ValueError, match="quarters"):
        await store.costs.cells([(0.0, 901.0)])


async def test_a_correction_changes_every_sum_and_no_row(store):
    await store.ledger.append([row(1, None, at=5000.0), row(2, "0.3", at=5000.0)])
    fixed = Correction(
        request_id="r1",
        number=1,
        at=9e3,
        cost_usd=Decimal("0.000000000001"),
        price_source="config",
        prices=USED,
    )
    assert await store.costs.correct([fixed]) == 1
    assert await store.costs.correct([fixed]) == 0, "the cost is that already"
    assert await store.costs.correct([replace(fixed, request_id="nobody")]) == 0
    expected = Decimal("0.300000000001")
    for window in ((0.0, 7200.0), (4999.0, 5001.0)):
        spent = (await store.ledger.spend(start_at=window[0], end_at=window[1]))[ChannelId("a")]
        assert (spent.cost_usd, spent.unpriced_attempts, spent.attempts) == (expected, 0, 2)
        by_key = await store.key_spend.spend_by_key(start_at=window[0], end_at=window[1])
        assert by_key == {KeyId("team"): expected}
    assert total(await store.costs.cells([ALL])).cost_usd == expected
    (entry,) = await store.ledger.request("r1")
    assert (entry.cost_usd, entry.price_source) == (Decimal("0.000000000001"), "config")
    back = replace(fixed, cost_usd=None, price_source="unpriced")
    assert await store.costs.correct([back]) == 1
    assert total(await store.costs.cells([ALL])).unpriced_attempts == 1


async def test_sums_outlive_their_rows(store):
    await store.ledger.append([row(1, None, at=10.0), row(2, "0.3", at=20.0)])
    await store.costs.correct(
        [Correction(request_id="r1", number=1, at=9e3, cost_usd=Decimal(2), price_source="config")]
    )
    await store.ledger.prune(DAY_S)
    assert await store.costs.rows(start_at=0.0, end_at=1e9, limit=9) == []
    assert total(await store.costs.cells([ALL])).cost_usd == Decimal("2.3")
    assert (await store.ledger.spend(start_at=0.0, end_at=DAY_S))[ChannelId("a")].cost_usd == Decimal("2.3")


async def test_an_independent_recount_agrees_to_the_last_digit(store):
    rng, rows = Random(7), []
    for n in range(2000):
        cost = None if rng.random() < 0.1 else str(Decimal(rng.randrange(10**10)) / 10**12)
        usage = Usage(*(rng.randrange(10**6) for _ in range(4)))
        at = rng.random() * 5 * DAY_S
        rows.append(row(n, cost, at=at, channel=rng.choice("abc"), usage=usage))
    for begin in range(0, len(rows), 300):  # batches overlap: some rows are offered twice
        await store.ledger.append(rows[max(0, begin - 50) : begin + 300])
    corrected = rng.sample(rows, 100)
    fixes = [
        Correction(
            request_id=one.attempt.request_id,
            number=1,
            at=0.0,
            cost_usd=Decimal(n) / 10**12,
            price_source="config",
        )
        for n, one in enumerate(corrected)
    ]
    await store.costs.correct(fixes)
    costs = {one.attempt.request_id: one.cost_usd for one in rows}
    costs |= {RequestId(fix.request_id): fix.cost_usd for fix in fixes}
    pico = sum(int(cost * 10**12) for cost in costs.values() if cost is not None)
    days = [(n * DAY_S, (n + 1) * DAY_S) for n in range(5)]
    for windows in ([ALL], days):
        found = total(await store.costs.cells(windows))
        assert found.cost_usd == Decimal(pico) / 10**12
        assert found.attempts == len(rows)
        assert found.unpriced_attempts == sum(cost is None for cost in costs.values())
        assert found.input_tokens == sum(one.attempt.usage.input_tokens for one in rows)
    by_channel = await store.ledger.spend(start_at=0.0, end_at=10 * DAY_S)
    assert sum(one.cost_usd for one in by_channel.values()) == Decimal(pico) / 10**12


async def test_an_older_file_gets_groups_of_what_its_ledger_holds(tmp_path):
    path, folder = tmp_path / "store.db", resources.files("foreroute.store").joinpath("migrations")
    old = sorted(one.name for one in folder.iterdir() if one.name.endswith(".sql") and one.name < "0007")
    rows = [row(n, "0.25", at=n * 3000.0) for n in range(9)]
    with closing(sqlite3.connect(path)) as db:
        for name in old:
            db.executescript(folder.joinpath(name).read_text(encoding="utf-8"))
        columns = LEDGER_COLUMNS.removesuffix(", meter")
        db.executemany(insert("IGNORE", "ledger", columns), [ledger_row(one)[:-1] for one in rows])
        db.execute("DELETE FROM ledger WHERE started_at < 7200")  # let go of, as `prune` does
        db.execute(f"PRAGMA user_version = {len(old)}")
        db.commit()
    opened = await SqliteStore.open(path, merge_rollups)
    cells = await opened.costs.cells([ALL])
    await opened.close()
    assert total(cells).cost_usd == Decimal("2.25")
    assert {cell.group.route for cell in cells} == {"", "chat"}
