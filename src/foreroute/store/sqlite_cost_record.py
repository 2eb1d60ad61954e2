"""Cost forecasts with their outcome, and scheduled reports, in the store's SQLite file."""

import sqlite3
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from foreroute.core.cost_record import ReportSent, SendState, StatedForecast
from foreroute.store.sqlite_worker import Worker

_MICRO: Final = 1_000_000
_KEY: Final = "period = ? AND start_at = ? AND mark = ? AND division = ? AND name = ?"
_COLUMNS: Final = "period, start_at, mark, division, name, end_at, at, spent_micro, expected_micro, lower_micro, upper_micro"
_READ: Final = f"SELECT {_COLUMNS}, came_micro, unpriced FROM cost_forecasts"  # noqa: S608 - names of the house
_STATE: Final = f"INSERT OR IGNORE INTO cost_forecasts ({_COLUMNS}) VALUES ({','.join('?' * 11)})"  # noqa: S608
_GRADE: Final = f"UPDATE cost_forecasts SET came_micro = ?, unpriced = ?, graded_at = ? WHERE {_KEY} AND graded_at IS NULL"  # noqa: S608
_CLAIM: Final = """
    INSERT INTO cost_reports_sent VALUES (?, ?, ?, ?, 'begun', 1, ?, '')
    ON CONFLICT DO UPDATE SET state = 'begun', tries = tries + 1, at = excluded.at, error = ''
    WHERE state = 'failed' AND at < ?"""
_SETTLE: Final = """
    UPDATE cost_reports_sent SET state = ?, at = ?, error = ?
    WHERE report = ? AND period = ? AND window = ? AND target = ?"""
_SENT: Final = """
    SELECT report, period, window, target, state, tries, at, error FROM cost_reports_sent
    WHERE at >= ? ORDER BY at, report, period, target"""


class SqliteCostRecord:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def state(self, forecasts: Sequence[StatedForecast]) -> int:
        found = [_row(one) for one in forecasts]
        return await self._writer.run(lambda db: _changed(db, _STATE, found))

    async def forecasts(self, *, since_at: float) -> list[StatedForecast]:
        return await self._read("end_at > ?", since_at)

    async def ungraded(self, ended_by: float) -> list[StatedForecast]:
        return await self._read("graded_at IS NULL AND end_at <= ?", ended_by)

    async def grade(self, graded: Sequence[StatedForecast], at: float) -> None:
        found = [
            (_micro(one.came_usd), one.unpriced_attempts, at, *_key(one))
            for one in graded
            if one.came_usd is not None
        ]
        await self._writer.run(lambda db: _changed(db, _GRADE, found))

    async def claim(self, one: ReportSent, *, failed_before: float) -> bool:
        row = (one.report, one.period, one.window, one.target, one.at, failed_before)
        return await self._writer.run(lambda db: _changed(db, _CLAIM, [row]) == 1)

    async def settle(self, one: ReportSent) -> None:
        row = (one.state.value, one.at, one.error, one.report, one.period, one.window, one.target)
        await self._writer.run(lambda db: _changed(db, _SETTLE, [row]))

    async def reports(self, *, since_at: float) -> list[ReportSent]:
        return await self._reader.run(lambda db: [_sent(row) for row in db.execute(_SENT, (since_at,))])

    async def _read(self, where: str, value: float) -> list[StatedForecast]:
        query = f"{_READ} WHERE {where} ORDER BY period, start_at, mark, division, name"
        return await self._reader.run(lambda db: [_stated(row) for row in db.execute(query, (value,))])


def _changed(db: sqlite3.Connection, statement: str, found: Sequence[tuple[Any, ...]]) -> int:
    before = db.total_changes
    db.executemany(statement, found)
    return db.total_changes - before


def _key(one: StatedForecast) -> tuple[str, float, int, str, str]:
    return one.period, one.start_at, one.mark, one.division, one.name


def _row(one: StatedForecast) -> tuple[Any, ...]:
    amounts = (one.spent_usd, one.expected_usd, one.lower_usd, one.upper_usd)
    return (*_key(one), one.end_at, one.at, *(_micro(usd) for usd in amounts))


def _micro(usd: Decimal) -> int:
    return int((usd * _MICRO).to_integral_value(ROUND_HALF_EVEN))


def _stated(row: tuple[Any, ...]) -> StatedForecast:
    period, start_at, mark, division, name, end_at, at, *amounts, came, unpriced = row
    spent, expected, lower, upper = (Decimal(micro) / _MICRO for micro in amounts)
    return StatedForecast(
        period=period,
        start_at=start_at,
        end_at=end_at,
        mark=mark,
        division=division,
        name=name,
        at=at,
        spent_usd=spent,
        expected_usd=expected,
        lower_usd=lower,
        upper_usd=upper,
        came_usd=None if came is None else Decimal(came) / _MICRO,
        unpriced_attempts=unpriced,
    )


def _sent(row: tuple[Any, ...]) -> ReportSent:
    report, period, window, target, state, tries, at, error = row
    return ReportSent(
        report=report,
        period=period,
        window=window,
        target=target,
        state=SendState(state),
        tries=tries,
        at=at,
        error=error,
    )
