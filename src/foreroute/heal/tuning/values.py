"""What tuning is told, what it wants, and what it has done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from foreroute.core.ids import ChannelId
from foreroute.core.limits import ChannelLimits, Parameter, Setting
from foreroute.core.routes import CallPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """No step leaves them; a configured value beyond one moves it there."""

    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where a parameter should go, if nothing bounded it. `setting` None: stay, for the `reason`."""

    setting: Setting | None
    reason: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    urgent: bool = False
    """It takes harm from users now: one round of evidence is enough, also while there is an incident."""


class Event(StrEnum):
    """What happened to a parameter. Closed and documented; clients may rely on it."""

    APPLIED = "applied"
    """In force for all requests at once."""
    CANARY = "canary"
    """Tried by a part of the requests."""
    PROMOTED = "promoted"
    """The trial was no worse: in force for all."""
    ROLLED_BACK = "rolled_back"
    """The trial was worse, or told nothing in its time: as before."""
    RETURNED = "returned"
    """A step back to the configuration, because tuning may not act any more."""
    RESET = "reset"
    """As configured, by an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the audit."""

    at: float
    channel: ChannelId
    parameter: Parameter
    event: Event
    old: Setting
    new: Setting
    reason: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    canary: str = ""
    """What the trial showed, in words."""
    actor: str = "tuner"


class Grade(StrEnum):
    """What a step was worth, or would have been. The words of the rollout."""

    HELPED = "helped"
    NO_DIFFERENCE = "no_difference"
    HURT = "hurt"
    FALSE_ALARM = "false_alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One step and its grade: evidence for or against letting tuning go farther."""

    channel: ChannelId
    parameter: Parameter
    started_at: float
    at: float
    executed: bool
    grade: Grade
    old: Setting
    new: Setting
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What else is known of a channel. Ratios: the upper bound of the next quarter of an hour, against the last hour."""

    first_chunk_ratio: float = 1.0
    whole_ratio: float = 1.0
    skill: float | None = None
    """1 − the forecast's error over the last value's; None: nothing is known of it yet."""
    incident: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One round as the tuner sees it. `act`: its stage lets it change what is in force, and no kill switch holds."""

    at: float
    act: bool
    held: str = ""
    """Why it may not act, for people; empty where it may."""
    killed: bool = False
    """The kill switch holds: nothing that is tuned is in force, and nothing can be approved."""
    policies: Mapping[ChannelId, CallPolicy]
    """As configured."""
    peers: Mapping[ChannelId, Sequence[ChannelId]] = field(default_factory=dict)
    """The other channels of a channel's routes."""
    outlooks: Mapping[ChannelId, Outlook] = field(default_factory=dict)
    retry_ratio: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One parameter for people."""

    channel: ChannelId
    parameter: Parameter
    configured: Setting
    current: Setting
    tuned: bool
    proposal: Setting | None
    """The next bounded step; None: it stays."""
    wanted: Setting | None
    reason: str
    evidence: Mapping[str, float]
    rails: tuple[str, ...]
    """What bounds it now."""
    approvable: bool
    """An operator's yes would begin the step."""
    trial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    limits: Mapping[ChannelId, ChannelLimits]
    changes: tuple[Change, ...]
    views: tuple[View, ...]
    graded: tuple[Graded, ...] = ()
