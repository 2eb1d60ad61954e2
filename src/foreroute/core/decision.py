"""What was decided, and why: a plan, the actions that lead to it, and a reason for each change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.optimum import Pursuit
from foreroute.core.plan import RoutingPlan


class ReasonCode(StrEnum):
    """Why a share changed, or why it did not. Closed and documented; clients may rely on it."""

    FORECAST = "forecast"
    """A forecast says that the channel will miss its objective."""
    FORECAST_CLEARED = "forecast_cleared"
    """The forecast trouble is over; the share returns."""
    SLOW = "slow"
    """The channel misses its latency objective now (reactive)."""
    FAILING = "failing"
    """The channel fails too many attempts now (reactive)."""
    REMEDY = "remedy"
    """A playbook bounds the channel's share."""
    RECOVERED = "recovered"
    """Observed trouble is over; the share returns in steps."""
    BUDGET = "budget"
    """The budget is projected to overrun; traffic moves to cheaper channels."""
    OPTIMUM = "optimum"
    """The cheapest shares that keep every promise."""
    OPTIMUM_OVER = "optimum_over"
    """There is no such optimum to aim at any more; the share returns."""
    OPTIMUM_IGNORED = "optimum_ignored"
    """The optimum is too old, or there is none that keeps every promise: it moves nothing."""
    BUDGET_PACE = "budget_pace"
    """Spending is ahead of a budget's pace: its shadow price moves traffic to cheaper channels a little at a time."""
    TUNED = "tuned"
    """A timeout or another limit is changed by what was measured; no share moves."""
    MANUAL = "manual"
    """An operator drained or pinned the channel, or undid a decision."""
    GUARDRAIL = "guardrail"
    """A bound stopped or shortened a change."""
    PANIC = "panic"
    """Too few healthy channels are left: shares are spread rather than concentrated on the last one."""
    NO_VOTE = "no_vote"
    """No forecast model has earned a vote here: the reactive policy decides."""
    STAGE_MISSING = "stage_missing"
    """A stage failed in this tick; its findings are missing."""
    AUTOPILOT_OFF = "autopilot_off"
    """Autopilot observes or suggests: the change is recorded, not made."""
    YOUNG = "young"
    """The channel has been measured for too short a time: what would move another one does not move it yet."""
    KILL_SWITCH = "kill_switch"
    """The kill switch holds the configured weights."""


class Capability(StrEnum):
    """What the loop can do by itself. Each has a stage of its own: see `Autopilot`."""

    ROUTING = "routing"
    """Moves shares by forecasts and by what is seen."""
    BUDGET = "budget"
    """Moves shares to cheaper channels when a budget is going to overrun."""
    OPTIMUM = "optimum"
    """Moves shares towards the cheapest ones that keep every promise."""
    TUNING = "tuning"
    """Sets timeouts, breakers and limits."""
    PLAYBOOKS = "playbooks"
    """Bounds a channel's share while a playbook treats it."""


DECIDED: Final = (Capability.ROUTING, Capability.BUDGET, Capability.OPTIMUM, Capability.PLAYBOOKS)
"""Those whose moves `decide` makes. The others are known by name until something makes theirs."""

_CAPABILITIES: Final = {
    ReasonCode.FORECAST: Capability.ROUTING,
    ReasonCode.SLOW: Capability.ROUTING,
    ReasonCode.FAILING: Capability.ROUTING,
    ReasonCode.FORECAST_CLEARED: Capability.ROUTING,
    ReasonCode.RECOVERED: Capability.ROUTING,
    ReasonCode.REMEDY: Capability.PLAYBOOKS,
    ReasonCode.BUDGET: Capability.BUDGET,
    ReasonCode.OPTIMUM: Capability.OPTIMUM,
    ReasonCode.OPTIMUM_OVER: Capability.OPTIMUM,
    ReasonCode.BUDGET_PACE: Capability.BUDGET,
    ReasonCode.TUNED: Capability.TUNING,
}


def capability_of(code: ReasonCode) -> Capability | None:
    """Whose move it is that this reason stands for; None where it is an operator's or a guardrail's."""
    return _CAPABILITIES.get(code)


@dataclass(frozen=True, slots=True)
class Reason:
    channel: ChannelId | None
    """None: about the whole route or plan."""
    code: ReasonCode
    detail: str
    """One sentence for a person, with the numbers that decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareChange:
    """One channel's share of one route, before and after, 0…1, with the reason that moved it.

    A channel that takes over from another one carries the other's name in its reason.
    """

    route: RouteName
    channel: ChannelId
    before: float
    after: float
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Standing trouble of one channel on one route, kept from tick to tick for hysteresis.

    `bound` is the share of its configured weight that the channel may have, 0…1, while the cause stands.
    """

    route: RouteName
    channel: ChannelId
    code: ReasonCode
    since_at: float
    bound: float
    detail: str
    clear_since_at: float | None = None
    """Since when the trouble is no longer seen; after the dwell time the cause is lifted."""


class ActionKind(StrEnum):
    PUBLISH_PLAN = "publish_plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An effect as a value. Carried out once, idempotently, in `control/act.py`."""

    kind: ActionKind
    key: str
    """Idempotence: the same key is carried out once."""


class Autopilot(StrEnum):
    OBSERVE = "observe"
    """Record what would be decided; move nothing away from the configured weights."""
    SUGGEST = "suggest"
    """The same, and show each decision as a suggestion that an operator can apply."""
    ACT = "act"
    """Decide and act within the guardrails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a capability would have changed in this tick, had it been allowed to act."""

    capability: Capability
    stage: Autopilot
    changes: tuple[ShareChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of one `decide()`. `plan` is what the gateway shall serve, already under autopilot's rule;
    `changes` is what was decided, also when autopilot did not let it pass (`applied` is False then).
    """

    id: DecisionId
    at: float
    plan: RoutingPlan
    applied: bool
    changes: tuple[ShareChange, ...] = ()
    causes: tuple[Cause, ...] = ()
    reasons: tuple[Reason, ...] = ()
    actions: tuple[Action, ...] = field(default=())
    proposals: tuple[Proposal, ...] = ()
    """Of the capabilities that observe or suggest."""
    pursued: Mapping[RouteName, Pursuit] = field(default_factory=dict)
    """The optimum that each route aims at, also of one that is only proposed."""
