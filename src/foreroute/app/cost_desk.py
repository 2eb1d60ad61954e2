"""What looks after the costs beside the loop: forecasts that are written down and graded, and reports that are sent."""

import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from foreroute.app.cost_reports import PlannedReport, ReportDesk
from foreroute.app.prices import request_price
from foreroute.control.cost_diary import CostDiary
from foreroute.core.cost_record import RecordedCosts
from foreroute.core.errors import StoreError
from foreroute.core.ports import Clock, CostedStore, Store
from foreroute.cost.budget import zone_of
from foreroute.settings.model import Settings

_log: Final = logging.getLogger("foreroute.cost")
_EVERY_S: Final = 300.0


async def watch_costs(
    settings: Settings, reports: Sequence[PlannedReport], store: Store, clock: Clock
) -> None:
    """Until cancelled; nothing to do for a store that keeps no such record."""
    if not (isinstance(store, RecordedCosts) and isinstance(store, CostedStore)):
        return
    diary = CostDiary(
        store.costs,
        store.cost_record,
        price=lambda at: request_price(settings, at),
        zone=zone_of(settings.cost.time_zone),
        clock=clock,
    )
    desk = ReportDesk(reports, store, store.cost_record, time_zone=settings.cost.time_zone, clock=clock)
    with contextlib.suppress(StoreError):
        await desk.begin()
    while True:
        await clock.sleep_until((clock.now() // _EVERY_S + 1) * _EVERY_S)
        try:
            await diary.round()
            await desk.round()
        except StoreError as error:
            _log.warning("costs_not_recorded", extra={"error": str(error)})
