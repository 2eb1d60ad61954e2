"""Writes down what is expected of the day, the week and the month while they run, and what came of it."""

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from itertools import groupby
from typing import Final

from foreroute.core.cost_record import CostRecord
from foreroute.core.ports import Clock, CostStore
from foreroute.cost.calendar import Period, Window, period_of
from foreroute.cost.forecast_record import graded, mark_of, stated
from foreroute.cost.hours import recent_hours, so_far
from foreroute.cost.period_forecast import Hours, RequestPrice, period_forecast

_SETTLE_S: Final = 900.0
"""Attempts that were under way at a period's end are in the ledger by then."""
Key = tuple[Period, float, int]


class CostDiary:
    """`round` states what is due and grades what is over. For one task at a time."""

    def __init__(
        self,
        costs: CostStore,
        record: CostRecord,
        *,
        price: Callable[[float], RequestPrice],
        zone: tzinfo,
        clock: Clock,
    ) -> None:
        self._costs, self._record, self._price = costs, record, price
        self._zone, self._clock = zone, clock
        self._said: set[Key] = set()

    async def round(self) -> int:
        """How many forecasts were written down. Raises StoreError; what was not written is offered again."""
        at = self._clock.now()
        found = await self._state(at)
        await self._grade(at)
        return found

    async def _state(self, at: float) -> int:
        windows = {period: period_of(period, at, self._zone) for period in Period}
        due = {
            period: mark
            for period, window in windows.items()
            if (mark := mark_of(window, at)) is not None and (period, window.start_at, mark) not in self._said
        }
        if not due:
            return 0
        hours = await asyncio.to_thread((await recent_hours(self._costs, at)).slim)
        count = 0
        for period, mark in due.items():
            count += await self._one(period, mark, windows[period], at, hours)
            self._said.add((period, windows[period].start_at, mark))
        return count

    async def _one(self, period: Period, mark: int, window: Window, at: float, hours: Hours) -> int:
        spent = await so_far(self._costs, window, at)
        found = await asyncio.to_thread(period_forecast, window, at, hours, spent, self._price(at))
        return await self._record.state(stated(period, mark, found))

    async def _grade(self, at: float) -> None:
        ones = await self._record.ungraded(at - _SETTLE_S)
        for window, members in groupby(
            sorted(ones, key=lambda one: (one.start_at, one.end_at)),
            key=lambda one: (one.start_at, one.end_at),
        ):
            cells = await self._costs.cells([window])
            await self._record.grade(graded(list(members), cells), at)
