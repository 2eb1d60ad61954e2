"""The nearest serve while they can; what they cannot take goes farther, step by step, and comes back."""

from dataclasses import replace

import pytest

from foreroute.control.observe import Observed
from foreroute.control.spread import Own, Spread, SpreadSettings
from foreroute.core.attempt import PickReason
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, ReasonCode
from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.regions.balance import BalanceSettings

CHAT = RouteName("chat")
NAMES = ("eu-1", "eu-2", "us-1", "ap-1", "spare")
PRIORITY = {"eu-1": 0, "eu-2": 0, "us-1": 1, "ap-1": 2, "spare": 3}
"""By distance; the operator wants `spare` last of all, wherever it is."""


def channel(name: str, room: int | None = None) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="p",
        cloud="c",
        region=RegionId(name[:2] if name != "spare" else "eu"),
        model="m",
        base_url="http://127.0.0.1:1",
        requests_per_minute_max=room,
    )


def spread(**rooms: int) -> Spread:
    own = {ChannelId(name): Own(1.0, 1 if name == "spare" else 0) for name in NAMES}
    return Spread(
        SpreadSettings(
            home=RegionId("eu"),
            delay_s={RegionId("eu"): 0.005, RegionId("us"): 0.08, RegionId("ap"): 0.2},
            near={CHAT: own},
            channels={ChannelId(name): channel(name, rooms.get(name.replace("-", ""))) for name in NAMES},
            balance=BalanceSettings(use_max=1.0),
        )
    )


def plan() -> RoutingPlan:
    targets = tuple(
        Target(channel=ChannelId(name), weight=0.5 if name.startswith("eu") else 1.0, priority=PRIORITY[name])
        for name in NAMES
    )
    return RoutingPlan(
        version=1, made_at=0.0, valid_until=9.0, routes={CHAT: Route(name=CHAT, targets=targets)}
    )


def cause(name: str, bound: float) -> Cause:
    return Cause(
        route=CHAT, channel=ChannelId(name), code=ReasonCode.FORECAST, bound=bound, since_at=0.0, detail=""
    )


def shares(found: RoutingPlan) -> dict[str, float]:
    targets = found.routes[CHAT].targets
    for priority in {target.priority for target in targets}:
        total = sum(target.weight for target in targets if target.priority == priority)
        assert total == pytest.approx(1.0) or total == 0
    first = min(target.priority for target in targets if target.weight > 0)
    return {one.channel: round(one.weight, 4) for one in targets if one.priority == first and one.weight > 0}


def seen(per_minute: float) -> dict[ChannelId, Observed]:
    return {ChannelId("eu-1"): Observed(attempts_per_minute=per_minute / 2),
            ChannelId("eu-2"): Observed(attempts_per_minute=per_minute / 2)}  # fmt: skip


def test_while_all_is_well_the_plan_stays_as_it_is() -> None:
    one = spread()
    one.look(seen(1000.0), {})
    assert one.plan(plan(), (), step=True) == plan()
    assert spread(eu1=600, eu2=600).plan(plan(), (), step=True) == plan()


def test_other_routes_are_left_alone() -> None:
    one = replace(spread().settings, near={})
    assert Spread(one).plan(plan(), (cause("eu-1", 0.1),), step=True) == plan()


def test_an_ill_region_is_relieved_by_the_next_one_step_by_step_and_takes_it_back() -> None:
    one = spread()
    trouble = (cause("eu-1", 0.3), cause("eu-2", 0.3))
    moved = [shares(one.plan(plan(), trouble, step=True)) for _ in range(6)]
    assert moved[0] == {"eu-1": 0.425, "eu-2": 0.425, "us-1": 0.15}
    assert moved[-1] == {"eu-1": 0.21, "eu-2": 0.21, "us-1": 0.58}
    found = one.plan(plan(), trouble, step=True)
    assert found.routes[CHAT].reason is PickReason.SPILLOVER
    back = [one.plan(plan(), (), step=True) for _ in range(6)]
    assert shares(back[0])["us-1"] == pytest.approx(0.43)
    assert back[-1] == plan()


def test_publishing_again_moves_nothing_further() -> None:
    one = spread()
    trouble = (cause("eu-1", 0.3), cause("eu-2", 0.3))
    first = one.plan(plan(), trouble, step=True)
    assert one.plan(plan(), trouble, step=False) == first


def test_who_is_put_out_leaves_at_once() -> None:
    found = shares(spread().plan(plan(), (cause("eu-1", 0.0), cause("eu-2", 0.0)), step=True))
    assert found == {"us-1": 1.0}


def test_demand_that_is_expected_makes_room_before_it_comes() -> None:
    """Europe takes 800 a minute; 700 come now, within a quarter of an hour 900, or 71 more where both are doubtful."""
    window = WindowForecast(
        target=WindowTarget.MEAN, horizon_s=900.0, value=450.0, lower80=400.0, upper80=500.0, lower95=380.0,
        upper95=520.0, n_effective=10.0, floor_ratio=0.0,
    )  # fmt: skip
    forecasts = {
        (ChannelId(name), Metric.ATTEMPTS): Forecast(
            channel=ChannelId(name), metric=Metric.ATTEMPTS, origin_at=0.0, step_s=60.0, mean=(), lower=(), upper=(),
            coverage=0.8, model="m", windows=(window,),
        )
        for name in ("eu-1", "eu-2")
    }  # fmt: skip
    one = spread(eu1=400, eu2=400)
    one.look(seen(700.0), {})
    assert one.plan(plan(), (), step=True) == plan()
    one.look(seen(700.0), forecasts)
    for _ in range(3):
        found = one.plan(plan(), (), step=True)
    assert shares(found) == {"eu-1": 0.4121, "eu-2": 0.4121, "us-1": 0.1759}
    assert [(spill.target, round(spill.per_minute)) for spill in one.spills[CHAT]] == [("us", 171)]


def test_the_operators_last_resort_stays_the_last() -> None:
    found = spread().plan(plan(), (cause("eu-1", 0.0), cause("eu-2", 0.0), cause("us-1", 0.0)), step=True)
    assert shares(found) == {"ap-1": 1.0}
    last = max(found.routes[CHAT].targets, key=lambda target: target.priority)
    assert last.channel == "spare"
