"""An incident as people see it: one trouble of one scope and kind, from its first bad attempt to its verified end.

`findings.Incident` is the trouble of one channel, as playbooks treat it. A report holds all channels that are in one
trouble: a region that is lost is one report, however many channels it has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, DecisionId, IncidentId

SLOW: Final = "slow"
"""The kind of an incident in which answers come, but too late. All other kinds are failure classes."""


class Origin(StrEnum):
    OBSERVED = "observed"
    """Attempts failed or were late."""
    FORECAST = "forecast"
    """Shares were moved before anything was wrong."""


class ForecastOutcome(StrEnum):
    """What became of trouble that was foreseen. Closed and documented; clients may rely on it."""

    PENDING = "pending"
    PREVENTED = "prevented"
    """The channel did get into trouble, and users felt next to none of it."""
    CAME_THROUGH = "came_through"
    """It did, and users felt it all the same."""
    FALSE_ALARM = "false_alarm"
    """It did not."""
    UNGRADABLE = "ungradable"
    """Too little was measured on the channel to say."""


class ActKind(StrEnum):
    GATEWAY = "gateway"
    """Requests that another channel answered, and a breaker that opened: at once, without the loop."""
    DECISION = "decision"
    PLAYBOOK = "playbook"
    TUNER = "tuner"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTimes:
    """When each phase was over; None: not yet, or there was none. Instants that are known never go backwards."""

    first_bad_at: float | None = None
    """The end of the first failed or late attempt. None while trouble is only foreseen."""
    detected_at: float | None = None
    decided_at: float | None = None
    """The first decision, breaker or playbook that takes traffic away."""
    shifted_at: float | None = None
    """From here on less than 1 % of the routes' attempts went to the channels."""
    verified_at: float | None = None
    """The channels were seen to do well again."""
    closed_at: float | None = None

    def ordered(self) -> "PhaseTimes":
        """The same, each known instant at or after all before it."""
        latest, moved = float("-inf"), dict[str, float]()
        for name, at in self.known():
            latest = max(latest, at)
            moved[name] = latest
        return replace(self, **moved)

    def known(self) -> Iterator[tuple[str, float]]:
        for one in fields(self):
            at = getattr(self, one.name)
            if at is not None:
                yield one.name, at


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One channel's part in it."""

    channel: ChannelId
    kind: str
    since_at: float
    """The start of the first bad window."""
    seen_at: float
    """The last tick at which it was still in trouble."""
    closed_at: float | None = None
    probability: float = 1.0
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done about it, or would have been. `id` names the decision, run or entry on record."""

    id: str
    kind: ActKind
    at: float
    what: str
    why: str = ""
    applied: bool = True
    """False: only proposed."""
    undo: str = ""
    """How it can be taken back, where whoever did it has said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSeen:
    """A kind of message and how often it came in this incident. Known words and placeholders only."""

    id: str
    text: str
    example: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """What users felt. A request counts as lost when its last attempt failed."""

    requests: int = 0
    """All requests of the routes in the time of the incident."""
    failed_attempts: int = 0
    lost: int = 0
    rescued: int = 0
    """An attempt failed, another channel answered."""
    late: int = 0
    """Answers over the objective."""
    waited_s: float = 0.0
    """What the rescued ones lost by it, together."""
    keys: tuple[str, ...] = ()
    """The virtual keys whose requests were lost, late or rescued; at most a hundred."""

    def __add__(self, other: "Felt") -> "Felt":
        return Felt(
            requests=self.requests + other.requests,
            failed_attempts=self.failed_attempts + other.failed_attempts,
            lost=self.lost + other.lost,
            rescued=self.rescued + other.rescued,
            late=self.late + other.late,
            waited_s=self.waited_s + other.waited_s,
            keys=tuple(sorted({*self.keys, *other.keys}))[:_KEYS_MAX],
        )


_KEYS_MAX: Final = 100
NOTHING_FELT: Final = Felt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Time to recover, in seconds, as users and as the loop count it. None: not yet, or never."""

    first_lost_at: float | None = None
    """The first request that was lost or, in a slow incident, late."""
    user_s: float | None = None
    """From there until at most 1 % of the routes' requests are bad over 10 s; 0: users felt nothing."""
    channel_s: float | None = None
    """From the first bad attempt until less than 1 % of the routes' attempts go to the channels."""


NO_CLOCKS: Final = Clocks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What would keep it from happening again. `values` fill the text of `code`; `config` is what to write where."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    config: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    at: float
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReport:
    """At most one is open for each (scope, name, kind). It only grows wider while it is open."""

    id: IncidentId
    scope: str
    """`key`, `channel`, `model`, `region` or `provider`."""
    name: str
    kind: str
    """A failure class, or `slow`."""
    origin: Origin = Origin.OBSERVED
    outcome: ForecastOutcome | None = None
    """Of what was foreseen; None otherwise."""
    outcome_detail: str = ""
    phases: PhaseTimes = field(default_factory=PhaseTimes)
    foreseen_at: float | None = None
    foreseen_on: tuple[ChannelId, ...] = ()
    """The channels that were expected to get into trouble."""
    members: tuple[Member, ...] = ()
    acts: tuple[Act, ...] = ()
    decisions: tuple[DecisionId, ...] = ()
    moves: tuple[str, ...] = ()
    patterns: tuple[PatternSeen, ...] = ()
    patterns_at: float | None = None
    """Until when they are counted."""
    felt: Felt = NOTHING_FELT
    sealed: Felt = NOTHING_FELT
    """What was felt until `sealed_at`: that does not change any more."""
    sealed_at: float | None = None
    clocks: Clocks = NO_CLOCKS
    share_before: float | None = None
    """The channels' share of their routes when it began, 0…1, and the least since."""
    share_least: float | None = None
    shared_by: int = 0
    """How many channels these shares are of."""
    recurrence_of: IncidentId | None = None
    recurrences: int = 0
    """How many there were of the same scope and kind within the lookback."""
    guards: tuple[Guard, ...] = ()
    notes: tuple[Note, ...] = ()
    relapses: int = 0
    """How often it was believed to be over and was not."""
    merged_into: IncidentId | None = None
    closed_by: str = ""
    """Who closed it; empty: it was verified."""

    @property
    def is_open(self) -> bool:
        return self.phases.closed_at is None

    @property
    def opened_at(self) -> float:
        """The first instant that is known of it."""
        return next((at for _, at in self.phases.known()), self.foreseen_at or 0.0)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scope, self.name, self.kind

    @property
    def channels(self) -> frozenset[ChannelId]:
        return frozenset((*self.foreseen_on, *(member.channel for member in self.members)))

    @property
    def cause(self) -> Member | None:
        """The member that says the most: the surest of those that share the incident's kind."""
        mine = [one for one in self.members if one.kind == self.kind] or list(self.members)
        return max(mine, key=lambda one: (one.probability, -one.since_at, one.channel), default=None)

    @property
    def failure_class(self) -> FailureClass:
        """For whoever needs a class: what is too late is nearly a timeout."""
        return failure_class(self.kind)


def failure_class(kind: str) -> FailureClass:
    return FailureClass.TIMEOUT_READ if kind == SLOW else FailureClass(kind)
