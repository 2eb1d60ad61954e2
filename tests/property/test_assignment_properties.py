"""Who gets which arm: shares, stability, layers that exclude each other, and nothing at all for everybody else."""

import math
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.assignment import Drawn, arm_of_slot, draw, place_of
from foreroute.core.experiment import (
    AS_IS,
    PLACES,
    ExperimentKind,
    PlannedArm,
    PlannedExperiment,
    RunId,
    TimeoutChange,
    Treatment,
    Unit,
    treated,
)
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.routes import Route, Select, Target
from foreroute.experiment.layers import free_slices

NAMES = st.text(min_size=1, max_size=30)
SHARES = st.floats(0.02, 1.0)
UNITS = 4000
CHAT = RouteName("chat")


def experiment(
    run: str, slices: tuple[tuple[int, int], ...], weights: list[float], *, layer: str = "default"
) -> PlannedExperiment:
    total = sum(weights)
    arms = tuple(PlannedArm(name=f"arm{n}", share=weight / total) for n, weight in enumerate(weights))
    return PlannedExperiment(
        run=RunId(run), kind=ExperimentKind.AB, layer=layer, slices=slices, arms=arms, unit=Unit.USER
    )


def user(name: str | None) -> Callable[[Unit], str | None]:
    return lambda unit: name if unit is Unit.USER else None


def within(count: int, trials: int, share: float) -> bool:
    """Six deviations: once in a billion, and the hash is fixed, so that never is never."""
    return abs(count - trials * share) <= 6.0 * math.sqrt(trials * share * (1.0 - share)) + 1.0


def place_share(slices: tuple[tuple[int, int], ...]) -> float:
    return sum(end - start for start, end in slices) / PLACES


@settings(max_examples=25, deadline=None)
@given(NAMES, SHARES, st.lists(st.floats(0.1, 5.0), min_size=2, max_size=4), st.integers(0, 10**6))
def test_shares_are_what_they_should_be(run: str, share: float, weights: list[float], offset: int) -> None:
    slices = free_slices([], share)
    assert slices is not None
    one = experiment(run, slices, weights)
    drawn = [draw([one], user(f"user-{n + offset}"), 0.0) for n in range(UNITS)]
    arms = Counter(found[0].arm.name for found in drawn if found)
    assert within(arms.total(), UNITS, place_share(slices))
    for arm in one.arms:
        assert within(arms[arm.name], arms.total(), arm.share)


@given(NAMES, NAMES, st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_unit_has_the_same_arm_at_any_time(run: str, name: str, at: float, later: float) -> None:
    one = experiment(run, ((0, PLACES),), [1.0, 1.0])
    first, again = (draw([one], user(name), when) for when in (at, later))
    assert first == again
    assert len(first) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 0.4), min_size=2, max_size=5), st.lists(NAMES, min_size=50, max_size=80))
def test_no_unit_is_in_two_experiments_of_a_layer(shares: list[float], names: list[str]) -> None:
    taken: list[tuple[int, int]] = []
    experiments = []
    for number, share in enumerate(shares):
        slices = free_slices(taken, share)
        if slices is None:
            assert place_share(tuple(taken)) + share > 1.0 - 1e-3, "refused only where there is no room"
            continue
        taken += slices
        experiments.append(experiment(f"run.{number}", slices, [1.0, 1.0]))
    for name in names:
        assert len(draw(experiments, user(name), 0.0)) <= 1


