"""What a playbook does, as it is written: one class for each action, with its checked parameters."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from foreroute.heal.playbooks import playbook as made
from foreroute.heal.playbooks import steps
from foreroute.heal.playbooks.fields import (
    Condition,
    Duration,
    Name,
    StepDuration,
    Strict,
    Text,
    expression,
)

_Part = Annotated[float, Field(gt=0, lt=1)]


class Lasting(Strict):
    """For how long: of an ejection times the run's number."""

    for_: Annotated[StepDuration, Field(alias="for")]


class CanarySpec(Lasting):
    """A part of the step first."""

    share: _Part


class Step(Strict, ABC):
    """One step. They are done one after the other."""

    id: Name
    action: str
    when: Condition | None = None
    """Only if this holds; what is not known does not hold."""
    timeout: Annotated[Duration, Field(ge=0.1, le=900.0)] = 30.0
    on_error: made.OnError = made.OnError.ROLLBACK
    """`abort`: no further step; `continue`: the next one; `rollback`: everything is undone."""
    canary: CanarySpec | None = None
    takes_canary: ClassVar[bool] = False

    @model_validator(mode="after")
    def _canary_makes_sense(self) -> Self:
        if self.canary is not None and not self.takes_canary:
            raise ValueError(
                f"{self.action} cannot be done in part\n"
                "a canary is for eject, limit_share, shift_traffic, set_concurrency and set_timeout"
            )
        return self

    @abstractmethod
    def does(self) -> steps.Action:
        """What the engine is given."""

    def value(self) -> made.Step:
        canary = self.canary
        return made.Step(
            id=self.id,
            action=self.does(),
            when=None if self.when is None else expression(self.when),
            timeout_s=self.timeout,
            on_error=self.on_error,
            canary=None if canary is None else made.Canary(share=canary.share, for_s=canary.for_),
        )


class EjectWith(Lasting):
    max: StepDuration | None = None
    """The longest ejection; default: ten times `for`."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.for_:
            raise ValueError("max is shorter than for")
        return self


class EjectStep(Step):
    action: Literal["eject"]
    with_: EjectWith = Field(alias="with")
    takes_canary: ClassVar[bool] = True

    def does(self) -> steps.Action:
        longest = min(self.with_.for_ * 10, steps.STEP_S_MAX) if self.with_.max is None else self.with_.max
        return steps.Eject(for_s=self.with_.for_, for_s_max=longest)


class LimitShareWith(Lasting):
    factor: _Part
    """The part of its configured share that the channel keeps."""


class LimitShareStep(Step):
    action: Literal["limit_share"]
    with_: LimitShareWith = Field(alias="with")
    takes_canary: ClassVar[bool] = True

    def does(self) -> steps.Action:
        return steps.LimitShare(factor=self.with_.factor, for_s=self.with_.for_)


class ShiftWith(Lasting):
    share: float = Field(gt=0, le=1)
    """The part of its configured share that moves to the other channels."""
    step: float = Field(default=0.25, gt=0, le=1)
    every: StepDuration = 60.0


class ShiftStep(Step):
    action: Literal["shift_traffic"]
    with_: ShiftWith = Field(alias="with")
    takes_canary: ClassVar[bool] = True

    def does(self) -> steps.Action:
        given = self.with_
        return steps.ShiftTraffic(share=given.share, step=given.step, every_s=given.every, for_s=given.for_)


class RestoreWith(Strict):
    ramp: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[], max_length=10)
    """Parts of the configured share, one after the other: [0.05, 0.25, 1.0]."""
    over: Duration = 0.0


class RestoreStep(Step):
    action: Literal["restore"]
    with_: RestoreWith = Field(default=RestoreWith(), alias="with")

    def does(self) -> steps.Action:
        return steps.Restore(ramp=tuple(self.with_.ramp), over_s=self.with_.over)


class ConcurrencyWith(Lasting):
    factor: float = Field(gt=0, le=2)
    """Times the channel's own limit; at least one request at a time remains."""


class ConcurrencyStep(Step):
    action: Literal["set_concurrency"]
    with_: ConcurrencyWith = Field(alias="with")
    takes_canary: ClassVar[bool] = True

    def does(self) -> steps.Action:
        return steps.SetConcurrency(factor=self.with_.factor, for_s=self.with_.for_)


class TimeoutWith(Lasting):
    phase: steps.TimeoutPhase
    factor: float = Field(ge=0.5, le=2)
    """Times what is in force otherwise; never outside half and twice what is configured."""


class TimeoutStep(Step):
    action: Literal["set_timeout"]
    with_: TimeoutWith = Field(alias="with")
    takes_canary: ClassVar[bool] = True

    def does(self) -> steps.Action:
        return steps.SetTimeout(phase=self.with_.phase, factor=self.with_.factor, for_s=self.with_.for_)


class AttemptsWith(Lasting):
    most: int = Field(ge=1, le=10)


class AttemptsStep(Step):
    action: Literal["set_attempts"]
    with_: AttemptsWith = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.SetAttempts(most=self.with_.most, for_s=self.with_.for_)


class WaitStep(Step):
    action: Literal["wait"]
    with_: Lasting = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.Wait(for_s=self.with_.for_)


class ProbeWith(Strict):
    kind: steps.ProbeKind = steps.ProbeKind.MODELS
    times: int = Field(default=1, ge=1, le=10)
    min_ok: int = Field(default=1, ge=1, le=10)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_ok > self.times:
            raise ValueError("min_ok is more than times")
        return self


class ProbeStep(Step):
    action: Literal["probe"]
    with_: ProbeWith = Field(default=ProbeWith(), alias="with")

    def does(self) -> steps.Action:
        return steps.Probe(kind=self.with_.kind, times=self.with_.times, ok_min=self.with_.min_ok)


class NoteWith(Strict):
    text: Text
    """`{{scope}}`, `{{channels}}`, `{{cause}}`, `{{trigger}}` and `{{number}}` are filled in."""


class NoteStep(Step):
    action: Literal["note"]
    with_: NoteWith = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.Note(text=self.with_.text)


class NotifyWith(Strict):
    severity: steps.Severity = steps.Severity.WARNING
    text: Text
    """As in a note."""


class NotifyStep(Step):
    action: Literal["notify"]
    with_: NotifyWith = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.Notify(severity=self.with_.severity, text=self.with_.text)


class DisableKeyWith(Strict):
    key: Text
    """The name or id of a virtual key."""


class DisableKeyStep(Step):
    action: Literal["disable_key"]
    with_: DisableKeyWith = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.DisableKey(key=self.with_.key)


class HookWith(Strict):
    name: Name
    """One of `heal.hooks` of the settings."""


class HookStep(Step):
    action: Literal["hook"]
    with_: HookWith = Field(alias="with")

    def does(self) -> steps.Action:
        return steps.Hook(name=self.with_.name)


AnyStep = Annotated[
    EjectStep
    | LimitShareStep
    | ShiftStep
    | RestoreStep
    | ConcurrencyStep
    | TimeoutStep
    | AttemptsStep
    | WaitStep
    | ProbeStep
    | NoteStep
    | NotifyStep
    | DisableKeyStep
    | HookStep,
    Field(discriminator="action"),
]
