"""House budgets on real loopback sockets: what a hard limit does, and that it holds under two hundred requests at once."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from foreroute.core.attempt import Usage
from foreroute.core.budgets import AtLimit, BudgetScope, ScopedBudget
from foreroute.core.windows import Window
from foreroute.testing.fake_provider import ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

OUTPUT_TOKENS = 12
QUIET = {"loop": {"fit_workers": 0}}


class Steady:
    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        return ProviderAnswer(
            time_to_first_chunk_s=0.2, seconds_per_chunk=0.01, chunks=("word ",) * OUTPUT_TOKENS
        )


def budget(**more: object) -> ScopedBudget:
    fields = {"name": "tight", "window": Window.TOTAL, "hard_limit_usd": Decimal("0.0006")}
    return ScopedBudget(**(fields | more))  # type: ignore[arg-type]


async def ask(house, number: int = 0, *, stream: bool = False) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {
        "model": "chat",
        "stream": stream,
        "user": f"u{number}",
        "max_tokens": OUTPUT_TOKENS,
        "messages": [{"role": "user", "content": "Hello?"}],
    }
    async with house.http.post("v1/chat/completions", json=body) as response:
        answer = {} if stream and response.status == 200 else await response.json()
        await response.read()
        return response.status, answer, {name.lower(): value for name, value in response.headers.items()}


def one_usd(house) -> Decimal:
    """The most that one request reserves."""
    usage = Usage(input_tokens=200 // 4, output_tokens=OUTPUT_TOKENS)
    costs = [house.data.till.prices.cost_usd(one, usage, house.now()).cost_usd for one in house.data.channels]
    return max(Decimal(cost) for cost in costs if cost is not None)


def balance(house, held: ScopedBudget):
    scope = held.account()
    assert scope is not None
    return house.data.accounts.standing(scope, house.now()).balances[held.window]


async def take(house, *budgets: ScopedBudget, spends: dict[str, Decimal] | None = None) -> None:
    house.data.take_budgets(budgets, spends or {}, house.now())
    await asyncio.sleep(0)


@pytest.mark.parametrize("scope", [BudgetScope.GLOBAL, BudgetScope.ROUTE, BudgetScope.PROVIDER])
def test_two_hundred_at_once_never_overspend_it(open_house, scope: BudgetScope) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady(), "two": Steady()}, QUIET) as house:
            names = {BudgetScope.ROUTE: "chat", BudgetScope.PROVIDER: house.data.channels[0].provider}
            held = budget(scope=scope, of=names.get(scope, ""))
            await take(house, held)
            ends: Counter[int] = Counter()

            async def one(number: int) -> None:
                ends[(await ask(house, number, stream=number % 2 == 0))[0]] += 1
                assert balance(house, held).spent_usd + balance(house, held).reserved_usd <= (
                    held.aim_usd + one_usd(house)
                )

            async with asyncio.TaskGroup() as group:
                for number in range(200):
                    group.create_task(one(number))
            await asyncio.sleep(5.0)
            found = balance(house, held)
            assert found.reserved_usd == 0
            assert found.spent_usd <= held.aim_usd
            assert ends[200] > 5
            assert set(ends) == {200, 429}

    run_virtual(main)


def test_a_request_is_refused_with_402_and_told_not_to_come_back(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            await take(house, budget(at_limit=AtLimit.PAYMENT), spends={"tight": Decimal("0.0006")})
            status, answer, headers = await ask(house)
            assert status == 402
            assert answer["error"]["code"] == "budget_exceeded"
            assert answer["error"]["type"] == "insufficient_quota"
            assert headers["x-should-retry"] == "false"
            assert "0.0006" not in answer["error"]["message"], "what the house may spend is not told"

    run_virtual(main)


def test_429_says_when_the_next_period_begins(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            held = budget(window=Window.HOUR, time_zone="Asia/Kathmandu")
            await take(house, held, spends={"tight": Decimal("0.0006")})
            status, answer, headers = await ask(house)
            assert status == 429, answer
            into = (house.now() + 45 * 60) % 3600  # the hour begins at a quarter past in UTC
            assert float(headers["retry-after"]) == pytest.approx(3600 - into, abs=2)
            await asyncio.sleep(float(headers["retry-after"]))
            assert (await ask(house))[0] == 200, "and then it does"

    run_virtual(main)


def test_queue_waits_for_the_next_period_and_no_longer_than_its_bound(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            held = budget(window=Window.HOUR, at_limit=AtLimit.QUEUE, queue_s=120.0)
            spends = {"tight": Decimal("0.0006")}
            await take(house, held, spends=spends)
            began = loop.time()
            assert (await ask(house))[0] == 429, "the next hour is too far away"
            assert loop.time() - began < 1.0
            await asyncio.sleep(3600 - house.now() % 3600 - 60)
            began = loop.time()
            assert (await ask(house))[0] == 200
            assert 59.0 < loop.time() - began < 62.0

    run_virtual(main)


def test_queue_lets_one_after_the_other_in_while_only_reservations_stand_in_the_way(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            held = budget(
                hard_limit_usd=one_usd(house) * Decimal("4.5"), at_limit=AtLimit.QUEUE, window=Window.DAY
            )
            await take(house, held)
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask(house, number)) for number in range(6)]
            statuses = Counter(one.result()[0] for one in asked)
            assert balance(house, held).spent_usd <= held.aim_usd
            assert statuses[200] >= 4
            assert house.data.till.waiting == 0

    run_virtual(main)


def test_a_channel_at_its_limit_is_left_out_and_its_route_goes_on(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady(), "two": Steady()}, QUIET) as house:
            name = house.data.channels[0].id
            held = budget(scope=BudgetScope.CHANNEL, of=name)
            await take(house, held, spends={"tight": Decimal("0.0006")})
            served = Counter([(await ask(house, number))[2]["x-foreroute-channel"] for number in range(20)])
            assert set(served) == {house.data.channels[1].id}

    run_virtual(main)


def test_cheaper_spares_from_the_limit_on_and_lets_nothing_dear_pass(open_house) -> None:
    prices = {"one": ("10", "10"), "two": ("1", "1")}

    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady(), "two": Steady()}, QUIET) as house:
            dear = next(one for one in house.data.channels if one.id == "one")
            real = house.data.till.prices

            class Dearer:
                def cost_usd(self, channel, usage, at, **more):
                    found = real.cost_usd(channel, usage, at, **more)
                    factor = Decimal(prices[channel.id][0])
                    return type(found)(None if found.cost_usd is None else found.cost_usd * factor, "test")

            house.data.till.prices = Dearer()
            held = budget(
                limit_usd=Decimal("0.01"), hard_limit_usd=Decimal(1), at_limit=AtLimit.CHEAPER, name="spare"
            )
            await take(house, held)
            before = Counter([(await ask(house, number))[2]["x-foreroute-channel"] for number in range(20)])
            assert before[dear.id] > 0, "below its limit nobody is spared"
            await take(house, held, spends={"spare": Decimal("0.01")})
            after = Counter([(await ask(house, number))[2]["x-foreroute-channel"] for number in range(20)])
            assert set(after) == {"two"}
            await take(house, held, spends={"spare": Decimal(1)})
            assert (await ask(house))[0] == 429

    run_virtual(main)


def test_what_costs_nothing_serves_on_when_a_sparing_budget_is_spent(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady(), "two": Steady()}, QUIET) as house:
            real = house.data.till.prices

            class Free:
                def cost_usd(self, channel, usage, at, **more):
                    found = real.cost_usd(channel, usage, at, **more)
                    return found if channel.id == "one" else type(found)(Decimal(0), "test")

            house.data.till.prices = Free()
            held = budget(
                limit_usd=Decimal("0.01"), hard_limit_usd=Decimal(1), at_limit=AtLimit.CHEAPER, name="spare"
            )
            await take(house, held, spends={"spare": Decimal(2)})
            served = Counter([(await ask(house, number))[2]["x-foreroute-channel"] for number in range(10)])
            assert set(served) == {"two"}

    run_virtual(main)
