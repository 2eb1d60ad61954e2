"""What was done about an incident, each act by the name under which it is on record. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from foreroute.control.incidents.seen import Trouble
from foreroute.core.decision import Decision, ReasonCode, ShareChange
from foreroute.core.ids import ChannelId
from foreroute.core.incident import Act, ActKind, Felt

_OPERATORS: Final = frozenset(
    {"autopilot", "kill_switch", "undo", "rollout", "approve", "dismiss", "routes", "undo_playbook"}
)
"""Entries on record that concern every open incident. Others do when they name one of its channels."""
RUN: Final = "run-"
"""How the names of playbooks' runs begin."""
_TAKES_AWAY: Final = frozenset({ReasonCode.FORECAST, ReasonCode.SLOW, ReasonCode.FAILING, ReasonCode.REMEDY})


def decision_acts(decision: Decision, channels: Collection[ChannelId]) -> list[Act]:
    """The decision's part in it, done and proposed; empty where it moved nothing because of these channels."""
    found = [_act(decision, decision.changes, channels, applied=True)] if decision.applied else []
    proposed = [change for one in decision.proposals for change in one.changes]
    found.append(_act(decision, proposed, channels, applied=False))
    return [act for act in found if act is not None]


def takes_away(decision: Decision, channels: Collection[ChannelId]) -> bool:
    """Whether it took, or would have taken, share from one of these channels because of trouble."""
    changes = [*decision.changes, *(change for one in decision.proposals for change in one.changes)]
    return any(
        change.channel in channels and change.after < change.before and change.reason.code in _TAKES_AWAY
        for change in changes
    )


def _act(
    decision: Decision, changes: Sequence[ShareChange], channels: Collection[ChannelId], *, applied: bool
) -> Act | None:
    mine = [change for change in changes if change.reason.channel in channels]
    own = [change for change in mine if change.channel in channels] or mine
    if not own:
        return None
    main = max(own, key=lambda one: abs(one.after - one.before))
    return Act(
        id=decision.id,
        kind=ActKind.OPERATOR if main.reason.code is ReasonCode.MANUAL else ActKind.DECISION,
        at=decision.at,
        what="; ".join(_moved(change) for change in own[:5]),
        why=main.reason.detail,
        applied=applied,
    )


def _moved(change: ShareChange) -> str:
    return f"{change.channel} on {change.route} from {change.before:.0%} to {change.after:.0%}"


def playbook_acts(
    troubles: Iterable[Trouble], known: Iterable[Act], at: float, *, applied: bool
) -> list[Act]:
    """Runs that are new since the last tick; none where each run has an account of its own."""
    names = {act.id for act in known}
    if any(act.kind is ActKind.PLAYBOOK and act.id.startswith(RUN) for act in known):
        return []
    runs = [
        (f"{one.incident}/{number}", name, one.channel)
        for one in troubles
        for number, name in enumerate(one.playbooks, start=1)
    ]
    return [
        Act(
            id=name,
            kind=ActKind.PLAYBOOK,
            at=at,
            what=f"playbook {playbook} on {channel}",
            applied=applied,
        )
        for name, playbook, channel in runs
        if name not in names
    ]


def noted_acts(noted: Iterable[Act], names: Collection[str]) -> Iterator[Act]:
    """What operators, playbooks and the tuner did meanwhile, as far as it concerns these channels, or their scope."""
    for act in noted:
        action = act.what.partition(":")[0]
        if action in _OPERATORS or any(name in act.what for name in names):
            yield act


def gateway_acts(
    felt: Felt, breaker_at: float | None, first_bad_at: float | None, known: Sequence[Act]
) -> list[Act]:
    """What the gateway did by itself. The same act grows from tick to tick."""
    found = []
    if felt.rescued and first_bad_at is not None:
        mean_s = felt.waited_s / felt.rescued
        what = f"{felt.rescued} requests answered by another channel, {mean_s:.1f} s later on average"
        found.append(Act(id="gateway/failover", kind=ActKind.GATEWAY, at=first_bad_at, what=what))
    if breaker_at is not None and not any(act.id == "gateway/breaker" for act in known):
        what = "the breaker opened: new requests pass the channel by"
        found.append(Act(id="gateway/breaker", kind=ActKind.GATEWAY, at=breaker_at, what=what))
    return found


def merged(known: Sequence[Act], new: Iterable[Act], most: int) -> tuple[Act, ...]:
    """By time; an act with the same name and the same standing replaces the one before. The first and the newest stay."""
    by_name = {(act.id, act.applied): act for act in known}
    by_name |= {(act.id, act.applied): act for act in new}
    acts = sorted(by_name.values(), key=lambda act: (act.at, act.id))
    if len(acts) <= most:
        return tuple(acts)
    return (*acts[: most // 2], *acts[len(acts) - (most - most // 2) :])
