"""The control of the savings: who is held out, when, by which weights, and what is counted of them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.control.controls import Steering
from foreroute.control.experiments.counting import Counting
from foreroute.control.experiments.held_out import (
    CONTROL,
    KIND,
    STEERED,
    HeldOut,
    HeldOutSettings,
    definition_of,
    stored_runs,
)
from foreroute.control.helm import Helm
from foreroute.core.assignment import draw
from foreroute.core.attempt import PickReason
from foreroute.core.decision import Autopilot, Capability
from foreroute.core.experiment import Unit, treated
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Route, RoutingPlan, Select, Target
from foreroute.cost.calendar import Window
from foreroute.dashboard.cost_savings import SavingsSources, savings_of, savings_row
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_attempt

CHAT, SOLO = RouteName("chat"), RouteName("solo")
DEAR, CHEAP, SPARE = ChannelId("dear"), ChannelId("cheap"), ChannelId("spare")
MONTH = Window("2026-03", 1_772_323_200.0, 1_775_001_600.0)
AT = MONTH.start_at + 3600.0
ROUTES = {
    CHAT: Route(
        name=CHAT,
        targets=(
            Target(channel=DEAR, weight=0.6),
            Target(channel=CHEAP, weight=0.4),
            Target(channel=SPARE, weight=1.0, priority=1),
        ),
    ),
    SOLO: Route(name=SOLO, targets=(Target(channel=DEAR, weight=1.0),)),
}
MOVED = replace(
    ROUTES[CHAT],
    reason=PickReason.OPTIMUM,
    targets=(
        Target(channel=DEAR, weight=0.1),
        Target(channel=CHEAP, weight=0.9),
        Target(channel=SPARE, weight=1.0, priority=1),
    ),
)


class Room:
    def __init__(self, stage: Autopilot = Autopilot.ACT, **settings: object) -> None:
        self.store = MemoryStore(merge_rollups)
        self.steering = Steering(autopilot=stage)
        self.month = "2026-03"
        self.held_out = self.made(**settings)

    def made(self, **settings: object) -> HeldOut:
        return HeldOut(
            settings=HeldOutSettings(**settings),  # type: ignore[arg-type]
            counting=Counting(self.store.experiments, dict),
            runs=self.store.experiments.runs,
            steering=self.steering,
            routes=lambda: ROUTES,
            month=lambda _: self.month,
        )

    async def serve(self, count: int, *, at: float, first: int = 0) -> None:
        """Requests by the arms that they draw: a steered one costs 0.8, one of the control 1.0, with some scatter."""
        for number in range(first, first + count):
            name = f"q{number}"
            [drawn] = draw(self.steering.held_out[CHAT], {Unit.REQUEST: name}.get, at)
            usd = (Decimal("0.8") if drawn.arm.name == STEERED else Decimal("1.0")) + Decimal(
                number % 7
            ) / 100
            attempt = replace(an_attempt(request=name, at=at), hedge=False, arms=(drawn.mark,), cost_usd=usd)
            await self.store.ledger.append(
                [LedgerEntry(attempt=attempt, cost_usd=usd, price_source="config")]
            )


async def test_nobody_is_held_out_while_the_optimum_does_not_act() -> None:
    room = Room(Autopilot.SUGGEST)
    assert not await room.held_out.update(AT)
    assert room.steering.held_out == {}
    assert await stored_runs(room.store.experiments.runs) == []


async def test_the_control_keeps_the_configured_weights_by_shares_alone() -> None:
    room = Room()
    assert await room.held_out.update(AT)
    [planned] = room.steering.held_out[CHAT]
    assert SOLO not in room.steering.held_out
    control, steered = planned.arms
    assert (control.name, control.share, steered.name) == (CONTROL, 0.05, STEERED)
    served = treated(MOVED, control.treatment, {})
    assert {one.channel: one.weight for one in served.targets if one.priority == 0} == {DEAR: 0.6, CHEAP: 0.4}
    assert served.select is Select.SHARES
    assert served.reason is PickReason.CONFIGURED
    assert treated(MOVED, steered.treatment, {}) is MOVED


async def test_about_the_share_that_was_asked_for_is_held_out_and_stays() -> None:
    room = Room(control_share=0.2)
    await room.held_out.update(AT)
    planned = room.steering.held_out[CHAT]

    def arms() -> list[str]:
        return [draw(planned, {Unit.REQUEST: f"q{n}"}.get, AT)[0].arm.name for n in range(5000)]

    assert arms().count(CONTROL) / 5000 == pytest.approx(0.2, abs=0.02)
    assert arms() == arms()


async def test_lowering_the_stage_or_the_kill_switch_lets_everybody_go() -> None:
    room = Room()
    await room.held_out.update(AT)
    room.steering.kill_switch = True
    assert await room.held_out.update(AT + 5.0)
    assert room.steering.held_out == {}
    room.steering.kill_switch = False
    assert await room.held_out.update(AT + 10.0)
    room.steering.move(Capability.OPTIMUM, Autopilot.OBSERVE, AT)
    assert await room.held_out.update(AT + 15.0)
    assert room.steering.held_out == {}
    assert len(await stored_runs(room.store.experiments.runs)) == 1


async def test_a_restart_goes_on_with_the_run_and_a_month_or_a_change_begins_another() -> None:
    room = Room()
    await room.held_out.update(AT)
    await room.made().update(AT + 60.0)
    assert [one.id for one in await stored_runs(room.store.experiments.runs)] == ["savings.2026-03.1"]
    await room.made(control_share=0.1).update(AT + 120.0)
    room.month = "2026-04"
    await room.held_out.update(MONTH.end_at + 1.0)
    found = [one.id for one in await stored_runs(room.store.experiments.runs)]
    assert found == ["savings.2026-03.1", "savings.2026-03.2", "savings.2026-04.1"]


async def test_experiments_come_after_the_control_in_the_plan() -> None:
    room = Room()
    await room.held_out.update(AT)
    mine = room.steering.held_out[CHAT][0]
    other = replace(mine, layer="default")
    room.steering.experiments = {CHAT: (other,)}
    published: list[RoutingPlan] = []
    configured = RoutingPlan(version=1, made_at=AT, valid_until=AT + 600.0, routes=ROUTES)
    Helm(configured, room.steering, published.append).begin(1, AT, 600.0)
    assert published[-1].experiments[CHAT] == (mine, other)
    room.steering.kill_switch = True
    Helm(configured, room.steering, published.append).begin(2, AT, 600.0)
    assert published[-1].experiments == {}


async def test_what_was_counted_is_stated_with_an_interval_that_holds_the_truth() -> None:
    room = Room(control_share=0.2)
    await room.held_out.update(AT)
    await room.serve(3000, at=AT)
    await room.held_out.update(AT + 600.0)
    sources = SavingsSources(
        costs=room.store.costs, experiments=room.store.experiments, running_usd_per_month=10.0
    )
    found = await savings_of(sources, MONTH, AT + 3600.0)
    assert found.requests + found.requests_control == 3000
    assert found.change is not None
    true = 0.83 / 1.03 - 1.0
    assert found.change.lower < true < found.change.upper
    assert found.change.upper < 0.0
    assert found.is_sure
    row = savings_row(found, MONTH)
    assert row["month"] == "2026-03"
    assert row["net_usd"]["value"] < row["gross_usd"]["value"]
    assert row["gross_usd"]["upper"] <= row["spent_usd"]
    assert row["roi"] is not None
    assert row["missing"] is None


async def test_too_few_requests_state_nothing() -> None:
    room = Room()
    await room.held_out.update(AT)
    await room.serve(200, at=AT)
    await room.held_out.update(AT + 600.0)
    sources = SavingsSources(costs=room.store.costs, experiments=room.store.experiments)
    row = savings_row(await savings_of(sources, MONTH, AT + 3600.0), MONTH)
    assert row["net_usd"] is None
    assert "too few" in row["missing"]


def test_nobody_is_held_out_where_nothing_can_move() -> None:
    assert definition_of(HeldOutSettings(), {SOLO: ROUTES[SOLO]}) is None
    assert definition_of(HeldOutSettings(control_share=0.0), ROUTES) is None
    found = definition_of(HeldOutSettings(unit=Unit.USER), ROUTES)
    assert found is not None
    assert (found.id, found.routes, found.unit) == (KIND, (CHAT,), Unit.USER)
