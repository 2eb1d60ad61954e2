"""Keeps the incidents from tick to tick: opened, widened, told on, closed, reopened. No clock, no chance, no effects."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from foreroute.control.incidents.foreseen import foreseen, opened_by
from foreroute.control.incidents.grouping import (
    Place,
    home_of,
    place_of,
    same_trouble,
    wider,
    worse_kind,
)
from foreroute.control.incidents.naming import name_of
from foreroute.control.incidents.regions import lost_regions
from foreroute.control.incidents.seen import BookSettings, Seen, Trouble, troubles_of
from foreroute.control.incidents.telling import CLOCK_S, told, verified, with_clocks, with_shares
from foreroute.control.incidents.watch import AttemptWatch
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, IncidentId
from foreroute.core.incident import (
    SLOW,
    IncidentReport,
    Member,
    Note,
    Origin,
    PhaseTimes,
)
from foreroute.core.plan import RoutingPlan


@dataclass(slots=True)
class IncidentBook:
    """At most one open report for each scope, name and kind. `advance` gives those that have changed.

    The same tick again changes nothing, nor does an older one.
    """

    watch: AttemptWatch
    settings: BookSettings = field(default_factory=BookSettings)
    reports: dict[IncidentId, IncidentReport] = field(default_factory=dict)
    """Open ones, and those closed within the lookback."""
    _plans: deque[tuple[float, RoutingPlan]] = field(default_factory=lambda: deque(maxlen=240))
    """What served after each of the last ticks."""
    _told_at: float = 0.0
    _known: frozenset[IncidentId] = frozenset()
    """Those that were there before this tick."""

    def resume(self, reports: Iterable[IncidentReport]) -> None:
        """Those that earlier runs have left."""
        self.reports |= {one.id: one for one in reports}

    def advance(self, seen: Seen) -> list[IncidentReport]:
        if seen.at <= self._told_at:
            return []
        self._told_at, before = seen.at, dict(self.reports)
        self._known = frozenset(before)
        self._remember(seen)
        troubles = troubles_of(seen, self.settings.observe_s)
        for trouble in troubles:
            self._place(trouble, troubles, seen)
        for move in seen.moves:
            self._foresee(opened_by(move, self._open()), seen)
        self._merge(seen)
        for report in self._open():
            self._put(self._told(report, troubles, seen))
        for report in self._just_closed(seen.at):
            self._put(with_clocks(report, seen, self.watch, self.settings))
        self._forget(seen.at)
        return [one for name, one in self.reports.items() if before.get(name) != one]

    def note(self, name: IncidentId, note: Note) -> IncidentReport:
        """Raises KeyError."""
        report = self.reports[name]
        return self._put(replace(report, notes=(*report.notes, note)))

    def close(self, name: IncidentId, at: float, by: str) -> IncidentReport:
        """Over, because somebody says so; what is closed already stays as it is. Raises KeyError."""
        report = self.reports[name]
        if not report.is_open:
            return report
        return self._put(self._closed(report, at, by=by))

    # How --------------------------------------------------------------------------------------------------------

    def _remember(self, seen: Seen) -> None:
        if not self._plans:
            self._plans.append((seen.at - 1.0, seen.before))
        if self._plans[-1][0] < seen.at:
            self._plans.append((seen.at, seen.decision.plan))

    def _open(self) -> list[IncidentReport]:
        found = [one for one in self.reports.values() if one.is_open]
        return sorted(found, key=lambda one: (one.opened_at, one.id))

    def _just_closed(self, at: float) -> list[IncidentReport]:
        """Those of which it may yet be seen when users were well again."""
        return [
            one
            for one in self.reports.values()
            if one.phases.closed_at is not None and at - one.phases.closed_at <= CLOCK_S
            if one.clocks.user_s is None and one.merged_into is None
        ]

    def _put(self, report: IncidentReport) -> IncidentReport:
        self.reports[report.id] = report
        return report

    def _place(self, trouble: Trouble, troubles: list[Trouble], seen: Seen) -> None:
        """Into the report that it belongs to; a new one where there is none."""
        channels = {channel.id: channel for channel in seen.channels}
        asked = {rollup.channel for rollup in seen.rollups if rollup.attempts}
        if trouble.closed_at is not None:
            place = Place("channel", trouble.channel)
        else:
            place = place_of(trouble, troubles, seen.channels, asked)
        home = home_of(trouble, place, self._open(), channels)
        if trouble.closed_at is not None:
            if home is not None:
                self._put(_with_end(home, trouble))
            return
        if home is None:
            home = self._reopened(trouble, place, seen) or self._new(trouble, place, seen)
        grown = wider(home, place, channels)
        kind = worse_kind(home.kind, trouble.kind)
        members = _with(home.members, trouble, seen.at)
        self._put(replace(home, scope=grown.scope, name=grown.name, kind=kind, members=members))

    def _reopened(self, trouble: Trouble, place: Place, seen: Seen) -> IncidentReport | None:
        """One that was thought to be over a moment ago, and whose trouble this is."""
        for one in sorted(self.reports.values(), key=lambda one: -one.opened_at):
            closed_at = one.phases.closed_at
            if closed_at is None or one.closed_by or one.merged_into is not None:
                continue
            fits = trouble.channel in one.channels or (one.scope, one.name) == (place.scope, place.name)
            recent = closed_at <= seen.at and trouble.since_at - closed_at <= self.settings.reopen_s
            if fits and recent and same_trouble(one.kind, trouble.kind) and one.origin is Origin.OBSERVED:
                phases = replace(one.phases, verified_at=None, closed_at=None)
                return replace(one, phases=phases, relapses=one.relapses + 1, guards=())
        return None

    def _new(self, trouble: Trouble, place: Place, seen: Seen) -> IncidentReport:
        slow = trouble.kind == SLOW
        # What somebody has called over is told no more: it goes on from there.
        since_at = max([trouble.since_at, *self._closed_by_hand(trouble)])
        first = self.watch.first_bad_at({trouble.channel}, since_at=since_at, slow=slow)
        first_at = min(since_at if first is None else first, seen.at)
        phases = PhaseTimes(first_bad_at=first_at, detected_at=seen.at)
        return IncidentReport(
            id=name_of(place, trouble.kind, first_at),
            scope=place.scope,
            name=place.name,
            kind=trouble.kind,
            phases=phases,
        )

    def _closed_by_hand(self, trouble: Trouble) -> list[float]:
        return [
            one.phases.closed_at
            for one in self.reports.values()
            if one.closed_by and one.phases.closed_at is not None
            if trouble.channel in one.channels and same_trouble(one.kind, trouble.kind)
        ]

    def _foresee(self, report: IncidentReport | None, seen: Seen) -> None:
        if report is not None:
            known = self.reports.get(report.id)
            if known is None or known.is_open:
                self._put(self._with_past(report, seen.at))

    def _merge(self, seen: Seen) -> None:
        """Two reports that turn out to be one trouble: the earlier one goes on."""
        channels = {channel.id: channel for channel in seen.channels}
        while (pair := self._pair(channels)) is not None:
            self._merge_two(*pair, seen.at)
        for place, parts in lost_regions(self._open(), seen, self.watch):
            for other in parts[1:]:
                self._merge_two(self.reports[parts[0].id], other, seen.at)
            self._put(replace(self.reports[parts[0].id], scope=place.scope, name=place.name))

    def _pair(self, channels: Mapping[ChannelId, Channel]) -> tuple[IncidentReport, IncidentReport] | None:
        reports = [one for one in self._open() if one.origin is Origin.OBSERVED]
        pairs = ((one, other) for number, one in enumerate(reports) for other in reports[number + 1 :])
        return next((pair for pair in pairs if _are_one(*pair, channels)), None)

    def _merge_two(self, first: IncidentReport, other: IncidentReport, at: float) -> None:
        wide = max(first, other, key=lambda one: Place(one.scope, one.name).width)
        members = {(one.channel, one.kind): one for one in (*other.members, *first.members)}
        began = min(first.phases.first_bad_at or at, other.phases.first_bad_at or at)
        whole = replace(
            first,
            scope=wide.scope,
            name=wide.name,
            kind=worse_kind(first.kind, other.kind),
            members=tuple(members[key] for key in sorted(members)),
            acts=tuple(sorted({*first.acts, *other.acts}, key=lambda act: (act.at, act.id))),
            notes=(*first.notes, *other.notes),
            phases=replace(first.phases, first_bad_at=began).ordered(),
        )
        self._put(whole)
        if other.id not in self._known:  # nobody has heard of it yet
            del self.reports[other.id]
            return
        phases = replace(other.phases, closed_at=at).ordered()
        self._put(replace(other, phases=phases, merged_into=first.id))

    def _told(self, report: IncidentReport, troubles: list[Trouble], seen: Seen) -> IncidentReport:
        report = with_shares(report, tuple(self._plans))
        report = self._with_past(told(report, troubles, seen, self.watch, self.settings), seen.at)
        if report.origin is Origin.FORECAST:
            report = foreseen(report, seen, self.settings)
        else:
            report = verified(report, seen, self.settings)
        if report.phases.verified_at is not None or report.phases.closed_at is not None:
            return self._closed(report, seen.at)
        return report

    def _closed(self, report: IncidentReport, at: float, *, by: str = "") -> IncidentReport:
        phases = replace(report.phases, closed_at=at).ordered()
        return replace(report, phases=phases, closed_by=by)

    def _with_past(self, report: IncidentReport, at: float) -> IncidentReport:
        """What came before of the same kind, in the same scope or on one of the same channels."""
        since_at = at - self.settings.lookback_s
        past = [
            one
            for one in self.reports.values()
            if one.kind == report.kind
            and (one.key[:2] == report.key[:2] or one.channels & report.channels)
            and one.id != report.id
            and one.merged_into is None
            and one.origin is report.origin
            and one.phases.closed_at is not None
            and since_at <= one.phases.closed_at <= report.opened_at
        ]
        newest = max(past, key=lambda one: one.opened_at, default=None)
        return replace(report, recurrence_of=None if newest is None else newest.id, recurrences=len(past))

    def _forget(self, at: float) -> None:
        oldest = at - self.settings.lookback_s
        for name, one in list(self.reports.items()):
            if one.phases.closed_at is not None and one.phases.closed_at < oldest:
                del self.reports[name]


def _holds(first: IncidentReport, other: IncidentReport, channels: Mapping[ChannelId, Channel]) -> bool:
    """Whether the first one's scope holds every channel of the other."""
    place = Place(first.scope, first.name)
    mine = [channels[name] for name in other.channels if name in channels]
    return bool(mine) and all(place.holds(one) for one in mine)


def _are_one(first: IncidentReport, other: IncidentReport, channels: Mapping[ChannelId, Channel]) -> bool:
    if not same_trouble(first.kind, other.kind):
        return False
    shared = first.channels & other.channels or first.key == other.key
    return bool(shared) or _holds(first, other, channels) or _holds(other, first, channels)


def _with(members: tuple[Member, ...], trouble: Trouble, at: float) -> tuple[Member, ...]:
    by_key = {(one.channel, one.kind): one for one in members}
    known = by_key.get((trouble.channel, trouble.kind))
    by_key[trouble.channel, trouble.kind] = Member(
        channel=trouble.channel,
        kind=trouble.kind,
        since_at=trouble.since_at if known is None else min(known.since_at, trouble.since_at),
        seen_at=at,
        probability=trouble.probability,
        evidence=trouble.evidence,
    )
    return tuple(by_key[key] for key in sorted(by_key))


def _with_end(report: IncidentReport, trouble: Trouble) -> IncidentReport:
    members = tuple(
        replace(one, closed_at=trouble.closed_at)
        if one.channel == trouble.channel and one.closed_at is None and same_trouble(one.kind, trouble.kind)
        else one
        for one in report.members
    )
    return replace(report, members=members)
