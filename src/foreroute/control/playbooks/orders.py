"""What a step asks for outside the plan, as an order: everything that whoever does it has to know."""

from collections.abc import Mapping
from dataclasses import asdict

from foreroute.core.playbook_ports import Order
from foreroute.core.playbook_run import PlaybookRun
from foreroute.heal.playbooks.notes import filled
from foreroute.heal.playbooks.playbook import Playbook

UNDO = "/undo"


def order_of(
    run: PlaybookRun, step: str, playbook: Playbook | None, at: float, cause: str, *, undo: bool = False
) -> Order | None:
    """None for a step that is no longer in the playbook."""
    try:
        now = run.step(step)
        known = None if playbook is None else playbook.step(step)
    except KeyError:
        return None
    if known is None:
        return None
    wanted: dict[str, str | float] = {
        name: filled(str(value), run, cause) if name == "text" else value
        for name, value in _plain(asdict(known.action)).items()
    }
    return Order(
        key=now.key + (UNDO if undo else ""),
        action=now.action,
        run=run.id,
        playbook=run.playbook,
        step=step,
        scope=run.scope,
        channels=run.channels,
        wanted=wanted,
        timeout_s=known.timeout_s,
        at=at,
        said=now.said,
    )


def _plain(fields: Mapping[str, object]) -> dict[str, str | float]:
    return {name: float(one) if isinstance(one, int | float) else str(one) for name, one in fields.items()}
