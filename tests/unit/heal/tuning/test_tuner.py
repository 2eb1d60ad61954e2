"""The tuner on virtual time, behind the gateway's own reading of its limits: what must hold whatever a channel does."""

import math
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from bench.tune.arena import CHANNEL, START_AT, Arena, World

from foreroute.core.errors import StoreCorrupt
from foreroute.core.limits import EVERYWHERE, Parameter, Setting
from foreroute.core.plan import CallPolicy, Timeouts
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.survival import Survival
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Event, Grade, Graded, Look, Outlook, Wanted

P = Parameter
QUICK = Rails(
    parameters=frozenset({P.FIRST_CHUNK}),
    tighten_every_s=120.0,
    canary_s_min=180.0,
    canary_samples_min=30,
    young_samples_min=600,
    settle_s=1800.0,
)
"""The same rails with shorter waits, so that a simulated hour shows what takes a day."""
SHORT = CallPolicy(timeouts=Timeouts(first_chunk_s=6.0, stall_s=10.0, total_s=120.0))


def first_chunk(arena: Arena) -> float:
    limits = arena.limits.get(CHANNEL)
    tuned = None if limits is None else limits.settings.get(P.FIRST_CHUNK)
    return arena.policy.timeouts.first_chunk_s if tuned is None else tuned.at()


def events(arena: Arena, *wanted: Event) -> list[Event]:
    return [one.event for one in arena.changes if not wanted or one.event in wanted]


def test_a_limit_follows_what_is_measured_by_canaries() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT).run(100)
    assert first_chunk(arena) < 3.0
    assert {Event.CANARY, Event.PROMOTED} <= set(events(arena))
    assert arena.cut.false < 0.005 * arena.cut.requests
    for old, new in pairwise([one for one in arena.changes if one.event is Event.CANARY]):
        assert new.at - old.at >= QUICK.tighten_every_s
    for one in arena.changes:
        assert abs(one.new.at() - one.old.at()) <= 0.2505 * max(one.old.at(), one.new.at()) / 0.75
        assert one.reason
        assert one.evidence


def test_a_channel_that_slows_down_and_comes_back_is_followed_without_swinging() -> None:
    world = World(per_minute=60, slowness=lambda minute: 2.0 if 90 <= minute < 150 else 1.0)
    arena = Arena(world, rails=QUICK, policy=SHORT).run(85)
    before = first_chunk(arena)
    course = []
    for _ in range(200):
        arena.step()
        course.append(first_chunk(arena))
    slow, after = max(course[20:70]), course[-1]
    assert slow > 1.4 * before, "it was lengthened while the channel was slow"
    assert after == pytest.approx(before, rel=0.45), "and came back"
    turns = [b - a for a, b in pairwise(course) if abs(b - a) > 0.02 * a]
    assert sum(one * other < 0 for one, other in pairwise(turns)) <= 2, "up, down, and nothing else"
    harmed = [one for one in arena.changes if one.event is Event.APPLIED]
    assert harmed, "to lengthen it needed no canary"


@pytest.mark.parametrize("start_s", [0.5, 1.0, 2.0])
def test_it_does_not_ratchet_down(start_s: float) -> None:
    """From limits that cut off most answers: each round sees only what the limit lets through, and still lets go."""
    policy = CallPolicy(timeouts=Timeouts(first_chunk_s=start_s))
    arena = Arena(World(per_minute=60), rails=replace(QUICK, samples_min=60), policy=policy).run(150)
    rng, world = Random(9), World()
    values = sorted(world.answer(rng, 0.0).first_s for _ in range(20_000))
    assert first_chunk(arena) >= values[int(0.99 * len(values))]
    late = Arena(World(per_minute=60), rails=QUICK, policy=policy)
    late.tuner, late.limits, late.minute = arena.tuner, arena.limits, arena.minute
    late.run(60)
    assert late.cut.false <= 0.02 * late.cut.requests


def test_leaving_timeouts_out_would_ratchet() -> None:
    """What the one above guards against, shown: the same loop on the answers alone falls and falls."""
    rng, limit = Random(1), 1.5
    for _ in range(40):
        seen = Survival()
        for _ in range(400):
            value = rng.lognormvariate(0.0, 0.6)
            if value <= limit:
                seen.add(value, cut=False)
        found = seen.quantile(0.95)
        assert found is not None
        limit = max(0.75 * limit, found.value_s)
    assert limit < 1.2, "while the true quantile is 2.7"


