"""Two hundred requests at once against a budget for a fraction of them: it holds, whatever becomes of each."""

import asyncio
import secrets
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from foreroute.app.control_plane import open_store
from foreroute.core.attempt import Usage
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, KeyBook, Limits, key_scope
from foreroute.core.windows import Window
from foreroute.gateway.keyring import new_key
from foreroute.testing.fake_provider import Fault, ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

AT_ONCE = 200
OUTPUT_TOKENS = 12
LIMIT_USD = Decimal("0.0006")
"""About sixty of the requests."""


class Various:
    """Some answers break off, some fail, some never say what they used."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        rng = Random(f"{self._seed}/{request.body.get('user', 'probe')}/{request.model}")
        answer = ProviderAnswer(
            time_to_first_chunk_s=rng.uniform(0.1, 0.5),
            seconds_per_chunk=0.05,
            chunks=("word ",) * OUTPUT_TOKENS,
        )
        chance = rng.random()
        if chance < 0.1:
            return ProviderAnswer(status=500, time_to_first_chunk_s=0.1)
        if chance < 0.2 and request.stream:
            return ProviderAnswer(
                chunks=("word ",) * OUTPUT_TOKENS,
                fault=Fault.CUT,
                fault_after_chunks=4,
                seconds_per_chunk=0.05,
            )
        return answer


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_hard_budget_is_never_overspent_by_more_than_one_reservation(open_house, seed: int) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        behaviours = {"one": Various(seed), "two": Various(seed + 1000)}
        async with open_house(loop, behaviours, {"loop": {"fit_workers": 0}}) as house:
            control = await house.start_control("money")
            plain, key = new_key(secrets.token_bytes, name="tight", at=house.now())
            budget = Budget(LIMIT_USD, Window.TOTAL)
            key = replace(key, limits=Limits(budgets=(budget,)))
            house.data.take_keys(KeyBook(keys=(key,)), {}, house.now())
            await asyncio.sleep(0)
            ends: Counter[str] = Counter()
            rng = Random(seed)

            async def ask(number: int, *, stream: bool, leaves: bool) -> None:
                body = {
                    "model": "chat",
                    "stream": stream,
                    "user": f"u{number}",
                    "max_tokens": OUTPUT_TOKENS,
                    "messages": [{"role": "user", "content": "Hello?"}],
                }
                headers = {"authorization": f"Bearer {plain}"}
                async with house.http.post("v1/chat/completions", json=body, headers=headers) as response:
                    if leaves and stream and response.status == 200:
                        await response.content.readany()
                        response.close()
                        ends["left"] += 1
                        return
                    await response.read()
                    ends[str(response.status)] += 1

            async with asyncio.TaskGroup() as group:
                for number in range(AT_ONCE):
                    kind = {"stream": rng.random() < 0.5, "leaves": rng.random() < 0.1}
                    group.create_task(ask(number, **kind))
            await asyncio.sleep(5.0)
            reserved_for_one = reservation(house)
            # What was only held by others is free again now: use the budget up, one by one.
            for number in range(AT_ONCE, AT_ONCE + 80):
                await ask(number, stream=False, leaves=False)
            standing = house.data.accounts.standing(key_scope(key), house.now())
            await control.end()
            await house.count(control)
            spent = await ledger_sum(house, key.id)

            balance = standing.balances[Window.TOTAL]
            assert standing.parallel == 0
            assert balance.reserved_usd == 0
            assert ends["429"] > 0, "the budget was for fewer"
            assert spent <= LIMIT_USD + reserved_for_one
            assert spent > LIMIT_USD * Decimal("0.8"), "and it can be used up"
            assert balance.spent_usd == spent, "accounts and ledger say the same"

    run_virtual(main)


def reservation(house) -> Decimal:
    """What one request reserves: its body's estimate and its twelve tokens, at the list price of the model."""
    channel = house.data.channels[0]
    price = house.data.till.prices.cost_usd(
        channel, Usage(input_tokens=200 // 4, output_tokens=OUTPUT_TOKENS), house.now()
    )
    assert price.cost_usd is not None
    return Decimal(price.cost_usd)


async def ledger_sum(house, key: KeyId) -> Decimal:
    """What the ledger says the key has spent: our own probes are nobody's."""
    store = await open_store(house.settings)
    try:
        rows = await store.ledger.entries(start_at=0.0, end_at=1e12)
    finally:
        await store.close()
    mine = [row for row in rows if row.attempt.key_id == key]
    assert all(row.cost_usd is not None for row in mine)
    return sum((row.cost_usd or Decimal(0) for row in mine), Decimal(0))
