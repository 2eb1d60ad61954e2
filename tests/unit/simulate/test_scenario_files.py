"""Worlds and scenarios in YAML: the built-in ones, and what is said of wrong ones."""

import json
from pathlib import Path

import pytest
import yaml

from foreroute.core.errors import ConfigError
from foreroute.simulate.faults import ErrorBurst, Outage, SlowRamp
from foreroute.simulate.scenario import (
    build_traffic,
    build_world,
    load_scenario,
    load_world,
    scenario_names,
    world_names,
)
from foreroute.simulate.scenario_schema import ScenarioSpec, scenario_schema, world_schema
from foreroute.simulate.units import seconds, write_seconds
from foreroute.simulate.yaml_file import FileError, read_text

KINDS = {
    "stop", "region_loss", "flap", "slow", "drift", "errors", "throttle", "quota", "cold_start", "cut", "hollow", "price",
    "surge",
}  # fmt: skip


@pytest.mark.parametrize("name", scenario_names())
def test_a_built_in_scenario_is_ready_to_run(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.spec.scenario == name
    assert scenario.spec.description
    assert build_world(scenario, 1).channels
    first = next(build_traffic(scenario, 1).requests(scenario.start_at, scenario.end_at))
    assert scenario.start_at <= first.at < scenario.end_at


def test_the_example_is_ready_to_run() -> None:
    path = Path(__file__).parents[3] / "configs" / "scenarios" / "example.yaml"
    scenario = load_scenario(str(path))
    assert {type(event).__name__ for event in scenario.spec.timeline} == {
        "SlowSpec",
        "RegionLossSpec",
        "SurgeSpec",
    }
    assert build_world(scenario, 1).faults


def test_built_in_worlds_are_worlds_and_the_schema_knows_every_fault() -> None:
    assert len(load_world("twenty").channels) == 20
    assert world_names() == ["five", "six", "twenty"]
    text = json.dumps(scenario_schema())
    assert {kind for kind in KINDS if f'"const": "{kind}"' in text} == KINDS
    assert world_schema()["properties"]["channels"]["minItems"] == 1


def story(timeline: str, rest: str = "") -> str:
    return f"scenario: mine\nworld: five\n{rest}timeline:\n{timeline}"


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        (
            story("  - {at: 1h, fault: stop, channel: a, for: tomorrow}"),
            "mine.yaml:4: timeline[0].for",
            "is not a duration",
            "for: 10m",
        ),
        (
            story("  - {at: 1h, fault: explode, channel: a}"),
            "mine.yaml:4: timeline[0]",
            "there is no fault explode",
            "'stop'",
        ),
        (story("  - {at: 1h, channel: a}"), "mine.yaml:4: timeline[0]", "fault is required", "fault: stop"),
        (
            story("  - {at: 1h, fault: slow, channel: a, for: 1h, facter: 3}"),
            "mine.yaml:4: timeline[0].facter",
            "no such key",
            "did you mean factor?",
        ),
        (story("  - {at: 1h, fault: stop, for: 1h}"), "timeline[0]", "say where: one of channel", ""),
        (
            story("  - {at: 1h, fault: flap, channel: a, for: 1h, every: 10s, down: 20s}"),
            "timeline[0]",
            "down must be shorter than every",
            "",
        ),
        (
            story("  - {at: 1h, fault: cut, channel: a, for: 1h, ratio: 3}"),
            "timeline[0].ratio",
            "less than",
            "",
        ),
        ("scenario: mine\nscenario: yours\n", "mine.yaml:2: scenario", "stands twice", "keep one"),
        ("- a\n", "mine.yaml:1", "must hold a mapping", "scenario:"),
        ("scenario: [\n", "mine.yaml:2", "not valid YAML", ""),
        (
            "scenario: x\nworld: {channels: []}\n",
            "mine.yaml:2: world.channels",
            "must not be empty",
            "id: one",
        ),
        ("scenario: x\nstart: soon\n", "mine.yaml:2: start", "is not an instant", ""),
    ],
)
def test_a_wrong_file_is_told_where_what_and_what_would_be_right(
    text: str, where: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_text(text, ScenarioSpec, source="mine.yaml")
    assert where in caught.value.where
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_all_mistakes_are_told_at_once() -> None:
    text = story(
        "  - {at: 1, fault: stop, channel: a}\n  - {at: 1h, fault: slow, channel: a, for: 2h, factor: 0}"
    )
    with pytest.raises(FileError) as caught:
        read_text(text, ScenarioSpec, source="mine.yaml")
    assert len(caught.value.errors) == 3
    assert str(caught.value).count("mine.yaml:") == 3


def test_names_that_there_are_not_are_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no scenario") as caught:
        load_scenario("suden-stop")
    assert "did you mean sudden-stop?" in caught.value.hint
    path = tmp_path / "mine.yaml"
    path.write_text(story("  - {at: 1h, fault: stop, region: mars, for: 1h}"))
    with pytest.raises(ConfigError, match="no channel has the region mars") as caught:
        build_world(load_scenario(str(path)), 1)
    assert "us-east-1" in caught.value.hint
    path.write_text("scenario: x\nworld: nowhere\n")
    with pytest.raises(ConfigError, match="no world 'nowhere'"):
        load_scenario(str(path))


def test_a_world_may_be_a_file_beside_the_scenario(tmp_path: Path) -> None:
    world = load_world("five").model_dump(mode="json", by_alias=True)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(world))
    (tmp_path / "mine.yaml").write_text("scenario: mine\nworld: own.yaml\n")
    assert load_scenario(str(tmp_path / "mine.yaml")).world == load_world("five")


def test_what_befalls_a_region_befalls_all_its_channels_with_its_precursor(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        story(
            "  - {at: 1h, fault: stop, region: us-east-1, for: 10m, precursor: {lead: 20m, factor: 2, errors: 0.1}}"
        )
    )
    scenario = load_scenario(str(path))
    faults = build_world(scenario, 1).faults
    channels = {one.id for one in scenario.world.channels if one.region == "us-east-1"}
    for kind in (Outage, SlowRamp, ErrorBurst):
        found = [fault for fault in faults if isinstance(fault, kind)]
        assert {fault.channel for fault in found} == channels
    onset_at = scenario.story_at + 3600
    assert {fault.start_at for fault in faults} == {onset_at, onset_at - 1200}


@pytest.mark.parametrize("value", [0.0, 1e-6, 0.00025, 0.4, 1.5, 90.0, 3600.0, 172_800.0, 14.288031555])
def test_durations_are_read_as_they_are_written(value: float) -> None:
    assert seconds(write_seconds(value)) == pytest.approx(value, rel=1e-11)