SLOW = World(per_minute=60, slowness=lambda _: 5.0)
SLOW_POLICY = CallPolicy(timeouts=Timeouts(first_chunk_s=8.0, stall_s=30.0, total_s=300.0))
CARELESS = replace(QUICK, margin=0.2, step_max=0.8, rank=0.9, day_rank=0.5)
"""Rails that let through what no rails should: steps of four fifths, to a fifth of what is needed."""


def test_a_shorter_timeout_is_tried_first_however_urgent_it_is_said_to_be() -> None:
    arena = Arena(SLOW, rails=QUICK, policy=SLOW_POLICY)
    arena.tuner = Tuner(QUICK, lambda *_: Wanted(setting=Setting(0.05), reason="mad", urgent=True))
    arena.run(60)
    assert Event.APPLIED not in events(arena)
    assert events(arena)[-1] is Event.ROLLED_BACK, "it goes as far down as harms nobody, and no farther"
    assert arena.cut.false <= 0.01 * arena.cut.requests


def test_a_bad_proposal_is_stopped_by_its_canary() -> None:
    arena = Arena(SLOW, rails=CARELESS, policy=SLOW_POLICY).run(14)
    assert arena.limits, "it is tried"
    canary = arena.limits[CHANNEL].canary
    assert canary is not None
    assert canary.setting.at() < 0.5 * SLOW_POLICY.timeouts.first_chunk_s
    arena.cut.false = arena.cut.requests = 0
    minutes = 0
    while arena.limits:
        arena.step()
        minutes += 1
    assert minutes <= 5
    back = arena.changes[-1]
    assert (back.event, back.parameter) == (Event.ROLLED_BACK, P.FIRST_CHUNK)
    assert "more" in back.canary
    assert not arena.limits, "everything is as it was"
    assert 0 < arena.cut.false <= 0.13 * arena.cut.requests, "nine in ten never met it"
    assert not any(one.event is Event.PROMOTED for one in arena.changes)


def test_a_rollback_holds_the_parameter_and_longer_each_time() -> None:
    rails = replace(CARELESS, held_s=600.0)
    arena = Arena(SLOW, rails=rails, policy=SLOW_POLICY).run(110)
    backs = [one.at for one in arena.changes if one.event is Event.ROLLED_BACK]
    gaps = [b - a for a, b in pairwise(backs)]
    assert len(gaps) >= 2
    assert gaps[0] >= rails.held_s
    assert all(later >= 1.5 * sooner for sooner, later in pairwise(gaps))


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_clock_that_jumps_freezes_and_rolls_back_nothing_else(jump_s: float) -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, jump_s={80: jump_s}).run(79)
    in_force = dict(arena.limits[CHANNEL].settings)
    arena.step()
    before = len(arena.changes)
    for _ in range(9):
        arena.step()
        assert dict(arena.limits[CHANNEL].settings) == in_force
        assert arena.limits[CHANNEL].canary is None
    assert arena.last is not None
    assert any("clock jumped" in rail for one in arena.last.views for rail in one.rails)
    assert len(arena.changes) == before
    arena.run(60)
    assert first_chunk(arena) < 3.5, "and goes on later"
    assert arena.cut.false < 0.01 * arena.cut.requests


def test_an_incident_freezes_what_is_not_urgent() -> None:
    troubled = Outlook(incident=True)
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, outlook=lambda _: troubled).run(60)
    assert not arena.changes
    assert arena.last is not None
    assert any("an incident is open" in rail for one in arena.last.views for rail in one.rails)


def test_in_an_incident_a_limit_is_still_lengthened() -> None:
    world = World(per_minute=60, slowness=lambda minute: 2.5 if minute >= 100 else 1.0)
    arena = Arena(
        world, rails=QUICK, policy=SHORT, outlook=lambda minute: Outlook(incident=minute >= 100)
    ).run(100)
    before = first_chunk(arena)
    arena.run(40)
    assert first_chunk(arena) > 1.3 * before


def test_a_bad_forecast_tightens_nothing() -> None:
    bad = Outlook(skill=-0.4)
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, outlook=lambda _: bad).run(60)
    assert not arena.changes


def test_a_young_channel_is_not_tightened() -> None:
    arena = Arena(World(per_minute=30), rails=replace(QUICK, young_samples_min=10_000), policy=SHORT).run(60)
    assert not arena.changes
    assert arena.last is not None
    assert any(rail.startswith("young") for one in arena.last.views for rail in one.rails)


def test_without_the_right_to_act_it_only_proposes_and_is_graded() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, act=lambda _: False)
    graded: list[Graded] = []
    for _ in range(60):
        made = arena.step()
        assert made is not None
        graded += made.graded
    assert not arena.limits
    assert not arena.changes
    assert {one.grade for one in graded} == {Grade.HELPED}
    assert not any(one.executed for one in graded)


