"""Playbooks: which trouble, what to do, how to know that it helped, and what then. Values; `document` reads them."""

from dataclasses import dataclass, field
from enum import StrEnum

from foreroute.core.failure import FailureClass
from foreroute.core.findings import AnomalyKind, Direction
from foreroute.core.playbook_run import RunMode
from foreroute.core.series import Metric
from foreroute.heal.playbooks.expression import Expression
from foreroute.heal.playbooks.steps import Action, Severity
from foreroute.heal.recovery import DEFAULT_RECOVERY, Recovery
from foreroute.heal.scopes import ScopeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTrigger:
    """An incident of one of the `classes` of which enough was seen within `window_s`; of classes that open no incident
    (those that do not fit a channel), enough failures of a channel. All limits that are given must be reached.
    """

    classes: frozenset[FailureClass]
    scope: ScopeKind = ScopeKind.CHANNEL
    window_s: float = 120.0
    ratio: float | None = None
    count: int | None = None
    min_requests: int = 1
    probability: float = 0.0
    """How sure the diagnosis must be, 0…1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyTrigger:
    """A metric has been strange for `hold_s`, so that the score is at least `score` times its threshold."""

    metric: Metric
    scope: ScopeKind = ScopeKind.CHANNEL
    kinds: frozenset[AnomalyKind] = frozenset(AnomalyKind)
    direction: Direction | None = None
    score: float = 1.0
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTrigger:
    """The metric over the next `horizon_s` is above a limit with this probability. `above` None: the objective's."""

    metric: Metric
    scope: ScopeKind = ScopeKind.CHANNEL
    horizon_s: float = 900.0
    above: float | None = None
    probability: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdTrigger:
    """A condition has held on a scope for `hold_s`, over windows of `window_s`."""

    condition: Expression
    scope: ScopeKind = ScopeKind.CHANNEL
    hold_s: float = 0.0
    window_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTrigger:
    """Every `every_s` of the epoch, or at `at_s` after midnight (UTC) on the days (Monday is 0)."""

    scope: ScopeKind = ScopeKind.GATEWAY
    every_s: float | None = None
    at_s: float | None = None
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualTrigger:
    """Nothing begins it but a person."""

    scope: ScopeKind = ScopeKind.CHANNEL


Trigger = (
    FailureTrigger | AnomalyTrigger | ForecastTrigger | ThresholdTrigger | ScheduleTrigger | ManualTrigger
)


class OnError(StrEnum):
    ABORT = "abort"
    """No further step; what was done is verified as it stands."""
    CONTINUE = "continue"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """First `share` (0…1) of the step's strength for `for_s`; the whole of it unless a failure condition holds then."""

    share: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    id: str
    action: Action
    when: Expression | None = None
    timeout_s: float = 30.0
    on_error: OnError = OnError.ROLLBACK
    canary: Canary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A time of day (UTC, seconds after midnight) in which a playbook does not begin."""

    begins_s: float
    lasts_s: float
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    healthy_share_min: float = 0.0
    """No step cuts a share when less than this part of the routes' weight would be left on healthy channels."""
    shift_max: float = 1.0
    """The most of a share that is cut at a time."""
    parallel_max: int = 4
    """So many runs of this playbook at a time."""
    freeze: tuple[Frozen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """It helped when all `success` conditions hold over `window_s`, and not when a `failure` condition has held at
    `failure_limit` looks. Anything else, unknown facts and fewer than `samples_min` requests among it: hold, and look
    again, until the run's time is up.
    """

    after_s: float = 60.0
    window_s: float = 120.0
    success: tuple[Expression, ...] = ()
    failure: tuple[Expression, ...] = ()
    failure_limit: int = 2
    samples_min: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """After so many runs that did not help, or when the trouble has lasted so long: tell somebody, or run another one."""

    after_runs: int | None = None
    after_s: float | None = None
    severity: Severity = Severity.CRITICAL
    text: str = ""
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    name: str
    description: str = ""
    priority: int = 50
    mode: RunMode = RunMode.AUTO
    triggers: tuple[Trigger, ...]
    conditions: tuple[Expression, ...] = ()
    guards: Guards = field(default_factory=Guards)
    steps: tuple[Step, ...]
    verify: Verify = field(default_factory=Verify)
    recovered: Recovery = DEFAULT_RECOVERY
    """When an incident that it treats is over."""
    timeout_s: float = 900.0
    approve_within_s: float = 1800.0
    cooldown_s: float = 300.0
    max_attempts: int = 3
    attempts_window_s: float = 3600.0
    """Of runs that belong to no incident, those within this time count."""
    escalation: tuple[Escalation, ...] = ()
    lookback_s: float = 7 * 86_400.0
    recurring_from: int | None = None
    """From this recurrence on, people are told that it keeps coming back."""

    def step(self, name: str) -> Step:
        """Raises KeyError."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)
