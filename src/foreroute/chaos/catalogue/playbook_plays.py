"""Playbooks that do harm, and an engine that dies while one is under way."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from foreroute.chaos import acts
from foreroute.chaos.exchange import Exchange
from foreroute.chaos.fault import Fault
from foreroute.chaos.house import House
from foreroute.chaos.seen import Seen
from foreroute.control.decision_log import AUDIT
from foreroute.core.playbook_run import PlaybookRun, RunState

_WARM_S: Final = 240.0
_LOOK_S: Final = 1.0
_DEAD_S: Final = 45.0
_BEARS_PER_S: Final = 2.5
"""Each of two channels has two requests a second, and half of the other's on top of them is too much for it."""
_OVER_S: Final = 30.0
_USUAL_S: Final = 0.1
_CROWDED_S: Final = 1.5
_ENDS: Final = frozenset({"verified", "rolled back", "rejected", "rehearsed"})
_OUT_ONE: Final = """\
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: take-out-the-sound}
spec:
  priority: 99
  triggers: [{type: threshold, expr: "requests >= 20", hold: 60s, scope: channel}]
  guards: {max_parallel: 1}
  steps:
    - {id: out, action: eject, with: {for: 20m}, canary: {share: 0.5, for: 3m}}
  verify: {window: 2m, success: ["peer_ok_rate >= 0.99"], failure: ["peer_p95 > 3 * baseline_p95"]}
  cooldown: 2m
  max_attempts: 2
"""
_OUT_ALL: Final = """\
apiVersion: foreroute/v1
kind: Playbook
metadata: {name: take-out-everything}
spec:
  priority: 99
  triggers: [{type: threshold, expr: "requests >= 20", hold: 60s, scope: gateway}]
  steps:
    - {id: out, action: eject, with: {for: 20m}}
  verify: {window: 60s, success: ["healthy_alternatives >= 1"], failure: ["healthy_alternatives < 1"], failure_limit: 2}
  timeout: 5m
  cooldown: 2m
  max_attempts: 2
"""


def one_out_of_two(folder: Path) -> Mapping[str, Any]:
    return _with_playbooks(folder, _OUT_ONE)


def everything_out(folder: Path) -> Mapping[str, Any]:
    return _with_playbooks(folder, _OUT_ALL)


def _with_playbooks(folder: Path, text: str) -> Mapping[str, Any]:
    path = folder / "playbooks.yaml"
    path.write_text(text, encoding="utf-8")
    return {"heal": {"playbooks": str(path)}}


async def bad_playbooks(house: House, fault: Fault) -> None:
    """Nothing is wrong but what somebody has written into a file."""
    for station in house.stations.values():
        station.act = _crowded(house)
    house.seen.began_at = house.now()
    await house.users(fault.course.fault_s)
    house.seen.ended_at = house.now()
    _note_runs(house)


def _crowded(house: House) -> acts.Act:
    """As fast as ever up to what it bears; beyond that, answers wait."""
    lately: list[float] = []

    async def act(exchange: Exchange, request: acts.Request) -> None:
        now = house.now()
        lately.append(now)
        while lately and lately[0] < now - _OVER_S:
            lately.pop(0)
        await asyncio.sleep(_CROWDED_S if len(lately) > _OVER_S * _BEARS_PER_S else _USUAL_S)
        await acts.sound(exchange, request)

    return act


async def crash_before_verdict(house: House, fault: Fault) -> None:
    """The loop is killed while a run verifies, is dead for a while, and takes up its work from the journal."""
    await house.users(_WARM_S)
    await house.begin()
    until = house.now() + fault.course.fault_s
    while house.now() < until and not _verifying(house):
        await house.users(_LOOK_S)
    caught = _verifying(house)
    house.seen.notes["caught_verifying"] = float(len(caught))
    assert house.control is not None  # noqa: S101 - the course has one
    await house.control.end()
    await house.users(_DEAD_S)
    await house.start_control("again")
    await house.users(max(0.0, until - house.now()))
    await house.end()
    await house.users(fault.course.after_s)
    _note_runs(house)
    known = {run.id: run for run in _runs(house)}
    house.seen.notes["caught_over"] = float(sum(known[one.id].is_over for one in caught if one.id in known))


def _runs(house: House) -> tuple[PlaybookRun, ...]:
    control = house.control
    assert control is not None  # noqa: S101 - the course has one
    assert control.plane.playbooks is not None  # noqa: S101 - it has started
    return control.plane.playbooks.runs


def _verifying(house: House) -> list[PlaybookRun]:
    return [run for run in _runs(house) if run.state is RunState.VERIFYING]


def _note_runs(house: House) -> None:
    runs = _runs(house)
    states = Counter(run.state for run in runs)
    house.seen.notes |= {
        "runs": float(len(runs)),
        "rolled_back": float(states[RunState.ROLLED_BACK]),
        "verified": float(states[RunState.VERIFIED]),
    }


def harm_is_undone(seen: Seen) -> list[str]:
    """Each run was taken back, nothing of it was left, and who did what, why, and how to undo it is on record."""
    notes, lines = seen.notes, _account(seen)
    found = []
    if not notes["runs"]:
        found.append("the playbook never began: nothing was shown")
    if notes["verified"]:
        found.append(f"{notes['verified']:.0f} of {notes['runs']:.0f} harmful runs count as a success")
    back = sum("rolled back" in line["detail"] for line in lines)
    if not back or back < notes["rolled_back"]:
        found.append(f"{notes['rolled_back']:.0f} runs were rolled back, and {back} are on record as that")
    if unsaid := [line for line in lines if not (line["actor"] and line["undo"] and line["trigger"])]:
        found.append(f"{len(unsaid)} lines of the audit lack an actor, a trigger or how to undo it")
    return found


def never_all_out(seen: Seen) -> list[str]:
    """The decision's own rails: in every minute, every channel but the last few is asked."""
    served = {one.channel for one in seen.attempts if one.started_at >= seen.began_at}
    gaps = [
        minute
        for minute in range(int(seen.began_at // 60), int(seen.ended_at // 60))
        if not any(60 * minute <= one.started_at < 60 * (minute + 1) for one in seen.attempts)
    ]
    seen.notes["channels_served"] = float(len(served))
    return [f"nobody was asked in {len(gaps)} minutes"] if gaps else []


def steps_once(seen: Seen) -> list[str]:
    """Each run that is over ended once; each step was done once; nothing was left between."""
    ends: Counter[str] = Counter()
    steps: Counter[tuple[str, str]] = Counter()
    for line in _account(seen):
        words = str(line["detail"]).partition(": ")[2].partition(":")[0]
        if words in _ENDS:
            ends[line["run"]] += 1
        if words.startswith("done "):
            steps[line["run"], words] += 1
    found = []
    if not seen.notes["caught_verifying"]:
        found.append("no run was under way when the loop died: nothing was shown")
    if seen.notes["caught_over"] < seen.notes["caught_verifying"]:
        found.append("a run that was under way at the crash never came to an end")
    found += [f"run {name} ended {times} times" for name, times in ends.items() if times > 1]
    found += [f"{step} of run {name} {times} times" for (name, step), times in steps.items() if times > 1]
    return found


def _account(seen: Seen) -> list[dict[str, Any]]:
    bodies = [orjson.loads(one.body) for one in seen.acts if one.kind == AUDIT]
    return [body for body in bodies if body.get("action") == "playbook"]