def test_when_the_right_to_act_goes_what_was_tuned_returns_in_bounded_steps() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, act=lambda minute: minute < 80).run(100)
    assert not arena.limits
    returned = [one for one in arena.changes if one.event is Event.RETURNED]
    assert len(returned) >= 2
    assert returned[-1].new.at() == SHORT.timeouts.first_chunk_s
    for one in returned:
        assert one.new.at() <= 1.2505 * one.old.at()


def test_an_approved_step_begins_though_it_may_not_act_and_stays() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT, act=lambda _: False).run(40)
    arena.tuner.approve(CHANNEL, P.FIRST_CHUNK)
    arena.run(20)
    assert [one.actor for one in arena.changes][:1] == ["operator"]
    assert Event.PROMOTED in events(arena)
    assert first_chunk(arena) < SHORT.timeouts.first_chunk_s


def test_a_reset_is_as_configured_and_is_left_alone() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT).run(80)
    assert P.FIRST_CHUNK in arena.limits[CHANNEL].settings
    change = arena.tuner.reset(CHANNEL, P.FIRST_CHUNK, Setting(6.0), arena.at, "operator")
    assert change is not None
    assert (change.event, change.new, change.actor) == (Event.RESET, Setting(6.0), "operator")
    arena.run(30)
    assert not arena.limits
    assert arena.tuner.reset(CHANNEL, P.FIRST_CHUNK, Setting(6.0), arena.at, "operator") is None


def test_another_configuration_takes_the_place_of_what_was_tuned() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT).run(80)
    arena.policy = CallPolicy(timeouts=replace(SHORT.timeouts, first_chunk_s=9.0))
    arena.step()
    assert arena.changes[-1].reason == "the configuration has changed" or any(
        one.reason == "the configuration has changed" for one in arena.changes
    )
    assert first_chunk(arena) == 9.0


def test_what_is_in_force_outlives_a_restart_and_a_trial_does_not() -> None:
    arena = Arena(World(per_minute=60), rails=QUICK, policy=SHORT).run(60)
    while arena.limits[CHANNEL].canary is None:
        arena.step()
    again = Tuner(QUICK)
    again.load(arena.tuner.dump())
    limits = again.limits(arena.at)[CHANNEL]
    assert limits.settings == arena.limits[CHANNEL].settings
    assert limits.canary is None
    for broken in (b"{}", b"nonsense", b'{"version":9}', b'{"version":1,"channels":{"a":{}}}'):
        with pytest.raises(StoreCorrupt):
            again.load(broken)
    assert again.limits(arena.at)[CHANNEL] == limits


def test_pushback_brings_a_concurrency_limit_and_an_admission() -> None:
    rails = replace(QUICK, parameters=frozenset({P.CONCURRENCY, P.ADMISSION}))
    world = World(per_minute=120, pushback_ratio=lambda minute: 0.3 if 20 <= minute < 50 else 0.0)
    arena = Arena(world, rails=rails).run(45)
    settings = arena.limits[CHANNEL].settings
    assert settings[P.CONCURRENCY].base >= 1
    assert settings[P.ADMISSION].base < 4.0
    arena.run(150)
    late = arena.limits.get(CHANNEL)
    assert late is None or P.ADMISSION not in late.settings, "it opens again when nothing is pushed back"


def test_every_parameter_has_a_view_and_every_view_a_reason() -> None:
    arena = Arena(World(per_minute=30)).run(3)
    assert arena.last is not None
    seen = {(one.channel, one.parameter) for one in arena.last.views}
    assert seen == {(CHANNEL, one) for one in Parameter if one is not P.RETRY_RATIO} | {
        (EVERYWHERE, P.RETRY_RATIO)
    }
    assert all(one.reason for one in arena.last.views)


def test_rounds_are_pure() -> None:
    """The same attempts and looks, the same rounds: nothing else is asked."""
    one, other = (Arena(World(per_minute=30), rails=QUICK, policy=SHORT).run(60) for _ in range(2))
    assert one.changes == other.changes
    assert one.last == other.last


def test_an_unknown_channel_is_forgotten_and_an_empty_round_is_harmless() -> None:
    tuner = Tuner()
    made = tuner.round(Look(at=START_AT, act=True, policies={}))
    assert not made.limits
    assert [one.channel for one in made.views] == [EVERYWHERE]
    assert all(math.isfinite(one.current.at()) for one in made.views)
