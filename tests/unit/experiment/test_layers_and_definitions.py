from decimal import Decimal
from typing import Any

import pytest
from tests.experiment_house import AT, definition

from foreroute.core.fields import BadField
from foreroute.core.ids import ChannelId, RouteName
from foreroute.experiment.definition import faults
from foreroute.experiment.layers import collisions, free_slices
from foreroute.experiment.runs import Run
from foreroute.settings.experiments import read_experiment

ROUTES, CHANNELS = [RouteName("chat"), RouteName("other")], [ChannelId("a"), ChannelId("b")]


def problems(**more: Any) -> list[tuple[str, str, str]]:
    found = faults(read_experiment(definition(**more)), ROUTES, CHANNELS)
    return [(".".join(str(part) for part in one.path), one.message, one.hint) for one in found]


def run_of(name: str, **more: Any) -> Run:
    return Run(
        id=f"{name}.1",  # type: ignore[arg-type]
        number=1,
        definition=read_experiment(definition(id=name, **more)),
        started_at=AT,
        slices=((0, 5000),),
    )


def test_a_plain_experiment_has_no_fault() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("more", "path", "message", "hint"),
    [
        ({"routes": ["chatt"]}, "routes.0", "no route 'chatt'", "did you mean chat?"),
        (
            {"arms": [{"name": "x"}, {"name": "y", "channels": {"bb": 1}}]},
            "arms.1.channels.bb",
            "no channel 'bb'",
            "did you mean b?",
        ),
        (
            {"arms": [{"name": "x"}, {"name": "y", "route": "othr"}]},
            "arms.1.route",
            "no route 'othr'",
            "did you mean other?",
        ),
        ({"arms": [{"name": "x"}, {"name": "x"}]}, "arms.1.name", "'x' is an arm already", "of its own"),
        ({"warm_up": "1d"}, "warm_up", "nothing before it", "unit: key"),
        ({"unit": "user", "measure": "latency_p95"}, "measure", "one by one", "unit: request"),
        (
            {"kind": "switchback", "guardrails": [{"measure": "first_chunk_p95"}]},
            "guardrails.0.measure",
            "one by one",
            "first_chunk",
        ),
        ({"kind": "switchback", "share": 0.5}, "share", "whole layer", "leave share away"),
        ({"kind": "switchback", "slot": "1m", "washout": "2m"}, "washout", "as long as the slot", "shorter"),
        ({"kind": "switchback", "unit": "key"}, "unit", "slot of time", "leave unit away"),
        ({"kind": "shadow"}, "budget_usd", "costs money", "budget_usd: 5"),
        (
            {"kind": "shadow", "budget_usd": 1, "measure": "quality"},
            "measure",
            "nobody can score",
            "kind: ab",
        ),
        ({"kind": "shadow", "budget_usd": 1, "unit": "user"}, "unit", "request by request", "unit: request"),
        (
            {
                "kind": "shadow",
                "budget_usd": 1,
                "arms": [{"name": "x", "sticky": True}, {"name": "y", "channels": {"b": 1}}],
            },
            "arms.0",
            "changes nothing",
            "{name: live}",
        ),
        (
            {
                "kind": "shadow",
                "budget_usd": 1,
                "arms": [{"name": "x"}, {"name": "y", "channels": {"a": 1, "b": 1}}],
            },
            "arms.1",
            "exactly one channel",
            "openai-eu",
        ),
    ],
)
def test_what_is_wrong_is_said_with_place_and_remedy(
    more: dict[str, Any], path: str, message: str, hint: str
) -> None:
    found = problems(**more)
    assert [one[0] for one in found] == [path]
    assert message in found[0][1]
    assert hint in found[0][2]


def test_what_is_sent_is_read_as_the_file_is() -> None:
    found = read_experiment(
        definition(
            duration="2h",
            budget_usd="0.10",
            arms=[{"name": "x"}, {"name": "y", "timeouts": {"total": "90s"}}],
        )
    )
    assert found.duration_s == 7200.0
    assert found.budget_usd == Decimal("0.10")
    assert found.arms[1].timeouts.total_s == 90.0
    assert not found.arms[1].is_as_is
    assert found.arms[0].is_as_is


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"shar": 1}, "shar"),
        ({"id": "Has Space"}, "id"),
        ({"arms": [{"name": "only"}]}, "arms"),
        ({"duration": 5}, "duration"),
        ({"alpha": 0.7}, "alpha"),
    ],
)
def test_what_cannot_be_read_names_its_place(more: dict[str, Any], where: str) -> None:
    with pytest.raises(BadField) as caught:
        read_experiment(definition(**more))
    assert caught.value.where == where


def test_free_places_fill_the_gaps() -> None:
    assert free_slices([], 1.0) == ((0, 10_000),)
    assert free_slices([(0, 1000), (3000, 4000)], 0.25) == ((1000, 3000), (4000, 4500))
    assert free_slices([(0, 9000)], 0.2) is None


def test_two_layers_may_not_change_the_same_thing() -> None:
    running = run_of("one", layer="red")
    same = read_experiment(definition(id="two", layer="blue"))
    assert collisions(same, [running])[0].message == "one.1 changes channels of chat too, in the layer red"
    waits = [{"name": "x"}, {"name": "y", "timeouts": {"stall": "5s"}}]
    assert collisions(read_experiment(definition(id="two", layer="blue", arms=waits)), [running]) == []
    assert collisions(read_experiment(definition(id="two", layer="red")), [running]) == [], (
        "places exclude them"
    )
