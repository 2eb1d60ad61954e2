"""The ledger by group and quarter of an hour, and its corrections, in the store's SQLite file."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from foreroute.core.ledger import Correction, LedgerEntry, Metered, SpendCell, SpendGroup
from foreroute.core.ledger_json import prices_of
from foreroute.store import rows
from foreroute.store.spend_groups import check_windows, group_of
from foreroute.store.sqlite_worker import Worker

_CELLS: Final = """
    SELECT g.name, sum(q.attempts), sum(q.unpriced), sum(q.micro), sum(q.rest),
        sum(q.input), sum(q.cached), sum(q.written), sum(q.output), sum(q.reasoning)
    FROM spend_quarters q JOIN spend_groups g ON g.id = q.group_id
    WHERE q.quarter_at >= ? AND q.quarter_at < ? GROUP BY q.group_id"""
_ROWS: Final = f"""
    SELECT {rows.LEDGER_COLUMNS} FROM ledger WHERE started_at >= ? AND started_at < ?
    ORDER BY started_at, request_id, number LIMIT ?"""  # noqa: S608 - names of the house
_LATEST: Final = """
    SELECT cost_picousd, price_source, meter FROM ledger_corrections
    WHERE request_id = ? AND number = ? ORDER BY id DESC LIMIT 1"""
_ROW: Final = """
    SELECT started_at, channel, json_extract(attempt, '$.key_id'), group_id, cost_picousd
    FROM ledger WHERE request_id = ? AND number = ?"""
_COLUMNS: Final = (
    "request_id, number, at, started_at, channel, key_id, group_id, cost_picousd, delta_picousd, delta_unpriced, "
    "price_source, meter, why"
)
_CORRECT: Final = f"INSERT INTO ledger_corrections ({_COLUMNS}) VALUES ({','.join('?' * 13)})"  # noqa: S608


class SqliteCosts:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def cells(self, windows: Sequence[tuple[float, float]]) -> list[SpendCell]:
        check_windows(windows)

        def work(db: sqlite3.Connection) -> list[SpendCell]:
            groups: dict[str, SpendGroup] = {}
            return [cell for window in windows for cell in _cells(db, *window, groups)]

        return await self._reader.run(work)

    async def rows(self, *, start_at: float, end_at: float, limit: int) -> list[LedgerEntry]:
        def work(db: sqlite3.Connection) -> list[LedgerEntry]:
            found = db.execute(_ROWS, (start_at, end_at, limit)).fetchall()
            return [corrected(db, rows.entry_of(row)) for row in found]

        return await self._reader.run(work)

    async def correct(self, corrections: Sequence[Correction]) -> int:
        return await self._writer.run(lambda db: sum(_correct(db, one) for one in corrections))


def corrected(db: sqlite3.Connection, entry: LedgerEntry) -> LedgerEntry:
    """The entry at its latest cost."""
    found = db.execute(_LATEST, (entry.attempt.request_id, entry.attempt.number)).fetchone()
    if found is None:
        return entry
    cost = None if found[0] is None else rows.to_usd(found[0])
    return replace(
        entry,
        attempt=entry.attempt.priced(cost),
        cost_usd=cost,
        price_source=found[1],
        prices=prices_of(orjson.loads(found[2])),
    )


def _cells(
    db: sqlite3.Connection, start_at: float, end_at: float, groups: dict[str, SpendGroup]
) -> list[SpendCell]:
    """`groups` are those read already, by name: a month of hours names the same ones over and over."""
    found = []
    for name, *sums in db.execute(_CELLS, (start_at, end_at)):
        if name not in groups:
            groups[name] = group_of(name)
        found.append(SpendCell(start_at, end_at, groups[name], _metered(tuple(sums))))
    return sorted(found, key=lambda cell: str(cell.group))


def _metered(row: tuple[int, ...]) -> Metered:
    attempts, unpriced, micro, rest, *tokens = row
    return Metered(
        attempts=attempts,
        unpriced_attempts=unpriced,
        cost_usd=rows.to_usd(micro * 1_000_000 + rest),
        input_tokens=tokens[0],
        cached_input_tokens=tokens[1],
        cache_write_tokens=tokens[2],
        output_tokens=tokens[3],
        reasoning_tokens=tokens[4],
    )


def _correct(db: sqlite3.Connection, one: Correction) -> int:
    key = (one.request_id, one.number)
    row = db.execute(_ROW, key).fetchone()
    if row is None:
        return 0
    started_at, channel, key_id, group, first = row
    latest = db.execute(_LATEST, key).fetchone()
    old = first if latest is None else latest[0]
    new = None if one.cost_usd is None else rows.to_picousd(one.cost_usd)
    if new == old:
        return 0
    delta, unpriced = (new or 0) - (old or 0), (new is None) - (old is None)
    meter = rows.meter_text(one.prices)
    values = (*key, one.at, started_at, channel, key_id, group, new, delta, unpriced)
    db.execute(_CORRECT, (*values, one.price_source, meter, one.why))
    return 1
