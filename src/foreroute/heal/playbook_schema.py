"""The shape of a playbook file: what may be written, within which bounds, and what it becomes."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from foreroute.core.failure import FailureClass
from foreroute.heal.playbook import Playbook, Trigger, Verify
from foreroute.heal.steps import STEP_S_MAX, STEP_S_MIN, Eject, LimitShare, Restore, Step

_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_WINDOW_S_MIN: Final = 60.0
_WINDOW_S_MAX: Final = 900.0


def _seconds(value: Any) -> float:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number and a unit, such as 30s, 10m or 2h")
    return float(match[1]) * _UNIT_S[match[2]]


_Duration = Annotated[float, BeforeValidator(_seconds)]
_StepDuration = Annotated[_Duration, Field(ge=STEP_S_MIN, le=STEP_S_MAX)]
_Window = Annotated[_Duration, Field(ge=_WINDOW_S_MIN, le=_WINDOW_S_MAX)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, populate_by_name=False, frozen=True)


class EjectWith(_Strict):
    for_: _StepDuration = Field(
        alias="for", description="How long no traffic is sent, times the run's number."
    )
    max: _StepDuration | None = Field(
        default=None, description="The longest ejection; default: ten times `for`."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.for_:
            raise ValueError("max is shorter than for")
        return self


class LimitShareWith(_Strict):
    factor: float = Field(gt=0, lt=1, description="The part of its configured share that the channel keeps.")
    for_: _StepDuration = Field(alias="for")


class EjectStep(_Strict):
    id: _Name
    action: Literal["eject"]
    with_: EjectWith = Field(alias="with")

    def value(self) -> Step:
        longest = min(self.with_.for_ * 10, STEP_S_MAX) if self.with_.max is None else self.with_.max
        return Eject(id=self.id, for_s=self.with_.for_, for_s_max=longest)


class LimitShareStep(_Strict):
    id: _Name
    action: Literal["limit_share"]
    with_: LimitShareWith = Field(alias="with")

    def value(self) -> Step:
        return LimitShare(id=self.id, factor=self.with_.factor, for_s=self.with_.for_)


class RestoreStep(_Strict):
    id: _Name
    action: Literal["restore"]

    def value(self) -> Step:
        return Restore(id=self.id)


class FailureTrigger(_Strict):
    type: Literal["failure"]
    classes: list[FailureClass] = Field(min_length=1)
    ratio: float | None = Field(default=None, gt=0, le=1)
    count: int | None = Field(default=None, ge=1)
    window: _Window = 120.0
    min_requests: int = Field(default=1, ge=1)

    def value(self) -> Trigger:
        return Trigger(
            classes=frozenset(self.classes),
            window_s=self.window,
            ratio=self.ratio,
            count=self.count,
            min_requests=self.min_requests,
        )


class VerifySpec(_Strict):
    after: _Duration = Field(default=0.0, ge=0, le=_WINDOW_S_MAX)
    window: _Window = 120.0
    success: float = Field(default=0.95, gt=0, le=1)
    min_requests: int = Field(default=5, ge=1)

    def value(self) -> Verify:
        return Verify(
            after_s=self.after, window_s=self.window, success=self.success, min_requests=self.min_requests
        )


class Metadata(_Strict):
    name: _Name
    description: str = ""


class Spec(_Strict):
    priority: int = Field(default=50, ge=0, le=100)
    triggers: list[FailureTrigger] = Field(min_length=1)
    steps: list[Annotated[EjectStep | LimitShareStep | RestoreStep, Field(discriminator="action")]] = Field(
        min_length=1, max_length=10
    )
    verify: VerifySpec = VerifySpec()
    cooldown: _Duration = Field(default=300.0, ge=0)
    max_attempts: int = Field(default=3, ge=1, le=100)

    @model_validator(mode="after")
    def _distinct_steps(self) -> Self:
        ids = [step.id for step in self.steps]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"two steps have the id {twice[0]}")
        return self


class PlaybookDocument(_Strict):
    """One YAML document."""

    api_version: Literal["foreroute/v1"] = Field(alias="apiVersion")
    kind: Literal["Playbook"]
    metadata: Metadata
    spec: Spec

    def value(self) -> Playbook:
        spec = self.spec
        return Playbook(
            name=self.metadata.name,
            description=self.metadata.description,
            priority=spec.priority,
            triggers=tuple(trigger.value() for trigger in spec.triggers),
            steps=tuple(step.value() for step in spec.steps),
            verify=spec.verify.value(),
            cooldown_s=spec.cooldown,
            max_attempts=spec.max_attempts,
        )
