"""What a tick adds to an open incident: phases, acts, patterns, what users felt, and whether it is over. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.control.incidents import acts as done
from foreroute.control.incidents.clocks import RATIO_MAX, settled_at
from foreroute.control.incidents.grouping import Place, same_trouble
from foreroute.control.incidents.guards import guards_of
from foreroute.control.incidents.seen import BookSettings, Seen, Trouble, routes_of, share_of
from foreroute.control.incidents.watch import SLOT_S, AttemptWatch, Tens
from foreroute.core.ids import RouteName
from foreroute.core.incident import (
    SLOW,
    Act,
    ActKind,
    Clocks,
    IncidentReport,
    Member,
    PatternSeen,
)
from foreroute.core.plan import RoutingPlan

_PATTERNS_MAX: Final = 5
CLOCK_S: Final = 900.0
"""So long after its end it is still looked whether users are well: a service of few requests takes its time to show it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the parts of telling have in common."""

    seen: Seen
    watch: AttemptWatch
    settings: BookSettings
    routes: Collection[RouteName]
    troubles: Sequence[Trouble]
    """Those of this report."""


def told(
    report: IncidentReport,
    troubles: Iterable[Trouble],
    seen: Seen,
    watch: AttemptWatch,
    settings: BookSettings,
) -> IncidentReport:
    mine = [one for one in troubles if one.channel in report.channels and same_trouble(one.kind, report.kind)]
    with_ = Told(seen, watch, settings, routes_of(seen.configured, report.channels), mine)
    report = replace(report, phases=replace(report.phases, first_bad_at=_first_bad_at(report, seen, watch)))
    report = _with_felt(report, with_)
    report = _with_acts(report, with_)
    report = _with_phases(report, with_)
    report = _with_patterns(replace(report, clocks=_clocks(report, with_)), seen)
    return replace(report, guards=guards_of(report, seen.configured, seen.facts, acts=seen.acts))


def with_shares(report: IncidentReport, plans: Sequence[tuple[float, RoutingPlan]]) -> IncidentReport:
    """The channels' share before it began and the least since; `plans` with their instants, oldest first."""
    began_at, count = report.opened_at, len(report.channels)
    before = [plan for at, plan in plans if at < began_at] or [plan for _, plan in plans[:1]]
    least = min(
        (share_of(plan, report.channels) for at, plan in plans if at >= began_at),
        default=share_of(plans[-1][1], report.channels),
    )
    if report.share_before is not None and report.share_least is not None and report.shared_by == count:
        return replace(report, share_least=min(report.share_least, least))
    was = share_of(before[-1], report.channels)
    return replace(report, share_before=was, share_least=min(was, least), shared_by=count)


def verified(report: IncidentReport, seen: Seen, settings: BookSettings) -> IncidentReport:
    """With the end of each channel's trouble, and with its own once all have ended."""
    members = tuple(ended(one, seen, settings) for one in report.members)
    report = replace(report, members=members)
    ends = [one.closed_at for one in members]
    if any(end is None for end in ends):
        return report
    last = max(end for end in ends if end is not None)
    return replace(report, phases=replace(report.phases, verified_at=last).ordered())


def ended(member: Member, seen: Seen, settings: BookSettings) -> Member:
    """Its end was seen, or there was no sign of it for long while self-healing looked."""
    if member.closed_at is not None or seen.is_blind or seen.at - member.seen_at < settings.absent_s:
        return member
    return replace(member, closed_at=seen.at)


def with_clocks(
    report: IncidentReport, seen: Seen, watch: AttemptWatch, settings: BookSettings
) -> IncidentReport:
    """With the clocks as they stand now, and nothing else changed: for one that is over."""
    with_ = Told(seen, watch, settings, routes_of(seen.configured, report.channels), ())
    return replace(report, clocks=_clocks(report, with_))


def start_of(report: IncidentReport) -> float:
    """Where counting begins."""
    return report.opened_at // SLOT_S * SLOT_S


# How ------------------------------------------------------------------------------------------------------------


def _with_felt(report: IncidentReport, with_: Told) -> IncidentReport:
    at, channels = with_.seen.at, report.channels
    sealed, since_at = report.sealed, report.sealed_at or start_of(report)
    until_at = (at - with_.settings.settle_s) // SLOT_S * SLOT_S
    if until_at > since_at:
        sealed += with_.watch.felt(with_.routes, channels, start_at=since_at, end_at=until_at)
        since_at = until_at
    fresh = with_.watch.felt(with_.routes, channels, start_at=since_at, end_at=at)
    sealed_at = since_at if since_at > start_of(report) else report.sealed_at
    return replace(report, sealed=sealed, sealed_at=sealed_at, felt=sealed + fresh)


