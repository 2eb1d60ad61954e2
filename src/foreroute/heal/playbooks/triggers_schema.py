"""What begins a playbook, as it is written."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from foreroute.core.failure import FailureClass
from foreroute.core.findings import AnomalyKind, Direction
from foreroute.core.series import Metric
from foreroute.heal.playbooks import playbook as made
from foreroute.heal.playbooks.fields import (
    Condition,
    Day,
    Duration,
    Ratio,
    Strict,
    TimeOfDay,
    Window,
    expression,
)
from foreroute.heal.scopes import ScopeKind


class FailureTrigger(Strict):
    """Failures of some classes: an incident with this cause, or failures that show that a request does not fit."""

    type: Literal["failure"]
    classes: list[FailureClass] = Field(min_length=1)
    scope: ScopeKind = ScopeKind.CHANNEL
    """What is treated: the channel, or all that share its model, region or provider."""
    ratio: float | None = Field(default=None, gt=0, le=1)
    """So much of the attempts in `window` must be bad."""
    count: int | None = Field(default=None, ge=1)
    """So many of them."""
    window: Window = 120.0
    min_requests: int = Field(default=1, ge=1)
    probability: Ratio = 0.0
    """How sure the diagnosis must be."""

    def value(self) -> made.Trigger:
        return made.FailureTrigger(
            classes=frozenset(self.classes),
            scope=self.scope,
            window_s=self.window,
            ratio=self.ratio,
            count=self.count,
            min_requests=self.min_requests,
            probability=self.probability,
        )


class AnomalyTrigger(Strict):
    """A metric that is strange."""

    type: Literal["anomaly"]
    metric: Metric
    scope: ScopeKind = ScopeKind.CHANNEL
    kinds: tuple[AnomalyKind, ...] = tuple(AnomalyKind)
    direction: Direction | None = None
    score: float = Field(default=1.0, ge=1.0)
    """How many times its threshold the score must be."""
    hold: Duration = 0.0
    """How long the episode must have lasted."""

    def value(self) -> made.Trigger:
        return made.AnomalyTrigger(
            metric=self.metric,
            scope=self.scope,
            kinds=frozenset(self.kinds),
            direction=self.direction,
            score=self.score,
            hold_s=self.hold,
        )


class ForecastTrigger(Strict):
    """A metric that is expected to be above a limit. Only models that have a vote are heard."""

    type: Literal["forecast"]
    metric: Metric
    scope: ScopeKind = ScopeKind.CHANNEL
    horizon: Duration = 900.0
    above: Literal["objective"] | Annotated[float, Field(gt=0)] = "objective"
    """A number in the metric's unit, or the limit of the route's objective."""
    probability: float = Field(default=0.8, gt=0.0, lt=1.0)

    def value(self) -> made.Trigger:
        return made.ForecastTrigger(
            metric=self.metric,
            scope=self.scope,
            horizon_s=self.horizon,
            above=None if isinstance(self.above, str) else self.above,
            probability=self.probability,
        )


class ThresholdTrigger(Strict):
    """A condition that holds on a scope."""

    type: Literal["threshold"]
    expr: Condition
    scope: ScopeKind = ScopeKind.CHANNEL
    hold: Duration = 0.0
    window: Window = 120.0

    def value(self) -> made.Trigger:
        return made.ThresholdTrigger(
            condition=expression(self.expr), scope=self.scope, hold_s=self.hold, window_s=self.window
        )


class ScheduleTrigger(Strict):
    """A time."""

    type: Literal["schedule"]
    scope: ScopeKind = ScopeKind.GATEWAY
    every: Annotated[Duration, Field(ge=60.0)] | None = None
    at: TimeOfDay | None = None
    days: tuple[Day, ...] = tuple(range(7))

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.every is None) == (self.at is None):
            raise ValueError("a schedule has either every or at\nfor example every: 6h, or at: '02:30'")
        return self

    def value(self) -> made.Trigger:
        return made.ScheduleTrigger(
            scope=self.scope, every_s=self.every, at_s=self.at, days=frozenset(self.days)
        )


class ManualTrigger(Strict):
    """A person only, by `foreroute playbook run` or the dashboard."""

    type: Literal["manual"]
    scope: ScopeKind = ScopeKind.CHANNEL

    def value(self) -> made.Trigger:
        return made.ManualTrigger(scope=self.scope)


Trigger = Annotated[
    FailureTrigger | AnomalyTrigger | ForecastTrigger | ThresholdTrigger | ScheduleTrigger | ManualTrigger,
    Field(discriminator="type"),
]
