"""The API behind the cost page: the same money as the ledger, and refusals that say what would be right."""

import csv
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from foreroute.control.ahead import Ahead
from foreroute.core.attempt import Usage
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, KeyId, RegionId, RouteName
from foreroute.core.keys import VirtualKey
from foreroute.core.ledger import LedgerEntry, Seller
from foreroute.core.plan import Objective, Route, Target
from foreroute.core.ports import Record
from foreroute.core.series import Metric
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.dashboard.answers import refused
from foreroute.dashboard.cost import CostSources, cost_routes
from foreroute.dashboard.cost_market import MarketSources, market_of, programme_of
from foreroute.dashboard.cost_savings import SavingsSources
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_attempt
from foreroute.testing.streaming_asgi import stream

AT = 1_772_442_000.0
CHAT = RouteName("chat")
NAMES = ("dear", "cheap", "idle")


def channel(name: str) -> Channel:
    more: dict[str, Any] = {"concurrency_max": 2} if name == "cheap" else {}
    return Channel(
        id=ChannelId(name),
        provider="nobody",
        cloud="c",
        region=RegionId("eu"),
        model="m",
        base_url="http://x/v1",
        **more,
    )


PRICES = GenaiPriceBook(
    {
        ChannelId("dear"): UnitPrices(input=Decimal(4), output=Decimal(4)),
        ChannelId("cheap"): UnitPrices(input=Decimal(1), output=Decimal(1)),
        ChannelId("idle"): UnitPrices(input=Decimal(1), output=Decimal(1)),
    }
)


class Room:
    def __init__(self) -> None:
        self.store = MemoryStore(merge_rollups)
        targets = tuple(Target(channel=ChannelId(name), weight=0.5) for name in NAMES[:2])
        spare = Target(channel=ChannelId("idle"), weight=1.0, priority=1)
        self.market = MarketSources(
            costs=self.store.costs,
            rollups=self.store.rollups,
            prices=PRICES,
            channels=[channel(name) for name in NAMES],
            routes={CHAT: Route(name=CHAT, targets=(*targets, spare))},
            objectives={CHAT: Objective(metric=Metric.LATENCY_P95, limit_s=3.0)},
        )
        sources = CostSources(
            market=self.market,
            keys=self.store.keys.read,
            price=lambda _: lambda __, ___: None,
            time_zone="Asia/Seoul",
            clock=self,
            limits=self.limits,
            records=self.store.records,
            savings=SavingsSources(costs=self.store.costs, experiments=self.store.experiments),
        )
        self.app = Starlette(routes=cost_routes(sources), exception_handlers={HTTPException: refused})

    async def limits(self) -> list[ScopedBudget]:
        return [ScopedBudget(name="monthly", limit_usd=Decimal(9))]

    def now(self) -> float:
        return AT

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError

    async def serve(self) -> None:
        attempts = [
            replace(
                an_attempt(1, request=f"r{n}", channel=ChannelId(NAMES[n % 2]), at=AT - 600.0 + n),
                usage=Usage(1000, 0, 0, 500),
                duration_s=1.0,
                hedge=False,
                key_id=KeyId("k"),
            )
            for n in range(300)
        ]
        entries = [
            LedgerEntry(
                attempt=one,
                cost_usd=Decimal("0.006") if one.channel == "dear" else Decimal("0.0015"),
                price_source="config",
                seller=Seller("nobody", "c", "eu", "m"),
            )
            for one in attempts
        ]
        await self.store.append(entries, fold(attempts, window_s=60.0, source="test"))

    async def get(self, path: str) -> tuple[int, Any]:
        async with stream(self.app, "GET", path, headers={"host": "127.0.0.1"}) as answer:
            text = await answer.read()
        return answer.status, json.loads(text)

    async def file(self, path: str) -> list[dict[str, str]]:
        async with stream(self.app, "GET", path, headers={"host": "127.0.0.1"}) as answer:
            text = await answer.read()
        assert answer.status == 200
        return list(csv.DictReader(text.decode().splitlines()))


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_report_is_the_ledgers_money_by_name(room):
    key = VirtualKey(id=KeyId("k"), name="Ann", salt=b"", digest=b"", hint="", created_at=0.0)
    await room.store.keys.put(key)
    await room.serve()
    status, report = await room.get("/api/cost/report?period=day")
    assert status == 200
    assert report["total"]["usd"] == "1.125"
    assert report["time_zone"] == "Asia/Seoul"
    assert [one["name"] for one in report["by"]["channel"]] == ["dear", "cheap"]
    assert [one["name"] for one in report["by"]["key"]] == ["Ann"]
    _, before = await room.get("/api/cost/report?period=day&back=1")
    assert before["total"]["usd"] == "0"


@pytest.mark.parametrize("query", ["period=year", "back=-1", "back=x"])
async def test_a_report_of_nothing_known_is_refused(room, query):
    status, body = await room.get(f"/api/cost/report?{query}")
    assert status == 400
    assert body["error"]["hint"]


async def test_a_forecast_adds_to_what_is_spent(room):
    await room.serve()
    _, found = await room.get("/api/cost/forecast")
    month = found["periods"]["month"]["total"]
    assert month["spent_usd"] == "1.125"
    assert Decimal(month["lower_usd"]) <= Decimal(month["expected_usd"]) <= Decimal(month["upper_usd"])