def _with_acts(report: IncidentReport, with_: Told) -> IncidentReport:
    seen, channels = with_.seen, report.channels
    breaker_at = with_.watch.breaker_opened_at(channels, since_at=report.opened_at)
    new: list[Act] = done.decision_acts(seen.decision, channels)
    new += done.noted_acts(seen.noted, {*channels, report.name})
    new += done.playbook_acts(with_.troubles, [*report.acts, *new], seen.at, applied=seen.acts)
    new += done.gateway_acts(report.felt, breaker_at, report.phases.first_bad_at, report.acts)
    decisions = report.decisions
    if done.decision_acts(seen.decision, channels) and seen.decision.id not in decisions:
        decisions = (*decisions, seen.decision.id)[-with_.settings.acts_max :]
    return replace(report, acts=done.merged(report.acts, new, with_.settings.acts_max), decisions=decisions)


def _with_phases(report: IncidentReport, with_: Told) -> IncidentReport:
    seen, watch, phases = with_.seen, with_.watch, report.phases
    first_at = phases.first_bad_at
    breaker_at = None if first_at is None else watch.breaker_opened_at(report.channels, since_at=first_at)
    detected = [
        at for at in (phases.detected_at, breaker_at, seen.at if first_at else None) if at is not None
    ]
    decided_at = phases.decided_at
    if decided_at is None:
        decided = [breaker_at, *(_decided(report, with_))]
        decided_at = min((at for at in decided if at is not None), default=None)
    phases = replace(
        phases,
        detected_at=min(detected, default=None),
        decided_at=decided_at,
    ).ordered()
    if phases.shifted_at is None and phases.decided_at is not None:
        shifted_at = settled_at(
            _tens(report, with_, phases.decided_at),
            bad=lambda slot: slot.attempts_there,
            of=lambda slot: slot.attempts,
            from_at=phases.decided_at,
        )
        phases = replace(phases, shifted_at=shifted_at).ordered()
    return replace(report, phases=phases)


def _first_bad_at(report: IncidentReport, seen: Seen, watch: AttemptWatch) -> float | None:
    """Earlier than thought, where a channel that has joined began before; on any channel of the scope, also one that is
    asked too seldom to be diagnosed.
    """
    known = report.phases.first_bad_at
    since_at = min((one.since_at for one in report.members), default=None)
    if since_at is None:
        return known
    place = Place(report.scope, report.name)
    there = report.channels | {one.id for one in seen.channels if report.kind != SLOW and place.holds(one)}
    found = watch.first_bad_at(there, since_at=since_at, slow=report.kind == SLOW)
    times = [at for at in (known, found) if at is not None]
    return min(times, default=since_at)


def _decided(report: IncidentReport, with_: Told) -> list[float]:
    decision = with_.seen.decision
    runs = [act.at for act in report.acts if act.kind is ActKind.PLAYBOOK]
    return [*runs, *([decision.at] if done.takes_away(decision, report.channels) else [])]


def _tens(report: IncidentReport, with_: Told, start_at: float) -> list[Tens]:
    return with_.watch.tens(with_.routes, report.channels, start_at=start_at, end_at=with_.seen.at)


def _clocks(report: IncidentReport, with_: Told) -> Clocks:
    phases, slow, clocks = report.phases, report.kind == SLOW, report.clocks
    if phases.first_bad_at is None:
        return clocks
    channel_s = None if phases.shifted_at is None else phases.shifted_at - phases.first_bad_at

    def bad(slot: Tens) -> int:
        return slot.lost + (slot.late if slow else 0)

    if with_.watch.reaches(start_of(report), with_.seen.at):
        # Read anew: a request that seemed lost may have been answered by another channel since.
        clocks = replace(clocks, first_lost_at=None, user_s=None)
    slots = _tens(report, with_, start_of(report))
    first = next((slot.at for slot in slots if bad(slot)), None)
    if clocks.first_lost_at is None:
        lost_at = None if first is None else max(first, phases.first_bad_at)
        clocks = replace(clocks, first_lost_at=lost_at)
    user_s = clocks.user_s
    if clocks.first_lost_at is None:
        user_s = 0.0
    elif not user_s:
        allowed = RATIO_MAX + (with_.settings.late_allowed_ratio if slow else 0.0)
        began_at = clocks.first_lost_at
        calm_at = settled_at(
            slots, bad=bad, of=lambda slot: slot.requests, from_at=began_at, ratio_max=allowed
        )
        user_s = None if calm_at is None else calm_at - began_at
    return replace(clocks, user_s=user_s, channel_s=channel_s)


def _with_patterns(report: IncidentReport, seen: Seen) -> IncidentReport:
    """The messages of its time, the most frequent first; each tick's are counted once."""
    began_at = report.phases.first_bad_at
    if began_at is None:
        return report
    since_at = began_at if report.patterns_at is None else report.patterns_at
    known = {one.id: one for one in report.patterns}
    for hit in seen.hits:
        if hit.at > since_at and hit.channel in report.channels:
            before = known.get(hit.id)
            count = hit.count + (0 if before is None else before.count)
            known[hit.id] = PatternSeen(id=hit.id, text=hit.text, example=hit.example, count=count)
    best = sorted(known.values(), key=lambda one: (-one.count, one.id))
    return replace(report, patterns=tuple(best[:_PATTERNS_MAX]), patterns_at=seen.at)
