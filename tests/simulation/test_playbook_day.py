"""Hours on virtual time with the real loop, decision, playbooks and gateway code: a fault that a playbook mends, and one
that a playbook makes worse, which is therefore undone.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.app.simulated_plane import settings_of
from foreroute.control.decision_log import AUDIT
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.core.playbook_run import PlaybookRun, RunState
from foreroute.core.ports import Record
from foreroute.simulate.scenario import load_scenario

STORY = """\
scenario: playbooks
start: 2026-03-02T08:00:00Z
warm_up: 30m
length: 90m
world:
  gateway: us-east-1
  objective: {metric: first_chunk_p95, limit: 2s}
  channels:
    - {id: main, provider: openai, region: us-east-1, model: m, first_chunk: 300ms, per_token: 5ms, weight: 1}
    - {id: other, provider: google, region: us-east4, model: m, first_chunk: 300ms, per_token: 5ms, weight: 1}
  traffic:
    requests_per_minute: 60
    output_tokens: {median: 60, spread: 2, max: 200}
timeline:
%s
"""
ONE_FAILS = """\
  - {at: 10m, fault: errors, channel: main, for: 20m, status: 500, code: server_error, message: internal error}
"""
BOTH_FAIL = """\
  - {at: 9m, fault: errors, channel: main, for: 20m, ratio: 0.4}
  - {at: 10m, fault: errors, channel: other, for: 8m, status: 500, code: server_error, message: internal error}
"""
"""Two at once: whoever takes out the second leaves only the first, which fails longer."""
HARMFUL = """\
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: too-much-of-it, description: takes out whatever fails once}
spec:
  triggers:
    - {type: failure, classes: [server_error], count: 2, window: 2m}
  steps:
    - {id: out, action: eject, with: {for: 30m}}
    - {id: fewer, action: set_concurrency, with: {factor: 0.5, for: 30m}}
  verify:
    success: ["ok_rate >= 0.99"]
    failure: ["peer_error_rate > 0.2 and peer_requests >= 10"]
    failure_limit: 2
  cooldown: 2h
"""


@dataclass
class Day:
    runs: list[PlaybookRun]
    audit: list[dict[str, Any]]
    shares: list[float]
    """Of `main`, minute by minute."""
    incidents: list[dict[str, Any]]


def lived(tmp_path: Path, faults: str = ONE_FAILS, playbooks: str | None = None) -> Day:
    story = tmp_path / "story.yaml"
    story.write_text(STORY % faults)
    scenario = load_scenario(str(story))
    settings = settings_of(scenario.world)
    if playbooks is not None:
        own = tmp_path / "playbooks.yaml"
        own.write_text(playbooks)
        settings = settings.model_copy(update={"heal": settings.heal.model_copy(update={"playbooks": own})})

    async def live() -> Day:
        simulation = LiveSimulation(scenario, SimulationOptions(forecasts=False, settings=settings))
        await simulation.start()
        shares = []
        while not simulation.is_over:
            await simulation.advance(simulation.at + 60.0)
            shares.append(simulation._plan_shares()["main"])
        desk = simulation._stages.playbooks
        assert isinstance(desk, PlaybookDesk)
        records: list[Record] = await simulation._store.records.read(AUDIT)
        incidents = await simulation._store.records.read("incident")
        return Day(
            runs=list(desk.runs),
            audit=[orjson.loads(one.body) for one in records],
            shares=shares,
            incidents=[orjson.loads(one.body) for one in incidents],
        )

    return asyncio.run(live())


def test_a_fault_that_a_playbook_mends(tmp_path: Path) -> None:
    day = lived(tmp_path)
    mending = [run for run in day.runs if run.channels == ("main",)]
    assert mending
    assert RunState.VERIFIED in {run.state for run in mending}
    first = mending[0]
    assert first.playbook == "server-error-burst"
    assert "server_error" in first.trigger
    assert min(day.shares) == 0.0, "it is out"
    assert day.shares[-1] > 0.4, "and back"
    assert all(incident["state"] == "closed" for incident in day.incidents)
    assert {run.state for run in day.runs} <= {RunState.VERIFIED, RunState.ROLLED_BACK}


def test_a_fault_that_a_playbook_makes_worse(tmp_path: Path) -> None:
    day = lived(tmp_path, BOTH_FAIL, HARMFUL)
    (run,) = day.runs
    assert run.channels == ("other",), "which leaves all requests to the one that fails"
    assert run.state is RunState.ROLLED_BACK
    assert "it made things worse: peer_error_rate > 0.2" in run.why
    assert run.holds == ()
    out_at = day.shares.index(1.0)
    back = [place for place, share in enumerate(day.shares) if place > out_at and share < 1.0]
    assert back
    assert back[0] - out_at < 10, "undone long before its half hour is over"
    told = [row for row in day.audit if row.get("run") == run.id]
    assert [row["detail"].split(": ")[1] for row in told] == [note.what for note in run.notes]
    assert all(row["trigger"] and row["evidence"] and "lift the bound" in row["undo"] for row in told)
    assert told[-1]["verification"].startswith("peer_error_rate > 0.2")


def test_the_same_story_twice_is_the_same_to_the_letter(tmp_path: Path) -> None:
    assert lived(tmp_path).runs == lived(tmp_path).runs
