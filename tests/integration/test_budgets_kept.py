"""A budget that was set and spent in one run holds in the next, from its first request on."""

import asyncio
from decimal import Decimal

from tests.integration.test_budgets import QUIET, Steady, ask

from foreroute.app.control_plane import open_store
from foreroute.core.budgets import AtLimit, Origin, ScopedBudget
from foreroute.core.ports import BudgetedStore
from foreroute.core.windows import Window
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual


def test_a_budget_outlives_its_process_and_what_it_has_spent(open_house) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            store = await open_store(house.settings)
            assert isinstance(store, BudgetedStore)
            held = ScopedBudget(
                name="tight",
                window=Window.DAY,
                hard_limit_usd=Decimal("0.0001"),
                at_limit=AtLimit.PAYMENT,
                origin=Origin.RUN_TIME,
            )
            await store.budgets.put(held)
            await store.close()
            control = await house.start_control("first")
            await asyncio.sleep(0)
            statuses = [(await ask(house, number))[0] for number in range(30)]
            assert 200 in statuses
            assert statuses[-1] == 402
            await asyncio.sleep(120.0)
            await control.end()
            house.data.intake.close()

        async with open_house(loop, {"one": Steady()}, QUIET) as house:
            control = await house.start_control("second")
            await asyncio.sleep(0)
            assert (await ask(house))[0] == 402, "the ledger knows"
            assert control.plane.budgets is not None
            (status,) = control.plane.budgets.statuses
            assert Decimal(0) < status.spent_usd <= held.aim_usd
            await control.end()

    run_virtual(main)
