"""A simulation that people drive: speed, pause, faults put in, and what is seen of it."""

import asyncio
from typing import Any

import pytest

from foreroute.app.simulated import LiveSimulation
from foreroute.app.simulated_player import Player
from foreroute.core.errors import ConfigError
from foreroute.simulate.scenario import Scenario, load_scenario


def simulation() -> LiveSimulation:
    found = load_scenario("sudden-stop")
    spec = found.spec.model_copy(update={"timeline": (), "warm_up": 600.0, "length": 1800.0})
    return LiveSimulation(Scenario(spec=spec, world=found.world))


async def ready(speed: float = 300.0) -> tuple[LiveSimulation, Player]:
    made = simulation()
    player = Player(made, speed=speed)
    await made.start()
    return made, player


def test_a_stride_goes_as_far_as_the_speed_says_and_a_pause_nowhere() -> None:
    async def main() -> None:
        made, player = await ready()
        start_at = made.at
        await player.stride(0.5)
        assert player.snapshot.at == start_at + 150.0
        player.pause()
        await player.stride(0.5)
        assert (player.snapshot.at, player.snapshot.paused) == (start_at + 150.0, True)
        player.resume()
        player.set_speed(600.0)
        await player.stride(0.5)
        assert player.snapshot.at == start_at + 450.0
        assert player.snapshot.users["requests"] > 50
        await player.stride(100.0)
        assert player.snapshot.over
        assert player.snapshot.at == made.scenario.end_at

    asyncio.run(main())


def test_a_fault_that_is_put_in_shows_in_the_events_and_on_its_channel() -> None:
    async def main() -> None:
        made, player = await ready()
        await player.stride(1.0)
        player.inject({"fault": "stop", "for": "20m", "channel": "azure-us-east-a"})
        await player.stride(2.0)
        (event,) = player.snapshot.events
        assert (event["fault"], event["starts_at"]) == ("stop", made.scenario.story_at + 300.0)
        rows: dict[str, Any] = {row["id"]: row for row in player.snapshot.channels}
        assert rows["azure-us-east-a"]["breaker"] in ("open", "half_open")
        assert sum(row["share"] for row in rows.values()) == pytest.approx(1.0, abs=1e-3)
        assert player.snapshot.recent["retried"] > 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("event", "where", "said"),
    [
        ({"fault": "stop", "channel": "azure-us-east-a"}, "event", "required"),
        ({"fault": "explode"}, "event", "explode"),
        ({"fault": "stop", "channel": "mars", "for": "1m"}, "fault stop", "no channel mars"),
        ({"fault": "cut", "channel": "local-gpu-a", "for": "1m", "ratio": 7}, "event.ratio", "less than"),
    ],
)
def test_what_cannot_be_put_in_is_told(event: dict[str, Any], where: str, said: str) -> None:
    player = Player(simulation())
    with pytest.raises(ConfigError, match=said) as caught:
        player.inject(event)
    assert caught.value.where.startswith(where)
    assert caught.value.hint


def test_it_runs_on_a_thread_of_its_own_until_it_is_stopped() -> None:
    player = Player(simulation(), speed=100_000.0)
    assert not player.snapshot.ready
    player.start()
    assert player.wait(lambda seen: seen.ready and seen.at > seen.start_at, 60.0)
    assert player.wait(lambda seen: seen.over, 60.0)
    player.stop()
    assert player.snapshot.error == ""
    with pytest.raises(ConfigError, match="no speed"):
        player.set_speed(0.0)
