"""The watch over budgets on a real store: what is spent of each scope, its pace, and what the gateway is told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from foreroute.control.budgets import BudgetSources, BudgetWatch, in_force
from foreroute.core.attempt import Usage
from foreroute.core.budgets import BudgetScope, Origin, ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId, KeyId, RegionId, RouteName
from foreroute.core.keys import TeamId, VirtualKey
from foreroute.core.ledger import LedgerEntry, Seller
from foreroute.core.plan import Route, Target
from foreroute.core.windows import Window
from foreroute.cost.hours import recent_hours
from foreroute.cost.period_forecast import RequestPrice
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_attempt

AT = datetime(2026, 11, 11, 12, 0, tzinfo=UTC).timestamp()
HOUR_S = 3600.0
CHAT = RouteName("chat")
USD = {"dear": Decimal("0.02"), "cheap": Decimal("0.002")}


def channel(name: str, provider: str) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider=provider,
        cloud="",
        region=RegionId("here"),
        model="m",
        base_url="http://x.example/v1",
    )


CHANNELS = {one.id: one for one in (channel("dear", "acme"), channel("cheap", "other"))}
TARGETS = tuple(Target(channel=name, weight=0.5) for name in CHANNELS)


class Room:
    """`serve` writes what was spent into the ledger; `watch` looks."""

    def __init__(self, *of_file: ScopedBudget) -> None:
        self.store = MemoryStore(merge_rollups)
        self.told: list[tuple[Sequence[ScopedBudget], Mapping[str, Decimal], float]] = []
        self.of_file = of_file
        self.watch = self.again()
        self._number = 0

    def again(self) -> BudgetWatch:
        def price(_at: float) -> RequestPrice:
            return lambda _channel, _usage: None

        return BudgetWatch(
            BudgetSources(
                of_file=self.of_file,
                store=self.store.budgets,
                costs=self.store.costs,
                hours=lambda at: recent_hours(self.store.costs, at),
                price=price,
                routes={CHAT: Route(name=CHAT, targets=TARGETS)},
                channels=CHANNELS,
                publish=lambda *what: self.told.append(what),
                wait=True,
            )
        )

    async def serve(self, name: str, at: float, *, many: int = 1, key: str | None = None) -> None:
        entries = []
        for _ in range(many):
            self._number += 1
            attempt = an_attempt(1, request=f"r{self._number}", channel=ChannelId(name), at=at)
            attempt = replace(
                attempt, route=CHAT, usage=Usage(10), key_id=None if key is None else KeyId(key)
            )
            seller = Seller(CHANNELS[ChannelId(name)].provider, "", "here", "m")
            entries.append(
                LedgerEntry(
                    attempt=replace(attempt, cost_usd=USD[name]),
                    cost_usd=USD[name],
                    price_source="config",
                    seller=seller,
                )
            )
        await self.store.ledger.append(entries)


def budget(name: str, limit: str = "10", **more: object) -> ScopedBudget:
    return ScopedBudget(name=name, limit_usd=Decimal(limit), **more)  # type: ignore[arg-type]


async def test_each_scope_and_period_counts_its_own() -> None:
    room = Room(
        budget("all"),
        budget("hour", window=Window.HOUR),
        budget("ever", window=Window.TOTAL, hard_limit_usd=Decimal(20)),
        budget("team", scope=BudgetScope.TEAM, of="red"),
        budget("key", scope=BudgetScope.KEY, of="k"),
        budget("tag", scope=BudgetScope.TAG, of="batch"),
        budget("route", scope=BudgetScope.ROUTE, of="chat"),
        budget("other route", scope=BudgetScope.ROUTE, of="else"),
        budget("channel", scope=BudgetScope.CHANNEL, of="cheap"),
        budget("provider", scope=BudgetScope.PROVIDER, of="acme"),
    )
    key = VirtualKey(
        id=KeyId("k"),
        name="k",
        salt=b"",
        digest=b"",
        hint="",
        team=TeamId("red"),
        tags=("batch", "x"),
        created_at=0.0,
    )
    await room.store.keys.put(key)
    await room.serve("dear", AT - 60.0, many=2, key="k")
    await room.serve("cheap", AT - 2 * HOUR_S, many=5)
    await room.serve("cheap", AT - 40 * 86_400.0, many=1)
    found = {one.name: one.spent_usd for one in await room.watch.update(AT)}
    hers, month = Decimal("0.04"), Decimal("0.05")
    assert found == {
        "all": month,
        "hour": hers if AT % HOUR_S else Decimal(0),
        "ever": Decimal("0.052"),
        "team": hers,
        "key": hers,
        "tag": hers,
        "route": month,
        "other route": Decimal(0),
        "channel": Decimal("0.01"),
        "provider": hers,
    }
    budgets, spends, at = room.told[-1]
    assert (len(budgets), at) == (10, AT)
    assert spends == found


async def test_a_look_a_minute_later_counts_what_came_since() -> None:
    room = Room(budget("all"))
    for minute in range(90):
        at = AT + 60.0 * minute
        await room.serve("cheap", at - 30.0)
        (status,) = await room.watch.update(at)
        assert status.spent_usd == USD["cheap"] * (minute + 1)


async def test_spending_ahead_of_its_pace_gets_a_price_that_outlives_a_restart() -> None:
    room = Room(budget("all", "8"))
    for day in range(1, 11):
        for hour in range(24):
            at = AT - day * 86_400.0 + hour * HOUR_S
            await room.serve("dear", at, many=1)
            await room.serve("cheap", at, many=1)
    for minute in range(1, 121):
        if minute % 30 == 0:
            await room.serve("dear", AT + 60.0 * minute - 1.0)
        (status,) = await room.watch.update(AT + 60.0 * minute)
    assert status.pace is not None
    assert status.pace.price > 0
    assert status.pace.pace_usd == pytest.approx(Decimal(8) * Decimal("0.353"), abs=Decimal("0.01"))
    assert status.crossing_at is not None
    assert not status.steers, "the price does it, and nothing beside"
    again = room.again()
    again.load(room.watch.dump())
    (after,) = await again.update(AT + 121 * 60.0)
    assert after.pace is not None
    assert after.pace.price == pytest.approx(status.pace.price, rel=0.05)
    with pytest.raises(StoreCorrupt):
        again.load(b'{"all": {"price": 1}}')


async def test_with_room_there_is_no_price_and_what_one_key_spends_is_never_paced() -> None:
    room = Room(
        budget("all", "1000"),
        budget("key", "0.0001", scope=BudgetScope.KEY, of="k"),
        budget("free", "0.0001", window=Window.WEEK, pace=False),
    )
    await room.serve("dear", AT - 60.0, many=3, key="k")
    for minute in range(30):
        statuses = await room.watch.update(AT + 60.0 * minute)
    everybody, key, free = statuses
    assert everybody.pace is not None
    assert everybody.pace.price == 0
    assert key.pace is None
    assert free.pace is None
    assert free.steers, "the older rule goes on for a budget without pace"


async def test_budgets_that_are_set_meanwhile_are_seen_and_those_of_the_file_come_first() -> None:
    room = Room(budget("all"))
    mine = budget("all", "5", window=Window.DAY, origin=Origin.RUN_TIME)
    twin = budget("twin", "5", origin=Origin.RUN_TIME)
    daily = budget("daily", "5", window=Window.DAY, origin=Origin.RUN_TIME)
    assert in_force(room.of_file, (mine, twin, daily)) == (*room.of_file, daily)
    assert [one.name for one in await room.watch.update(AT)] == ["all"]
    await room.store.budgets.put(daily)
    assert [one.name for one in await room.watch.update(AT + 60.0)] == ["all", "daily"]
    await room.store.budgets.remove("daily")
    assert [one.name for one in await room.watch.update(AT + 120.0)] == ["all"]
    assert [len(told[0]) for told in room.told] == [1, 2, 1]
