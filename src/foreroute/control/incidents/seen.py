"""What one tick tells about incidents, and the troubles that it shows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.control.moves import Move
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, Decision, ReasonCode
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Incident
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.incident import SLOW, Act
from foreroute.core.patterns import ChannelFact
from foreroute.core.plan import RoutingPlan
from foreroute.core.rollup import Rollup
from foreroute.heal.tally import total, windows_of


@dataclass(frozen=True, slots=True)
class PatternHit:
    """A kind of message on a channel in the time up to a tick. Known words and placeholders only."""

    at: float
    id: str
    channel: ChannelId
    count: int
    text: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One tick, after its decision."""

    at: float
    channels: tuple[Channel, ...]
    configured: RoutingPlan
    decision: Decision
    before: RoutingPlan
    """The plan that served before the decision."""
    incidents: tuple[Incident, ...] = ()
    """Of single channels: open ones, and those that have just closed."""
    late_now: frozenset[ChannelId] = frozenset()
    """Channels over their objective in the observation window."""
    rollups: Sequence[Rollup] = ()
    """The minutes of the last quarter of an hour."""
    moves: Sequence[Move] = ()
    """New ones, and those that were graded."""
    noted: Sequence[Act] = ()
    """What others did since the last tick, as it is on record."""
    hits: Sequence[PatternHit] = ()
    """How often each pattern came, tick by tick, in the last quarter of an hour."""
    facts: Sequence[ChannelFact] = ()
    acts: bool = True
    """The loop may move shares."""
    is_blind: bool = False
    """Self-healing failed in this tick: silence is no sign of an end."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        return self.decision.causes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One channel, one kind, now. `closed_at`: it was seen to be over."""

    channel: ChannelId
    kind: str
    since_at: float
    probability: float = 1.0
    evidence: str = ""
    closed_at: float | None = None
    playbooks: tuple[str, ...] = ()
    incident: str = ""
    """The name under which playbooks treat it."""


_LATE: Final = frozenset({ReasonCode.SLOW, ReasonCode.FORECAST})


def troubles_of(seen: Seen, observe_s: float) -> list[Trouble]:
    """One for each channel and kind. A channel of which a failure is known is not said to be slow as well.

    `observe_s`: how far back the reactive policy looks.
    """
    known = {channel.id for channel in seen.channels}
    found = [_of_incident(one) for one in seen.incidents if one.channel in known]
    failing = {one.channel for one in found if one.closed_at is None}
    for cause in seen.causes:
        trouble = None if cause.channel in failing else _of_cause(cause, seen, observe_s)
        if trouble is not None and cause.channel in known:
            failing.add(cause.channel)
            found.append(trouble)
    return found


def _of_incident(incident: Incident) -> Trouble:
    return Trouble(
        channel=incident.channel,
        kind=incident.root_cause.value,
        since_at=incident.opened_at,
        probability=incident.probability,
        evidence=incident.evidence.partition("; to blame:")[0],
        closed_at=incident.closed_at,
        playbooks=incident.playbooks_run,
        incident=incident.id,
    )


def _of_cause(cause: Cause, seen: Seen, observe_s: float) -> Trouble | None:
    """What the reactive policy sees before self-healing is sure. A forecast is trouble once it has come true."""
    if cause.clear_since_at is not None:
        return None
    if cause.code is ReasonCode.FAILING:
        kind: str = _likeliest(cause.channel, seen).value
    elif cause.code in _LATE and cause.channel in seen.late_now:
        kind = SLOW
    else:
        return None
    known_at = seen.at if cause.code is ReasonCode.FORECAST else cause.since_at
    since_at = known_at - observe_s if kind == SLOW else _failing_since(cause.channel, seen, known_at)
    return Trouble(channel=cause.channel, kind=kind, since_at=since_at, evidence=cause.detail)


def _failing_since(channel: ChannelId, seen: Seen, known_at: float) -> float:
    """The start of the run of windows with failures that ends there."""
    since_at = known_at
    for window in reversed(windows_of([one for one in seen.rollups if one.channel == channel])):
        if window.start_at < known_at and window.judged:
            if not window.failed:
                break
            since_at = min(since_at, window.start_at)
    return since_at


def _likeliest(channel: ChannelId, seen: Seen) -> FailureClass:
    causes = total(windows_of([one for one in seen.rollups if one.channel == channel])).causes
    return min(causes, key=lambda kind: (-causes[kind], kind), default=FailureClass.UNKNOWN)


def routes_of(plan: RoutingPlan, channels: Collection[ChannelId]) -> frozenset[RouteName]:
    """The routes that these channels serve."""
    return frozenset(
        name
        for name, route in plan.routes.items()
        if any(target.channel in channels for target in route.targets)
    )


def share_of(plan: RoutingPlan, channels: Collection[ChannelId]) -> float:
    """Their share of the routes that they serve, each route counting the same, 0…1."""
    shares = [
        sum(weights.get(channel, 0.0) for channel in channels)
        for weights in _shares(plan, routes_of(plan, channels))
    ]
    return sum(shares) / len(shares) if shares else 0.0


def _shares(plan: RoutingPlan, routes: Collection[RouteName]) -> Iterator[Mapping[ChannelId, float]]:
    for name in routes:
        targets = [one for one in plan.routes[name].targets if one.weight > 0]
        first = min((one.priority for one in targets), default=0)
        serving = {one.channel: one.weight for one in targets if one.priority == first}
        whole = sum(serving.values()) or 1.0
        yield {channel: weight / whole for channel, weight in serving.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSettings:
    """Seconds."""

    reopen_s: float = 600.0
    """The same trouble within this time after its end is the same incident."""
    absent_s: float = 180.0
    """So long without a sign, and trouble of which nobody saw the end is over."""
    lookback_s: float = 14 * 86_400.0
    """The same scope and kind within this time is a recurrence."""
    observe_s: float = 180.0
    """How far back the reactive policy looks: the first late attempt lies within."""
    settle_s: float = 120.0
    """After that, what users felt in a slot does not change any more."""
    acts_max: int = 100
    felt_ratio_max: float = 0.01
    """Foreseen trouble that fewer requests felt than this share was prevented."""
    late_allowed_ratio: float = 0.05
    """Late answers that an objective of a p95 allows."""
