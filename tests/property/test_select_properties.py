"""The choice follows the weights, and never takes what it may not."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import PickReason
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, Target
from foreroute.gateway.select import Choice, Standing, again, choose

DRAWS = st.floats(0, 1, exclude_max=True)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    count = draw(st.integers(1, 6))
    targets = tuple(
        Target(
            channel=ChannelId(f"c{i}"),
            weight=draw(st.sampled_from([0.0, 0.01, 0.3, 1.0])),
            priority=draw(st.integers(0, 2)),
        )
        for i in range(count)
    )
    standings = {t.channel: draw(st.sampled_from(Standing)) for t in targets}
    loads = {t.channel: draw(st.integers(0, 50)) for t in targets}
    tried = draw(st.lists(st.sampled_from([t.channel for t in targets]), unique=True))
    return Choice(
        route=Route(name=RouteName("r"), targets=targets),
        standing=lambda target: standings[target.channel],
        in_flight=loads.__getitem__,
        draws=(draw(DRAWS), draw(DRAWS)),
        tried=tried,
        static=draw(st.booleans()),
    )


@given(choices())
def test_only_the_last_resort_takes_what_is_out(choice: Choice) -> None:
    pick = choose(choice)
    free = [
        t
        for t in choice.route.targets
        if t.weight > 0 and t.channel not in choice.tried and choice.standing(t) is Standing.FREE
    ]
    if free:
        assert pick is not None
        assert pick.target in free
        assert pick.target.priority == min(t.priority for t in free)
        assert pick.reason is not PickReason.LAST_RESORT
    elif pick is not None:
        assert pick.reason is PickReason.LAST_RESORT
        assert pick.target.channel not in choice.tried
        assert choice.standing(pick.target) in {Standing.FREE, Standing.OPEN}


@given(choices())
def test_asking_again_takes_only_free_channels_with_weight(choice: Choice) -> None:
    pick = again(choice)
    if pick is not None:
        assert pick.target.weight > 0
        assert choice.standing(pick.target) is Standing.FREE


def plain(weights: list[float], loads: list[int], rng: random.Random) -> Choice:
    targets = tuple(Target(channel=ChannelId(str(i)), weight=w) for i, w in enumerate(weights))
    return Choice(
        route=Route(name=RouteName("r"), targets=targets, reason=PickReason.FORECAST),
        standing=lambda _: Standing.FREE,
        in_flight=lambda channel: loads[int(channel)],
        draws=(rng.random(), rng.random()),
    )


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.9, 0.1], [0.05, 0.15, 0.8], [1.0, 0.0]])
def test_an_idle_gateway_follows_the_weights(weights: list[float]) -> None:
    rng, counts = random.Random(1), Counter[str]()
    for _ in range(20_000):
        pick = choose(plain(weights, [0] * len(weights), rng))
        assert pick is not None
        counts[pick.target.channel] += 1
    for index, weight in enumerate(weights):
        assert counts[str(index)] / 20_000 == pytest.approx(weight, abs=0.012)
        assert weight > 0 or counts[str(index)] == 0


def test_a_channel_that_holds_its_requests_gets_fewer() -> None:
    rng, counts = random.Random(2), Counter[str]()
    for _ in range(4_000):
        pick = choose(plain([0.5, 0.5], [30, 3], rng))
        assert pick is not None
        counts[pick.target.channel] += 1
    assert counts["0"] / 4_000 == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("latencies", [(10, 10), (10, 40)])
def test_shares_under_load_stay_near_the_weights(latencies: tuple[int, int]) -> None:
    """Requests that stay for a while: the weights hold for equal channels, and bend for a slow one."""
    rng, counts, loads = random.Random(3), Counter[int](), [0, 0]
    ends: dict[int, list[int]] = {}
    for step in range(20_000):
        for channel in ends.pop(step, []):
            loads[channel] -= 1
        pick = choose(plain([0.7, 0.3], loads, rng))
        assert pick is not None
        channel = int(pick.target.channel)
        counts[channel] += 1
        loads[channel] += 1
        ends.setdefault(step + latencies[channel], []).append(channel)
    share = counts[1] / 20_000
    assert share == pytest.approx(0.3, abs=0.04) if latencies[0] == latencies[1] else share < 0.25


@pytest.mark.parametrize(
    ("standings", "tried", "static", "reason"),
    [
        ("ff", "", False, PickReason.FORECAST),
        ("ff", "", True, PickReason.STATIC),
        ("ff", "0", False, PickReason.FAILOVER),
        ("of", "", False, PickReason.SPILLOVER),
        ("Lf", "", False, PickReason.SPILLOVER),
        ("oo", "", False, PickReason.LAST_RESORT),
        ("oo", "0", False, None),
        ("tL", "", False, None),
        ("aa", "", False, None),
    ],
)
def test_reasons(standings: str, tried: str, static: bool, reason: PickReason | None) -> None:
    words = dict(
        zip(
            "foLta",
            (Standing.FREE, Standing.OPEN, Standing.FULL, Standing.THROTTLED, Standing.ABSENT),
            strict=True,
        )
    )
    targets = (Target(channel=ChannelId("0"), weight=1), Target(channel=ChannelId("1"), weight=1, priority=1))
    pick = choose(
        Choice(
            route=Route(name=RouteName("r"), targets=targets, reason=PickReason.FORECAST),
            standing=lambda target: words[standings[int(target.channel)]],
            in_flight=lambda _: 0,
            draws=(0.3, 0.3),
            tried=[ChannelId(c) for c in tried],
            static=static,
        )
    )
    assert (pick and pick.reason) == reason
