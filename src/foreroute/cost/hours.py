"""The hours and the cells behind a cost forecast, out of a store."""

from foreroute.core.ledger import SpendCell
from foreroute.core.ports import CostStore
from foreroute.cost.calendar import Window
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import HISTORY_DAYS, Hours


async def recent_hours(costs: CostStore, at: float) -> Hours:
    """Whole hours (of the epoch) up to the one that has begun."""
    end = at // HOUR_S * HOUR_S
    starts = [end - HOUR_S * n for n in range(HISTORY_DAYS * 24, 0, -1)]
    return Hours.of(await costs.cells([(start, start + HOUR_S) for start in starts]), starts)


async def so_far(costs: CostStore, window: Window, at: float) -> list[SpendCell]:
    return await costs.cells([(window.start_at, min(window.end_at, (at // 900.0 + 1) * 900.0))])
