"""Experiments as they stand in the configuration file and are sent to the API: one form for both."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foreroute.core.experiment import ExperimentKind, TimeoutChange, Unit
from foreroute.core.fields import BadField
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.routes import Select
from foreroute.experiment.definition import ArmDefinition, Definition, Guardrail
from foreroute.experiment.measures import Measure
from foreroute.settings.units import Duration, Usd

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)]
"""Lower case, digits, `-` and `_`: a run adds its number behind a dot."""
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=128)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ArmTimeoutSettings(_Section):
    """Limits that the arm changes; the others stay."""

    connect: Duration | None = None
    """Until the connection stands."""
    first_chunk: Duration | None = None
    """Until the first byte of the answer."""
    stall: Duration | None = None
    """The longest silence inside a stream."""
    total: Duration | None = None
    """The whole attempt."""


class ArmSettings(_Section):
    """One way of serving. Whatever is not said stays as it is; the first arm is the control."""

    name: Id
    """As results call it."""
    weight: float = Field(1.0, gt=0.0, le=1000.0)
    """Its part of the experiment's units, beside the other arms' weights."""
    route: _Name | None = None
    """Serve as this route does."""
    channels: dict[_Name, Annotated[float, Field(gt=0.0)]] = {}
    """Ask these channels first, by these weights: `{openai-eu: 1}`. The route's others stand in when they fail."""
    timeouts: ArmTimeoutSettings = ArmTimeoutSettings()
    hedge_after: Duration | None = None
    """When a second channel is asked too."""
    attempts_max: int | None = Field(None, ge=1, le=10)
    """Tries of one request."""
    sticky: bool | None = None
    """Prompts with the same beginning go to the same channel."""
    select: Select | None = None
    """How one channel is chosen: `balanced`, `shares`, `price`, `latency`, `throughput`."""


class GuardrailSettings(_Section):
    """What must not get worse, or the experiment stops by itself."""

    measure: Measure
    """What is guarded."""
    worse_max: float = Field(0.0, ge=0.0)
    """How much worse than the control an arm may surely be: 0.1 is a tenth of the control's value; of `quality`, points."""


class ExperimentSettings(_Section):
    """Arms that are compared on real requests. Nothing runs before it is started."""

    id: Id
    """As verbs call it."""
    note: str = Field("", max_length=300)
    """What it is for, for people."""
    kind: ExperimentKind = ExperimentKind.AB
    """`ab` gives each unit an arm; `shadow` sends copies and discards their answers; `switchback` changes arms by time."""
    routes: tuple[_Name, ...] = Field(min_length=1)
    """Requests for these take part."""
    arms: tuple[ArmSettings, ...] = Field(min_length=2, max_length=8)
    """Two or more. The first is the control."""
    unit: Unit = Unit.REQUEST
    """What keeps its arm: `request`, `key`, `user` (`x-foreroute-user` or the body's `user`) or `session` (`x-foreroute-session`)."""
    layer: Id = "default"
    """No request is in two experiments of one layer."""
    share: float = Field(1.0, gt=0.0, le=1.0)
    """The part of the layer's units that take part."""
    measure: Measure = Measure.LATENCY
    """What decides: `latency`, `latency_mean`, `latency_p95`, `first_chunk`, `first_chunk_p95`, `failures`, `cost`, `tokens`, `quality`."""
    effect: float = Field(0.05, gt=0.0)
    """The smallest difference worth knowing: 0.05 is a twentieth of the control's value; of `quality`, points."""
    alpha: float = Field(0.05, gt=0.0, lt=0.5)
    """How often arms that do not differ may be told apart, however often one looks."""
    power: float = Field(0.8, gt=0.0, lt=1.0)
    """How often a difference of that size shall be found within the estimated sample."""
    guardrails: tuple[GuardrailSettings, ...] = ()
    """Each stops the experiment when it is broken for sure."""
    duration: Duration = 14 * 86_400.0
    """It ends by itself after this long."""
    warm_up: Duration | None = None
    """So long units are only watched, and what they were like is taken away afterwards (`key`, `user`, `session`)."""
    slot: Duration = 1800.0
    """Of switchbacks: how long each arm has the road."""
    washout: Duration | None = None
    """Of switchbacks: the beginning of each slot that does not count."""
    budget_usd: Usd | None = None
    """Of shadows: what all copies together may cost."""
    parallel_max: int = Field(4, ge=1, le=1000)
    """Of shadows: copies under way at a time, for each gateway process."""
    use_work: bool = True
    """Take away what the request's own size explains of its latency and cost."""


def definition_of(settings: ExperimentSettings) -> Definition:
    return Definition(
        id=settings.id,
        note=settings.note,
        kind=settings.kind,
        routes=tuple(RouteName(name) for name in settings.routes),
        arms=tuple(_arm(arm) for arm in settings.arms),
        unit=settings.unit,
        layer=settings.layer,
        share=settings.share,
        measure=settings.measure,
        effect=settings.effect,
        alpha=settings.alpha,
        power=settings.power,
        guardrails=tuple(
            Guardrail(measure=one.measure, worse_max=one.worse_max) for one in settings.guardrails
        ),
        duration_s=settings.duration,
        warm_up_s=settings.warm_up or 0.0,
        slot_s=settings.slot,
        washout_s=settings.washout or 0.0,
        budget_usd=None if settings.budget_usd is None else Decimal(settings.budget_usd),
        parallel_max=settings.parallel_max,
        use_work=settings.use_work,
    )


def read_experiment(body: dict[str, Any]) -> Definition:
    """What was sent to the API. Raises BadField with the path and what is wrong there."""
    try:
        return definition_of(ExperimentSettings.model_validate(body))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = "see docs/experiments.md"
        if first["type"] == "extra_forbidden":
            raise BadField(where, "there is no such setting", hint) from None
        raise BadField(where, first["msg"].removeprefix("Value error, "), hint) from None


def _arm(arm: ArmSettings) -> ArmDefinition:
    limits = arm.timeouts
    return ArmDefinition(
        name=arm.name,
        weight=arm.weight,
        route=None if arm.route is None else RouteName(arm.route),
        channels=tuple((ChannelId(name), weight) for name, weight in arm.channels.items()),
        timeouts=TimeoutChange(
            connect_s=limits.connect,
            first_chunk_s=limits.first_chunk,
            stall_s=limits.stall,
            total_s=limits.total,
        ),
        hedge_after_s=arm.hedge_after,
        attempts_max=arm.attempts_max,
        sticky=arm.sticky,
        select=arm.select,
    )
