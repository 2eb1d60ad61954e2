"""The probability that goes on record is the one by which the channel was drawn."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, Target
from foreroute.gateway.select import Choice, Standing, choose


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    count = draw(st.integers(1, 5))
    targets = tuple(
        Target(channel=ChannelId(f"c{i}"), weight=draw(st.sampled_from([0.05, 0.3, 1.0])))
        for i in range(count)
    )
    loads = {t.channel: draw(st.integers(0, 9)) for t in targets}
    slow = {t.channel: draw(st.sampled_from([1.0, 1.4, 3.0])) for t in targets}
    out = {t.channel: draw(st.sampled_from([Standing.FREE, Standing.FREE, Standing.OPEN])) for t in targets}
    return Choice(
        route=Route(name=RouteName("r"), targets=targets),
        standing=lambda target: out[target.channel],
        in_flight=loads.__getitem__,
        draws=(0.0, 0.0),
        slowdown=slow.__getitem__,
        explore_ratio=draw(st.sampled_from([0.0, 0.2])),
    )


def drawn(choice: Choice) -> dict[ChannelId, float]:
    """How often each channel is taken over all draws: the middle of each one's stretch stands for all of it."""
    free = [t for t in choice.route.targets if choice.standing(t) is Standing.FREE]
    total = sum(target.weight for target in free)
    stretches, at = [], 0.0
    for target in free:
        part = target.weight / total
        stretches.append((at + part / 2.0, part))
        at += part
    found: dict[ChannelId, float] = {}
    for index, (first, one) in enumerate(stretches):
        # Where both draws fall on a slow one, its stretch is divided among those that are not.
        quick = [
            t.weight for t in free if choice.slowdown(free[index].channel) >= 2.0 * choice.slowdown(t.channel)
        ]
        for second, other in _with_parts(stretches, index, quick):
            for explore, weight in ((True, choice.explore_ratio), (False, 1.0 - choice.explore_ratio)):
                pick = choose(replace(choice, draws=(first, second), explore=explore))
                assert pick is not None
                found[pick.target.channel] = found.get(pick.target.channel, 0.0) + one * other * weight
    return found


def _with_parts(
    stretches: list[tuple[float, float]], index: int, weights: list[float]
) -> list[tuple[float, float]]:
    if not weights:
        return stretches
    middle, length = stretches[index]
    at, parts = middle - length / 2.0, []
    for weight in weights:
        part = length * weight / sum(weights)
        parts.append((at + part / 2.0, part))
        at += part
    return [*stretches[:index], *parts, *stretches[index + 1 :]]


@given(choices(), st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)))
def test_it_is_the_share_of_all_draws_that_take_the_channel(
    choice: Choice, draws: tuple[float, float]
) -> None:
    if not any(choice.standing(t) is Standing.FREE for t in choice.route.targets):
        return
    pick = choose(replace(choice, draws=draws))
    assert pick is not None
    assert pick.propensity == pytest.approx(drawn(choice)[pick.target.channel])


@given(choices())
def test_nothing_is_said_where_chance_did_not_decide(choice: Choice) -> None:
    sticky = choose(replace(choice, prefix=b"the same beginning"))
    again = choose(replace(choice, tried=(choice.route.targets[0].channel,)))
    assert sticky is None or sticky.propensity is None
    assert again is None or again.propensity is None
