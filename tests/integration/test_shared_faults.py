"""What becomes of shared accounts when their server does not do what it should: against a real one, really hurt."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from tests.redis_house import PATIENT, RedisServer, flushed, redis_server, shared, until, until_up

from foreroute.core.accounts import Ask, Refusal, Spent, Ticket
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, Limits, Scope, ScopeId
from foreroute.core.windows import Window
from foreroute.gateway.degraded import DegradedAccounts
from foreroute.store.redis_accounts import RedisAccounts
from foreroute.store.redis_calls import LinkSettings
from foreroute.store.redis_shared import close_shared

pytestmark = pytest.mark.service("redis")
MONEY = Scope(ScopeId("key:money"), Limits(budgets=(Budget(Decimal(1), Window.TOTAL),)))
RATED = Scope(ScopeId("key:rated"), Limits(requests_per_minute=6, parallel_max=4))
SHORT = LinkSettings(timeout_s=0.2, backoff_s=0.01, backoff_s_max=0.05, beat_s=0.2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as one:
        yield one


@asynccontextmanager
async def opened(server: RedisServer, member: str = "one", **more: object) -> AsyncIterator[RedisAccounts]:
    accounts = shared(server.url, member=member, **more)  # type: ignore[arg-type]
    try:
        await until_up(accounts)
        yield accounts
    finally:
        await close_shared(accounts, 0.2)


def ask(scope: Scope, cost: str = "0") -> Ask:
    return Ask(KeyId("k"), None, (scope,), 0, Decimal(cost))


async def ticket(accounts: RedisAccounts | DegradedAccounts, scope: Scope, cost: str = "0") -> Ticket:
    answer = await accounts.admit(ask(scope, cost), time.time())
    assert isinstance(answer, Ticket), answer
    return answer


async def money(accounts: RedisAccounts) -> tuple[Decimal, Decimal]:
    found = (await accounts.look(MONEY, time.time())).balances[Window.TOTAL]
    return found.spent_usd, found.reserved_usd


async def until_down(accounts: RedisAccounts) -> None:
    await until(lambda: not accounts.health().is_up)


@pytest.mark.parametrize("keeps_data", [False, True])
async def test_a_server_that_was_killed_is_told_what_was_spent(tmp_path: Path, keeps_data: bool) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always") if keeps_data else ()
    with redis_server(tmp_path / "redis", *options) as server:
        async with opened(server) as one, opened(server, "two") as two:
            first = await ticket(one, MONEY, "0.3")
            one.settle(first, Spent(0, Decimal("0.25")), time.time())
            await flushed(one)
            open_one = await ticket(two, MONEY, "0.5")
            server.kill()
            await until_down(one)
            await until_down(two)
            two.settle(open_one, Spent(0, Decimal("0.4")), time.time())
            assert two.health().due == 1
            server.start()
            await until_up(one)
            await until_up(two)
            await flushed(one)
            await flushed(two)
            assert await money(one) == (Decimal("0.65"), Decimal(0)), "once, whether it remembered or not"
            two.settle(open_one, Spent(0, Decimal("0.4")), time.time())
            await flushed(two)
            assert await money(two) == (Decimal("0.65"), Decimal(0))
            refused = await one.admit(ask(MONEY, "0.36"), time.time())
            assert isinstance(refused, Refusal)


async def test_a_server_that_is_emptied_learns_what_was_spent(server: RedisServer) -> None:
    async with opened(server) as one:
        one.settle(await ticket(one, MONEY, "0.3"), Spent(0, Decimal("0.3")), time.time())
        await flushed(one)
        server.say("FLUSHALL")
        with pytest.raises(StoreUnavailable, match="lost its data"):
            await one.admit(ask(MONEY, "0.9"), time.time())
        await until_up(one)
        await flushed(one)
        assert await money(one) == (Decimal("0.3"), Decimal(0))


async def test_connections_that_are_cut_are_made_again_and_nothing_counts_twice(server: RedisServer) -> None:
    async with opened(server) as one:
        for _ in range(5):
            held = await ticket(one, MONEY, "0.1")
            one.settle(held, Spent(0, Decimal("0.1")), time.time())
            server.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await flushed(one)
            await until_up(one)
        await flushed(one)
        await until(lambda: not one.health().due)
        await until_up(one)
        assert await money(one) == (Decimal("0.5"), Decimal(0))


async def test_a_frozen_server_costs_one_wait_and_then_none(server: RedisServer) -> None:
    async with opened(server, link=SHORT) as one:
        loop = asyncio.get_running_loop()
        server.freeze()
        try:
            with pytest.raises(StoreUnavailable, match="does not answer within 200 ms"):
                await one.admit(ask(MONEY, "0.9"), time.time())
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            for _ in range(1000):
                with pytest.raises(StoreUnavailable):
                    await one.admit(ask(MONEY), time.time())
            assert not turn.done(), "a thousand requests without one turn of the event loop"
        finally:
            server.thaw()
        await until_up(one)
        await flushed(one)
        assert await money(one) == (Decimal(0), Decimal(0)), "what nobody waited for holds nothing"


async def test_whoever_leaves_while_being_admitted_holds_nothing(server: RedisServer) -> None:
    async with opened(server) as one:
        server.freeze()
        asking = asyncio.ensure_future(one.admit(ask(MONEY, "1"), time.time()))
        await until(lambda: one.link is not None and one.link.is_sending)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        server.thaw()
        await flushed(one)
        assert await money(one) == (Decimal(0), Decimal(0))


async def test_a_full_server_refuses_new_reservations_and_takes_settlements(server: RedisServer) -> None:
    async with opened(server) as one:
        held = await ticket(one, MONEY, "0.5")
        server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
        server.say("CONFIG", "SET", "maxmemory", "1mb")
        one.settle(held, Spent(0, Decimal("0.4")), time.time())
        await flushed(one)
        with pytest.raises(StoreUnavailable, match=r"(?i)memory"):
            await one.admit(ask(MONEY, "0.1"), time.time())
        server.say("CONFIG", "SET", "maxmemory", "0")
        await until_up(one)
        assert await money(one) == (Decimal("0.4"), Decimal(0))


async def test_a_server_that_becomes_a_read_only_replica_counts_as_lost(server: RedisServer) -> None:
    async with opened(server) as one:
        server.say("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreUnavailable):
            await one.admit(ask(MONEY, "0.1"), time.time())
        await until_down(one)
        server.say("REPLICAOF", "NO", "ONE")
        await until_up(one)
        await ticket(one, MONEY, "0.1")


async def test_gateways_whose_clocks_differ_by_years_agree(server: RedisServer) -> None:
    day = Scope(ScopeId("key:day"), Limits(budgets=(Budget(Decimal(1), Window.DAY),), requests_per_minute=2))
    ahead = time.time() + 900 * 86_400.0
    async with (
        opened(server) as right,
        opened(server, "fast", now=lambda: ahead) as fast,
        opened(server, "slow", now=lambda: 1e9) as slow,
    ):
        assert isinstance(await right.admit(ask(day, "0.4"), time.time()), Ticket)
        assert isinstance(await fast.admit(ask(day, "0.4"), ahead), Ticket)
        answer = await slow.admit(ask(day, "0.4"), 1e9)
        assert isinstance(answer, Refusal)
        assert answer.code == "budget", "one day and one bucket for all"


# Without it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["closed", "open"])
async def test_budgets_do_as_chosen_and_limits_are_divided(server: RedisServer, choice: str) -> None:
    async with opened(server) as one, opened(server, "two"), opened(server, "three"):
        await until(lambda: one.health().replicas == 3)
        both = DegradedAccounts(one, "closed" if choice == "closed" else "open")
        server.kill()
        await until_down(one)
        assert isinstance(await both.admit(ask(RATED), time.time()), Ticket)
        answer = await both.admit(ask(RATED), time.time())
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.limit) == ("parallel", 1), "four for three gateways"
        if choice == "closed":
            with pytest.raises(StoreUnavailable):
                await both.admit(ask(MONEY, "0.1"), time.time())
        else:
            held = await ticket(both, MONEY, "0.1")
            assert await both.extend(held, Decimal(5), time.time())
            both.settle(held, Spent(0, Decimal("0.7")), time.time())
        health = both.health()
        assert (health.is_up, health.falls, health.degraded) == (False, 1, 3)
        assert "divided by 3" in health.without
        server.start()
        await until_up(one)
        await flushed(one)
        spent = Decimal(0) if choice == "closed" else Decimal("0.7")
        assert await money(one) == (spent, Decimal(0)), "what was served meanwhile is counted"
        assert both.health().without == ""


async def test_only_patience_is_longer_in_these_tests() -> None:
    assert LinkSettings().timeout_s == 0.05 < PATIENT.timeout_s