def test_layers_are_independent_of_each_other() -> None:
    half = ((0, PLACES // 2),)
    one, other = (experiment(f"{layer}.1", half, [1.0, 1.0], layer=layer) for layer in ("red", "blue"))
    both = Counter(
        tuple(sorted(found.experiment.layer for found in draw([one, other], user(f"u{n}"), 0.0)))
        for n in range(UNITS)
    )
    for group in ((), ("red",), ("blue",), ("blue", "red")):
        assert within(both[group], UNITS, 0.25)


def test_runs_of_one_experiment_draw_anew() -> None:
    first, second = (experiment(f"same.{n}", ((0, PLACES),), [1.0, 1.0]) for n in (1, 2))
    moved = sum(
        draw([first], user(f"u{n}"), 0.0)[0].arm.name != draw([second], user(f"u{n}"), 0.0)[0].arm.name
        for n in range(UNITS)
    )
    assert within(moved, UNITS, 0.5)


@given(NAMES, st.floats(0.01, 0.99))
def test_whoever_is_outside_or_says_nothing_takes_no_part(name: str, share: float) -> None:
    slices = free_slices([], share)
    assert slices is not None
    one = experiment("run.1", slices, [1.0, 1.0])
    inside = any(start <= place_of("default", name) < end for start, end in slices)
    assert bool(draw([one], user(name), 0.0)) is inside
    assert draw([one], user(None), 0.0) == ()


def test_before_it_begins_units_are_only_marked_and_after_its_end_nothing_is_left() -> None:
    whole = experiment("run.1", ((0, PLACES),), [1.0, 1.0])
    one = PlannedExperiment(
        run=whole.run,
        kind=whole.kind,
        layer=whole.layer,
        slices=whole.slices,
        arms=whole.arms,
        unit=Unit.USER,
        begins_at=100.0,
        ends_at=200.0,
    )
    before, during = draw([one], user("u"), 99.0), draw([one], user("u"), 100.0)
    assert [found.begun for found in before + during] == [False, True]
    assert before[0].mark == during[0].mark
    assert draw([one], user("u"), 200.0) == ()


@given(st.integers(2, 5), NAMES, st.integers(0, 10**6))
def test_each_block_of_slots_has_each_arm_once(many: int, run: str, block: int) -> None:
    one = PlannedExperiment(
        run=RunId(run),
        kind=ExperimentKind.SWITCHBACK,
        layer="default",
        slices=((0, PLACES),),
        arms=tuple(PlannedArm(name=f"arm{n}", share=1 / many) for n in range(many)),
        slot_s=60.0,
    )
    slots = range(block * many, (block + 1) * many)
    assert sorted(arm_of_slot(one, slot).name for slot in slots) == [f"arm{n}" for n in range(many)]
    at = slots[0] * 60.0 + 1.0
    found: tuple[Drawn, ...] = draw([one], user(None), at)
    assert [drawn.arm for drawn in found] == [arm_of_slot(one, slots[0])]


WEIGHTS = st.floats(0.0, 1.0)
ROUTES = st.builds(
    lambda weights: Route(
        name=CHAT,
        targets=tuple(
            Target(channel=ChannelId(f"c{n}"), weight=weight, priority=n % 2)
            for n, weight in enumerate(weights)
        ),
    ),
    st.lists(WEIGHTS, min_size=1, max_size=4),
)
TREATMENTS = st.builds(
    lambda weights, first, tries, select: Treatment(
        targets=tuple(Target(channel=ChannelId(f"c{n}"), weight=weight) for n, weight in enumerate(weights)),
        timeouts=TimeoutChange(first_chunk_s=first),
        attempts_max=tries,
        select=select,
    ),
    st.lists(st.floats(0.1, 2.0), max_size=6),
    st.none() | st.floats(0.1, 10.0),
    st.none() | st.integers(1, 5),
    st.none() | st.sampled_from(Select),
)


@given(ROUTES, TREATMENTS)
def test_an_arm_loses_no_channel_and_asks_its_own_first(route: Route, treatment: Treatment) -> None:
    changed = treated(route, treatment, {CHAT: route})
    names = [target.channel for target in changed.targets]
    assert len(names) == len(set(names))
    assert set(names) == {t.channel for t in route.targets} | {t.channel for t in treatment.targets}
    assert changed.name == route.name
    if treatment.targets:
        first = {t.channel: t.weight for t in changed.targets if t.priority == 0}
        assert set(first) == {t.channel for t in treatment.targets}
        assert math.isclose(sum(first.values()), 1.0)
    sums: dict[int, float] = {}
    for target in changed.targets:
        sums[target.priority] = sums.get(target.priority, 0.0) + target.weight
    if treatment.targets:
        assert all(math.isclose(total, 1.0) or total == 0.0 for total in sums.values())


@given(ROUTES)
def test_an_arm_that_changes_nothing_is_the_route_itself(route: Route) -> None:
    assert treated(route, AS_IS, {CHAT: route}) is route