async def test_the_frontier_names_what_is_better_and_what_is_not_known(room):
    await room.serve()
    _, found = await room.get("/api/cost/frontier")
    (route,) = found["routes"]
    by_name = {one["channel"]: one for one in route["channels"]}
    assert by_name["dear"]["dominated_by"] == ["cheap"]
    assert by_name["cheap"]["on_frontier"]
    assert by_name["idle"]["missing"] == ["latency"]
    assert by_name["cheap"]["usd_per_request"] == pytest.approx(0.0015)


async def test_the_optimum_takes_the_cheap_one_and_says_what_it_saves(room):
    await room.serve()
    _, found = await room.get("/api/cost/optimum")
    assert found["feasible"]
    (route,) = found["routes"]
    assert route["shares"] == {"cheap": pytest.approx(1.0)}
    assert found["saved_ratio"] == pytest.approx(1 - 0.0015 / 0.00375)
    _, barred = await room.get("/api/cost/optimum?budget=0.01")
    assert [one["promise"] for one in barred["concessions"]] == ["budget"]
    status, _ = await room.get("/api/cost/optimum?budget=much")
    assert status == 400


async def test_places_bound_what_a_channel_can_serve(room):
    await room.serve()
    markets = await market_of(room.market, start_at=AT - 3600.0, end_at=AT)
    programme = programme_of(markets, room.market.channels)
    # Two places of which half may be taken, one second each: 60 requests a minute.
    assert programme.capacities["cheap"].requests_per_minute == pytest.approx(60.0)
    assert programme.capacities["dear"].requests_per_minute is None


async def test_budgets_of_everybody_are_the_ledgers(room):
    await room.serve()
    _, found = await room.get("/api/cost/budgets")
    (one,) = found["budgets"]
    assert (one["name"], one["spent_usd"], one["limit_usd"]) == ("monthly", "1.125", "9")
    assert Decimal(one["expected_usd"]) > 1


async def test_without_traffic_there_is_nothing_to_share_out(room):
    _, found = await room.get("/api/cost/optimum")
    assert found["routes"] == []
    assert found["left_out"] == ["chat"]
    _, frontier = await room.get("/api/cost/frontier")
    assert all(one["missing"] for one in frontier["routes"][0]["channels"])


async def test_the_frontier_has_the_forecast_where_one_is_on_record(room):
    await room.serve()
    said = {"cheap/latency_p95": [["mean", 900.0, 4.0, 3.5, 4.6, None]]}
    body = json.dumps({"origin_at": AT, "said": said, "models": {"cheap/latency_p95": "bank"}}).encode()
    await room.store.records.append([Record(kind="forecast", id="1", at=AT - 60.0, body=body)])
    _, found = await room.get("/api/cost/frontier")
    by_name = {one["channel"]: one for one in found["routes"][0]["channels"]}
    assert by_name["cheap"]["p95_s"] == pytest.approx(4.3, abs=0.4)
    assert by_name["cheap"]["forecast_by"] == "bank"
    assert by_name["dear"]["forecast_by"] is None
    assert by_name["dear"]["p95_s"] == pytest.approx(1.0, rel=0.02)
    _, optimum = await room.get("/api/cost/optimum")
    assert optimum["routes"][0]["shares"]["cheap"] < 0.1


async def test_an_optimum_that_steers_leaves_those_who_only_stand_in_alone(room):
    await room.serve()
    start = AT - 3600.0
    more = Ahead(at=AT, demand={ChannelId("dear"): (4.0, 2.0), ChannelId("cheap"): (2.0, 2.0)})
    (shown,) = await market_of(room.market, start_at=start, end_at=AT)
    (steers,) = await market_of(room.market, start_at=start, end_at=AT, steers=True)
    (busier,) = await market_of(room.market, start_at=start, end_at=AT, ahead=more, steers=True)
    assert shown.request_class is not None
    assert steers.request_class is not None
    assert {one.channel for one in steers.request_class.choices} == {"dear", "cheap"}
    assert steers.request_class.success_min == pytest.approx(shown.request_class.success_min - 0.005)
    assert busier.requests_per_minute == pytest.approx(1.5 * steers.requests_per_minute)


async def test_savings_are_not_stated_before_anything_is_measured(room):
    await room.serve()
    status, found = await room.get("/api/cost/savings")
    assert status == 200
    assert found["net_usd"] is None
    assert "nothing is measured yet" in found["missing"]
    status, _ = await room.get("/api/cost/savings?back=x")
    assert status == 400


async def test_the_report_comes_as_files_that_add_up_like_the_page(room):
    await room.serve()
    _, report = await room.get("/api/cost/report?period=day")
    rows = await room.file("/api/cost/report.csv?period=day")
    total = Decimal(report["total"]["usd"])
    assert total > 0
    assert Decimal(rows[0]["usd"]) == total
    focus = await room.file("/api/cost/report-focus.csv?period=day")
    assert sum(Decimal(row["BilledCost"]) for row in focus) == total
    assert await room.file("/api/cost/report-focus.csv?period=day&back=1") == []
    status, body = await room.get("/api/cost/report.csv?period=year")
    assert (status, body["error"]["message"]) == (400, "there is no period 'year'")
