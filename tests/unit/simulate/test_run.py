"""The runner between a world and a router: who is told what, in which order."""

from random import Random
from typing import Any

import pytest

from foreroute.core.attempt import Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Timeouts
from foreroute.simulate.channel import Capacity
from foreroute.simulate.faults import Breakdown, Outage, StreamCuts
from foreroute.simulate.request import Done
from foreroute.simulate.routing import Hold, Pick
from foreroute.simulate.run import Simulation, run
from foreroute.simulate.world import World

ONE, TWO = ChannelId("one"), ChannelId("two")


def test_a_failed_attempt_is_followed_by_another_and_the_user_waits_for_both(
    model: Any, request_at: Any, in_turn: Any
) -> None:
    world = World(
        1,
        [model("one"), model("two")],
        [Outage(channel=ONE, start_at=0, end_at=99, how=Breakdown.UNREACHABLE)],
    )
    router, done = in_turn(["one", "two"]), list[Done]()
    attempts = list(
        run(world, [request_at(10.0)], router, chance=Random(1), start_at=0.0, on_done=done.append)
    )
    assert [(one.channel, one.number, one.outcome) for one in attempts] == [
        (ONE, 1, Outcome.TIMEOUT),
        (TWO, 2, Outcome.SUCCESS),
    ]
    assert [told[0] for told in router.told] == ["pick", "started", "ended", "pick", "started", "ended"]
    assert router.told[3][2] == (ONE,)
    (only,) = done
    assert only.succeeded
    assert only.attempts == 2
    assert only.first_chunk_s == pytest.approx(Timeouts().connect_s + 0.5, rel=1e-3)


def test_a_router_that_gives_up_leaves_its_user_with_nothing(
    model: Any, request_at: Any, in_turn: Any
) -> None:
    done = list[Done]()
    world = World(1, [model()], [Outage(channel=ONE, start_at=0, end_at=99)])
    attempts = list(
        run(
            world, [request_at(1.0)], in_turn(["one"], 2), chance=Random(1), start_at=0.0, on_done=done.append
        )
    )
    assert len(attempts) == 2
    assert [(one.succeeded, one.attempts, one.first_chunk_s) for one in done] == [(False, 2, None)]


def test_a_stream_that_breaks_after_its_first_words_is_not_tried_again(
    model: Any, request_at: Any, in_turn: Any
) -> None:
    world = World(1, [model()], [StreamCuts(channel=ONE, start_at=0, end_at=99, ratio=1.0)])
    stream = list(run(world, [request_at(1.0)], in_turn(["one"]), chance=Random(1), start_at=0.0))
    whole = list(
        run(world, [request_at(1.0, stream=False)], in_turn(["one"]), chance=Random(1), start_at=0.0)
    )
    assert [one.failure_class for one in stream] == [FailureClass.STREAM_INTERRUPTED]
    assert len(whole) == 3


class Holding:
    """Waits for the only channel, one request at a time."""

    def __init__(self, for_s: float) -> None:
        self.for_s = for_s
        self.busy = 0
        self.asked: list[tuple[str, float, bool]] = []

    def pick(self, asking: Any) -> Any:
        self.asked.append((asking.request.id, asking.at, asking.held))
        if self.busy:
            return None if asking.held else Hold(channels=(ONE,), for_s=self.for_s)
        return Pick(channel=ONE)

    def started(self, pick: Any, request: Any, number: int, at: float) -> None:
        self.busy += 1

    def ended(self, attempt: Any, limits: Any) -> None:
        self.busy -= 1


def test_who_holds_is_asked_again_when_a_place_is_free_or_the_time_is_over(
    model: Any, request_at: Any
) -> None:
    requests = [request_at(0.0, 0), request_at(0.1, 1), request_at(0.2, 2)]
    done = list[Done]()
    patient = Holding(for_s=9.0)
    list(run(World(1, [model()]), requests, patient, chance=Random(1), start_at=0.0, on_done=done.append))
    # The first in line gets the place; the second is asked again when that one ends.
    assert [one.succeeded for one in done] == [True, True, True]
    done.clear()
    list(
        run(
            World(1, [model()]),
            requests,
            Holding(for_s=0.5),
            chance=Random(1),
            start_at=0.0,
            on_done=done.append,
        )
    )
    assert sorted((one.request.id, one.succeeded) for one in done) == [
        ("r0", True),
        ("r1", False),
        ("r2", False),
    ]


def test_an_injected_outage_is_as_one_that_was_there_from_the_start(
    model: Any, request_at: Any, in_turn: Any
) -> None:
    requests = [request_at(0.1 * number, number) for number in range(300)]
    outage = Outage(channel=ONE, start_at=15.0, end_at=20.0)
    models = [model("one", spread=2.0), model("two", spread=2.0)]
    scripted = Simulation(
        World(1, models, [outage]), requests, in_turn(["one", "two"]), chance=Random(1), start_at=0.0
    )
    live = Simulation(World(1, models), requests, in_turn(["one", "two"]), chance=Random(1), start_at=0.0)
    expected = scripted.advance(100.0)
    found = live.advance(15.0)
    live.inject(outage)
    assert found + live.advance(100.0) == expected
    assert any(one.failure_class is not None for one in expected)


def test_a_router_that_ticks_is_called_at_every_multiple(model: Any, request_at: Any, in_turn: Any) -> None:
    class Ticks(in_turn):  # type: ignore[misc]  # a fixture's class
        tick_s = 10.0
        ticks: tuple[float, ...] = ()

        def tick(self, at: float) -> None:
            self.ticks = (*self.ticks, at)

    router = Ticks(["one"])
    list(
        run(
            World(1, [model()]),
            [request_at(3.0), request_at(38.0, 1)],
            router,
            chance=Random(1),
            start_at=3.0,
        )
    )
    assert router.ticks[:4] == (10.0, 20.0, 30.0, 40.0)


def test_in_flight_and_waiting_are_seen(model: Any, request_at: Any, in_turn: Any) -> None:
    world = World(1, [model("one", capacity=Capacity(slots=1)), model("two")])
    simulation = Simulation(
        world, [request_at(0.0, n) for n in range(4)], in_turn(["one", "two"]), chance=Random(1), start_at=0.0
    )
    simulation.advance(0.2)
    seen = simulation.seen()
    assert seen.in_flight == {ONE: 2, TWO: 2}
    assert (seen.arrived, seen.succeeded, seen.failed, seen.waiting) == (4, 0, 0, 0)
    assert simulation.upstreams.load(ONE, 0.2) == (1, 1)
