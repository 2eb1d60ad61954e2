"""Rehearsals of playbooks as rows."""

from collections.abc import Iterable
from typing import Any

from foreroute.cli.say import CommandError
from foreroute.core.ids import ChannelId
from foreroute.core.playbook_run import Risk, RunState, StepState
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.rehearsal import Rehearsed, World, rehearse
from foreroute.settings.convert import channels_of
from foreroute.settings.model import Settings

Row = dict[str, Any]


def rehearsed(playbooks: Iterable[Playbook], settings: Settings, only: str | None) -> list[Row]:
    """Raises CommandError for a name that is none."""
    known = {one.name: one for one in playbooks}
    if only is not None and only not in known:
        raise CommandError(
            f"there is no playbook {only!r}", where="--playbook", hint=", ".join(sorted(known))
        )
    channels = channels_of(settings)
    groups = [frozenset(ChannelId(target.channel) for target in route.targets) for route in settings.routes]
    wanted = [one for name, one in known.items() if only in (None, name)]
    return [
        _row(one, [rehearse(one, world, channels, groups) for world in World])
        for one in sorted(wanted, key=lambda one: (-one.priority, one.name))
    ]


def verdict_of(row: Row) -> bool:
    """Verified where it helps; rolled back, or harmless by its own words, where it does not."""
    helps, worse = row["worlds"]["helps"], row["worlds"]["worse"]
    harmless = not row["holds"] and worse["state"] == RunState.VERIFIED.value
    return bool(
        helps["state"] == RunState.VERIFIED.value
        and (worse["state"] == RunState.ROLLED_BACK.value or harmless)
    )


def _row(playbook: Playbook, found: list[Rehearsed]) -> Row:
    runs = [one.run for one in found]
    return {
        "playbook": playbook.name,
        "mode": playbook.mode.value,
        "holds": any(step.risk is not Risk.SAFE for run in runs if run is not None for step in run.steps),
        "worlds": {one.world.value: _world(one) for one in found},
    }


def _world(one: Rehearsed) -> Row:
    run = one.run
    if run is None:
        return {"state": "never begun", "by_hand": one.by_hand}
    return {
        "state": run.state.value,
        "by_hand": one.by_hand,
        "scope": run.scope,
        "trigger": run.trigger,
        "evidence": run.evidence,
        "took_s": None if run.ended_at is None else run.ended_at - run.started_at,
        "steps": [
            {
                "id": step.id,
                "action": step.action,
                "risk": step.risk.value,
                "state": step.state.value,
                "said": step.said,
            }
            for step in run.steps
        ],
        "why": run.why,
        "undone": [step.id for step in run.steps if step.state is StepState.UNDONE],
    }
