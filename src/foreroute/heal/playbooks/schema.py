"""The shape of a playbook file: what may be written, within which bounds, and what it becomes."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from foreroute.core.playbook_run import RunMode
from foreroute.heal.playbooks import playbook as made
from foreroute.heal.playbooks.fields import (
    Condition,
    Day,
    Duration,
    Name,
    Ratio,
    Strict,
    Text,
    TimeOfDay,
    Window,
    expression,
)
from foreroute.heal.playbooks.steps import Severity
from foreroute.heal.playbooks.steps_schema import AnyStep
from foreroute.heal.playbooks.triggers_schema import Trigger
from foreroute.heal.recovery import Recovery


class FreezeSpec(Strict):
    """A time in which it does not begin."""

    begins: TimeOfDay
    lasts: Annotated[Duration, Field(gt=0, le=86_400.0)]
    days: tuple[Day, ...] = tuple(range(7))


class GuardsSpec(Strict):
    """What keeps it from doing harm."""

    min_healthy_share: Ratio = 0.0
    """So much of the routes' weight must be left on healthy channels where a step cuts a share."""
    max_shift_per_step: float = Field(default=1.0, gt=0, le=1)
    """The most of a share that is cut at a time; the rest follows a minute later."""
    max_parallel: int = Field(default=4, ge=1, le=20)
    freeze: tuple[FreezeSpec, ...] = ()

    def value(self) -> made.Guards:
        return made.Guards(
            healthy_share_min=self.min_healthy_share,
            shift_max=self.max_shift_per_step,
            parallel_max=self.max_parallel,
            freeze=tuple(
                made.Frozen(begins_s=one.begins, lasts_s=one.lasts, days=frozenset(one.days))
                for one in self.freeze
            ),
        )


class VerifySpec(Strict):
    """Whether the run helped. What is neither success nor failure holds things as they are and is looked at again."""

    after: Annotated[Duration, Field(le=3600.0)] = 60.0
    """So long after the last step it begins."""
    window: Window = 120.0
    """Over which the conditions are asked."""
    success: list[Condition] = Field(default=["ok_rate >= 0.95"], min_length=1, max_length=10)
    """All must hold. A number is the least `ok_rate`."""
    failure: list[Condition] = Field(default=[], max_length=10)
    """Any of them, at `failure_limit` looks, rolls the run back."""
    failure_limit: int = Field(default=2, ge=1, le=20)
    min_samples: int = Field(default=5, ge=0)
    """Fewer requests say nothing."""

    @field_validator("success", "failure", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [value]

    def value(self) -> made.Verify:
        return made.Verify(
            after_s=self.after,
            window_s=self.window,
            success=tuple(map(expression, self.success)),
            failure=tuple(map(expression, self.failure)),
            failure_limit=self.failure_limit,
            samples_min=self.min_samples,
        )


class RecoveredSpec(Strict):
    """When the incident is over, and not only its users are well."""

    after: Annotated[Duration, Field(le=900.0)] = 0.0
    window: Window = 120.0
    success: float = Field(default=0.95, gt=0, le=1)
    min_requests: int = Field(default=5, ge=1)

    def value(self) -> Recovery:
        return Recovery(
            after_s=self.after, window_s=self.window, success=self.success, min_requests=self.min_requests
        )


class EscalationSpec(Strict):
    """What is done when it does not help."""

    after_attempts: int | None = Field(default=None, ge=1, le=100)
    """So many runs were rolled back."""
    after: Duration | None = None
    """The trouble has lasted so long since the first run."""
    notify: Text | None = None
    severity: Severity = Severity.CRITICAL
    run: Name | None = None
    """Another playbook of the file."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.after_attempts is None) == (self.after is None):
            raise ValueError("an escalation has either after_attempts or after\nfor example after: 10m")
        if (self.notify is None) == (self.run is None):
            raise ValueError(
                "an escalation has either notify or run\nfor example notify: it does not recover"
            )
        return self

    def value(self) -> made.Escalation:
        return made.Escalation(
            after_runs=self.after_attempts,
            after_s=self.after,
            severity=self.severity,
            text=self.notify or "",
            run=self.run,
        )


class RecurrenceSpec(Strict):
    """How far back the same trouble is remembered, and from when on people are told that it keeps coming back."""

    lookback: Annotated[Duration, Field(gt=0, le=30 * 86_400.0)] = 7 * 86_400.0
    tell_from: int | None = Field(default=None, ge=1, le=100)


class Metadata(Strict):
    name: Name
    description: Annotated[str, Field(max_length=300)] = ""


class Spec(Strict):
    priority: int = Field(default=50, ge=0, le=100)
    """The highest that fits runs first; a higher one takes a scope from a lower one, which is rolled back."""
    mode: RunMode = RunMode.AUTO
    triggers: list[Trigger] = Field(min_length=1, max_length=10)
    """Any of them begins it."""
    conditions: list[Condition] = Field(default=[], max_length=10)
    """All must hold when it begins."""
    guards: GuardsSpec = GuardsSpec()
    steps: list[AnyStep] = Field(min_length=1, max_length=10)
    verify: VerifySpec = VerifySpec()
    recovered: RecoveredSpec = RecoveredSpec()
    timeout: Annotated[Duration, Field(ge=60.0, le=86_400.0)] = 900.0
    """A run that has not shown by then that it helps is rolled back."""
    approve_within: Annotated[Duration, Field(ge=60.0, le=86_400.0)] = 1800.0
    cooldown: Duration = 300.0
    """From the beginning of one run to that of the next on the same scope."""
    max_attempts: int = Field(default=3, ge=1, le=100)
    """In one incident, or within `attempts_window` where there is none."""
    attempts_window: Annotated[Duration, Field(gt=0)] = 3600.0
    escalation: list[EscalationSpec] = Field(default=[], max_length=5)
    recurrence: RecurrenceSpec = RecurrenceSpec()

    @model_validator(mode="after")
    def _distinct_steps(self) -> Self:
        ids = [step.id for step in self.steps]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"two steps have the id {twice[0]}")
        return self


class PlaybookDocument(Strict):
    """One YAML document."""

    api_version: Annotated[Literal["foreroute/v1"], Field(alias="apiVersion")]
    kind: Literal["Playbook"]
    metadata: Metadata
    spec: Spec

    def value(self) -> made.Playbook:
        spec = self.spec
        return made.Playbook(
            name=self.metadata.name,
            description=self.metadata.description,
            priority=spec.priority,
            mode=spec.mode,
            triggers=tuple(trigger.value() for trigger in spec.triggers),
            conditions=tuple(map(expression, spec.conditions)),
            guards=spec.guards.value(),
            steps=tuple(step.value() for step in spec.steps),
            verify=spec.verify.value(),
            recovered=spec.recovered.value(),
            timeout_s=spec.timeout,
            approve_within_s=spec.approve_within,
            cooldown_s=spec.cooldown,
            max_attempts=spec.max_attempts,
            attempts_window_s=spec.attempts_window,
            escalation=tuple(one.value() for one in spec.escalation),
            lookback_s=spec.recurrence.lookback,
            recurring_from=spec.recurrence.tell_from,
        )


def playbook_json_schema() -> dict[str, Any]:
    """For editors: one document of a playbook file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Foreroute recovery playbook",
        **{
            key: value
            for key, value in PlaybookDocument.model_json_schema(by_alias=True).items()
            if key != "title"
        },
    }
