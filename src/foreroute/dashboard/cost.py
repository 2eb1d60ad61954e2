"""The API behind the cost page: the same report, forecast, frontier and optimum that the command line shows."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.core.budgets import ScopedBudget
from foreroute.core.cost_record import CostRecord
from foreroute.core.errors import MissingExtra, StoreError
from foreroute.core.findings import BudgetStatus
from foreroute.core.keys import KeyBook
from foreroute.core.ledger import SpendCell
from foreroute.core.ports import Clock, RecordStore
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, period_of
from foreroute.cost.hours import recent_hours, so_far
from foreroute.cost.linear_highs import optimise
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import Hours, PeriodForecast, RequestPrice, period_forecast
from foreroute.cost.report import SpendReport, asked, spend_report
from foreroute.cost.report_names import named
from foreroute.cost.report_rows import report_row
from foreroute.dashboard.answers import Refusal, json_of
from foreroute.dashboard.cost_budgets import budget_rows
from foreroute.dashboard.cost_files import file_routes
from foreroute.dashboard.cost_foreseen import foreseen
from foreroute.dashboard.cost_grades import no_record, record_row
from foreroute.dashboard.cost_hours import forecast_row
from foreroute.dashboard.cost_market import MarketSources, RouteMarket, market_of, programme_of
from foreroute.dashboard.cost_rows import frontier_rows, optimum_row
from foreroute.dashboard.cost_savings import SavingsSources, savings_of, savings_row

Row = dict[str, Any]
_DAY_S: Final = 86_400.0
_BACK_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSources:
    """What the cost page reads."""

    market: MarketSources
    keys: Callable[[], Awaitable[KeyBook]]
    price: Callable[[float], RequestPrice]
    """The prices of an instant."""
    time_zone: str
    clock: Clock
    limits: Callable[[], Awaitable[Sequence[ScopedBudget]]]
    """The budgets of the house that are in force; those of keys and teams are in the store."""
    statuses: Callable[[], Mapping[str, BudgetStatus]] = dict
    """How those stand, as the control loop last saw them, by name."""
    record: CostRecord | None = None
    """What was forecast before; None: the store keeps no such thing."""
    records: RecordStore | None = None
    """Where forecasts are written down; None: latency is what was seen."""
    horizon_s: float = 900.0
    savings: SavingsSources | None = None


def cost_routes(sources: CostSources) -> list[Route]:
    api = _CostApi(sources)
    return [
        _get("/api/cost/report", api.report),
        _get("/api/cost/forecast", api.forecast),
        _get("/api/cost/forecast/record", api.record),
        _get("/api/cost/budgets", api.budgets),
        _get("/api/cost/frontier", api.frontier),
        _get("/api/cost/optimum", api.optimum),
        _get("/api/cost/savings", api.savings),
        *file_routes(api.reported, zone_of(sources.time_zone)),
    ]


class _CostApi:
    def __init__(self, sources: CostSources) -> None:
        self._sources = sources
        self._hours: Hours | None = None
        self._slim: Hours | None = None

    async def report(self, request: Request) -> Row:
        """`?period=day|week|month` and `?back=1` for the one before."""
        return report_row((await self.reported(request))[0])

    async def reported(self, request: Request) -> tuple[SpendReport, Sequence[SpendCell]]:
        """The report that is asked for, and the cells that it is made of."""
        sources, period, back = self._sources, _period(request), _back(request)
        wanted = asked(period, sources.clock.now(), zone_of(sources.time_zone), sources.time_zone, back=back)
        cells = await sources.market.costs.cells(wanted.windows)
        days = {day.start_at for day in wanted.days}
        found = named(spend_report(wanted, cells), await sources.keys())
        return found, [cell for cell in cells if cell.start_at in days]

    async def forecast(self, _request: Request) -> Row:
        at = self._sources.clock.now()
        rows = {name: forecast_row(one) for name, one in (await self._present(at)).items()}
        return {"at": at, "time_zone": self._sources.time_zone, "periods": rows}

    async def record(self, _request: Request) -> Row:
        """How well forecasts have done; of periods that run, beside what is expected now."""
        at, record = self._sources.clock.now(), self._sources.record
        if record is None:
            return no_record(at)
        return await record_row(record, await self._present(at), at)

    async def _present(self, at: float) -> dict[str, PeriodForecast]:
        sources, slim = self._sources, await self._slimmed(at)
        found = {}
        for period in Period:
            window = period_of(period, at, zone_of(sources.time_zone))
            spent = await so_far(sources.market.costs, window, at)
            price = sources.price(at)
            found[period.value] = await asyncio.to_thread(period_forecast, window, at, slim, spent, price)
        return found

    async def budgets(self, _request: Request) -> Row:
        sources, at = self._sources, self._sources.clock.now()
        book, price = await sources.keys(), sources.price(at)
        hours = await self._recent(at)
        limits = await sources.limits()
        rows = await budget_rows(sources.market.costs, book, limits, price, at, hours, sources.statuses())
        return {"at": at, "budgets": rows}

    async def frontier(self, _request: Request) -> Row:
        at = self._sources.clock.now()
        return {"routes": frontier_rows(await self._markets(at))}

    async def optimum(self, request: Request) -> Row:
        """`?budget=25` US dollars a day; 501 without the solver."""
        at, market = self._sources.clock.now(), self._sources.market
        markets = await self._markets(at)
        hourly = _budget(request)
        programme = programme_of(markets, market.channels, usd_per_hour_max=hourly)
        try:
            return optimum_row(await asyncio.to_thread(optimise, programme), markets)
        except MissingExtra as error:
            raise Refusal(501, str(error), "everything else on this page works without it") from None

    async def savings(self, request: Request) -> Row:
        """`?back=1` for the month before; 501 for a store that keeps no experiments."""
        sources, at = self._sources, self._sources.clock.now()
        month = period_of(Period.MONTH, at, zone_of(sources.time_zone), back=_back(request))
        if sources.savings is None:
            raise Refusal(501, "the store counts no held-out requests", "set store.kind: sqlite")
        return savings_row(await savings_of(sources.savings, month, at), month)

    async def _markets(self, at: float) -> Sequence[RouteMarket]:
        """Of the last day, by the newest forecasts."""
        sources = self._sources
        ahead = None
        if sources.records is not None:
            ahead = await foreseen(sources.records, sources.market, at, horizon_s=sources.horizon_s)
        return await market_of(sources.market, start_at=at - _DAY_S, end_at=at, ahead=ahead)

    async def _recent(self, at: float) -> Hours:
        """Read once an hour: whole hours hardly change any more."""
        if self._hours is None or self._hours.end_at != at // HOUR_S * HOUR_S:
            self._hours = await recent_hours(self._sources.market.costs, at)
        return self._hours

    async def _slimmed(self, at: float) -> Hours:
        hours = await self._recent(at)
        if self._slim is None or self._slim.end_at != hours.end_at:
            self._slim = await asyncio.to_thread(hours.slim)
        return self._slim


def _get(path: str, answer: Callable[[Request], Awaitable[Row]]) -> Route:
    async def handle(request: Request) -> Response:
        try:
            return Response(json_of(await answer(request)), media_type="application/json")
        except StoreError as error:
            raise Refusal(503, str(error), "nothing is wrong with what was asked") from None

    return Route(path, handle, methods=["GET"])


def _period(request: Request) -> Period:
    name = request.query_params.get("period", "month")
    try:
        return Period(name)
    except ValueError:
        raise Refusal(400, f"there is no period {name!r}", f"one of {', '.join(Period)}") from None


def _back(request: Request) -> int:
    text = request.query_params.get("back", "0")
    if not text.isascii() or not text.isdecimal() or int(text[:9]) > _BACK_MAX:
        raise Refusal(400, f"back must be a number from 0 to {_BACK_MAX}", "for example: ?back=1")
    return int(text)


def _budget(request: Request) -> float | None:
    text = request.query_params.get("budget")
    if text is None:
        return None
    try:
        daily = float(text)
    except ValueError:
        daily = -1.0
    if not 0 <= daily < 1e12:
        raise Refusal(400, f"{text!r} is no budget", "US dollars a day, such as ?budget=25")
    return daily / 24.0
