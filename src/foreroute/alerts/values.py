"""The values of alerting: signals in, alerts kept, notices out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    INFO = "info"
    """Worth a look on the dashboard."""
    WARNING = "warning"
    """Worth a look today."""
    CRITICAL = "critical"
    """Worth waking for."""

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Final = {severity: number for number, severity in enumerate(Severity)}


class Source(StrEnum):
    """Where an alert comes from. One that explains others stands before them: see `inhibit`."""

    LOOP = "loop"
    EVENT = "event"
    """Many channels of one region, one provider, or all of them at once."""
    INCIDENT = "incident"
    FAILING = "failing"
    SLOW = "slow"
    ANOMALY = "anomaly"
    FORECAST = "forecast"
    BUDGET = "budget"
    PATTERN = "pattern"
    """A kind of failure that was never seen before."""
    EXPIRY = "expiry"
    """Something that ends soon, such as a certificate."""
    STAGE = "stage"
    RECEIVER = "receiver"
    SHARED = "shared"
    """What several gateways share cannot be reached."""


class Phase(StrEnum):
    PENDING = "pending"
    """Seen, but not yet for long enough."""
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What users feel: how many requests a minute are affected, and how many times the usual it is (0: usual)."""

    requests_per_minute: float = 0.0
    excess: float = 0.0

    @property
    def score(self) -> float:
        return self.requests_per_minute * self.excess


NO_IMPACT: Final = Impact()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What one tick says about one trouble. `labels` identify it; everything else may change from tick to tick."""

    source: Source
    labels: Mapping[str, str]
    summary: str
    """One sentence: what is wrong."""
    since_at: float
    impact: Impact = NO_IMPACT
    ratio: float | None = None
    """Score ÷ threshold, for findings that have one; ≥ 1 there."""
    hold_s: float = 0.0
    """How long it must last before it fires."""
    floor: Severity = Severity.INFO
    done: tuple[str, ...] = ()
    """What Foreroute did about it already, a sentence each."""
    advice: str = ""
    """What a person could do."""
    members: tuple[str, ...] = ()
    """The channels of an event."""
    incident: str = ""
    """The incident that this is a part of, by its id; no part of what identifies the trouble."""

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One trouble from its first sign to its end. Instants are seconds since the epoch; None: not yet."""

    id: str
    fingerprint: str
    source: Source
    labels: Mapping[str, str]
    summary: str
    since_at: float
    """The first sign."""
    seen_at: float
    """The last sign."""
    phase: Phase = Phase.PENDING
    severity: Severity = Severity.INFO
    """The worst of this episode."""
    impact: Impact = NO_IMPACT
    """The worst of this episode."""
    pending_since_at: float = 0.0
    fired_at: float | None = None
    clear_since_at: float | None = None
    """Since when there is no sign any more, while that may still be a pause."""
    resolved_at: float | None = None
    """The end: when the last sign was gone, not when that was believed."""
    advice: str = ""
    done: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Every channel that was part of the event."""
    members_now: int = 0
    reopened: int = 0
    """How often it came back shortly after its end."""
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    silenced_by: str | None = None
    inhibited_by: str | None = None
    """The alert that explains this one."""
    incident: str = ""
    """The incident that it is a part of; the newest, of several."""

    @property
    def channel(self) -> str:
        return self.labels.get("channel", "")

    @property
    def all_labels(self) -> Mapping[str, str]:
        """For matchers, grouping and receivers: severity is a label there, but no part of the identity."""
        return {**self.labels, "severity": self.severity.value}

    @property
    def is_flapping(self) -> bool:
        return self.reopened >= 2

    def duration_s(self, at: float) -> float:
        return max(0.0, (self.resolved_at if self.resolved_at is not None else at) - self.since_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No messages about alerts that all `matchers` match, from `start_at` until `end_at`."""

    id: str
    matchers: tuple[str, ...]
    start_at: float
    end_at: float
    created_at: float
    author: str = ""
    comment: str = ""

    def is_active(self, at: float) -> bool:
        return self.start_at <= at < self.end_at


class Reason(StrEnum):
    """Why a message goes out."""

    FIRING = "firing"
    UPDATE = "update"
    """Something joined or left a group that was told of before."""
    REMINDER = "reminder"
    """Nothing new, but it is still open."""
    RESOLVED = "resolved"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one receiver, about one group of alerts. The id is the same whenever it is sent again."""

    id: str
    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    reason: Reason
    at: float
    alerts: tuple[Alert, ...]
    """Firing ones first, the most severe first of them."""

    @property
    def is_over(self) -> bool:
        return all(alert.phase is Phase.RESOLVED for alert in self.alerts)

    @property
    def severity(self) -> Severity:
        return max((alert.severity for alert in self.alerts), key=lambda one: one.rank, default=Severity.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What one receiver has been told about one group of alerts."""

    key: str
    receiver: str
    labels: Mapping[str, str]
    waiting_since_at: float
    sent_at: float | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    """Id of a firing alert → the severity that was told last."""
    sequence: int = 0


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """The same for the same labels, in whatever order."""
    text = "\x00".join(f"{name}\x01{labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
