"""The shape of a scenario in YAML: a world, how long it runs, and what goes wrong in it when."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from foreroute.simulate.faults import Breakdown
from foreroute.simulate.units import Duration, Instant, Ratio, Span
from foreroute.simulate.world_schema import Factor, Name, Section, WorldSpec


class PrecursorSpec(Section):
    """What could be seen before, as a few real faults have it: slowness that grows, or a few errors."""

    lead: Duration
    """So long before the fault it begins."""
    factor: float = Field(1.0, ge=1.0, le=100.0)
    """How much slower the channel is by the time the fault begins."""
    errors: Ratio = 0.0
    """The part of requests that fails meanwhile."""


class _Event(Section):
    at: Span
    """After the start of the story."""


class _Fault(_Event):
    """Of one channel, or of all channels of a region, a provider or a cloud."""

    channel: Name | None = None
    region: Name | None = None
    provider: Name | None = None
    cloud: Name | None = None
    precursor: PrecursorSpec | None = None
    """Without one the fault is sudden: nothing that could be seen before it differs from a day without it."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        given = [
            name for name in ("channel", "region", "provider", "cloud") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError("say where: one of channel, region, provider, cloud")
        return self


class StopSpec(_Fault):
    """Down at a stroke."""

    fault: Literal["stop"]
    for_: Duration = Field(alias="for")
    how: Breakdown = Breakdown.REFUSED


class RegionLossSpec(_Fault):
    """A whole region is out of reach at a stroke."""

    fault: Literal["region_loss"]
    for_: Duration = Field(alias="for")
    how: Breakdown = Breakdown.UNREACHABLE


class FlapSpec(_Fault):
    """Down and up again, over and over."""

    fault: Literal["flap"]
    for_: Duration = Field(alias="for")
    every: Duration = 120.0
    down: Duration = 40.0
    how: Breakdown = Breakdown.ERROR

    @model_validator(mode="after")
    def _comes_up(self) -> Self:
        if self.down >= self.every:
            raise ValueError("down must be shorter than every, or it never comes up")
        return self


class SlowSpec(_Fault):
    """Slower little by little, slow for a while, and back."""

    fault: Literal["slow"]
    rise: Span = 1800.0
    """0s is a jump."""
    for_: Duration = Field(alias="for")
    """At the peak."""
    fall: Span = 600.0
    factor: float = Field(2.0, ge=1.0, le=100.0)


class DriftSpec(_Fault):
    """Slower little by little, for good."""

    fault: Literal["drift"]
    rise: Duration = 43_200.0
    factor: float = Field(1.5, ge=1.0, le=100.0)


class ErrorsSpec(_Fault):
    """A part of the requests fails."""

    fault: Literal["errors"]
    for_: Duration = Field(alias="for")
    ratio: Ratio = 0.7
    status: int = Field(503, ge=400, le=599)
    code: str = "overloaded"
    message: str = "The server is overloaded, please try again later"


class ThrottleSpec(_Fault):
    """A storm of 429: the provider turns a part of the requests away."""

    fault: Literal["throttle"]
    for_: Duration = Field(alias="for")
    ratio: Ratio = 0.8
    retry_after: Duration = 10.0


class QuotaFault(_Fault):
    """The quota is used up; nothing is served until it begins anew."""

    fault: Literal["quota"]
    for_: Duration = Field(alias="for")


class ColdStartSpec(_Fault):
    """Just started: a part of the requests is told to wait, the others take longer, less and less."""

    fault: Literal["cold_start"]
    for_: Duration = Field(600.0, alias="for")
    extra: Duration = 8.0
    loading: Ratio = 0.3


class CutSpec(_Fault):
    """A part of the streams breaks off after some of its tokens."""

    fault: Literal["cut"]
    for_: Duration = Field(alias="for")
    ratio: Ratio = 0.3


class HollowSpec(_Fault):
    """A part of the requests is answered with status 200 and nothing in it."""

    fault: Literal["hollow"]
    for_: Duration = Field(alias="for")
    ratio: Ratio = 0.3


class PriceSpecChange(_Fault):
    """From now on everything costs so many times what it did."""

    fault: Literal["price"]
    factor: Factor


class SurgeSpec(_Event):
    """Many more requests than usual, everywhere or from some places."""

    fault: Literal["surge"]
    for_: Duration = Field(alias="for")
    factor: float = Field(3.0, gt=1.0, le=100.0)
    rise: Span = 0.0
    """How long it takes to build up."""
    places: tuple[Name, ...] = ()


FaultSpec = (
    StopSpec
    | RegionLossSpec
    | FlapSpec
    | SlowSpec
    | DriftSpec
    | ErrorsSpec
    | ThrottleSpec
    | QuotaFault
    | ColdStartSpec
    | CutSpec
    | HollowSpec
    | PriceSpecChange
)
EventSpec = Annotated[FaultSpec | SurgeSpec, Field(discriminator="fault")]


class ScenarioSpec(Section):
    """A story: a world, and what happens in it."""

    scenario: Name
    """Its name."""
    description: str = ""
    world: str | WorldSpec = "twenty"
    """A built-in world, a file beside this one, or a whole world written here."""
    start: Instant = 1_772_409_600.0
    """When the story begins; 2 March 2026, a Monday, unless you say otherwise."""
    warm_up: Duration = 10_800.0
    """So much calm traffic before the story, for the control loop to learn from; it is not scored."""
    length: Duration = 86_400.0
    requests_per_minute: float | None = Field(None, gt=0.0, le=100_000.0)
    """In place of the world's own."""
    timeline: tuple[EventSpec, ...] = ()
    """What goes wrong; empty: a day like any other."""


def scenario_schema() -> dict[str, Any]:
    """Draft 2020-12, of a scenario file as it is written."""
    return _dressed(ScenarioSpec.model_json_schema(), "scenario", "Foreroute scenario")


def world_schema() -> dict[str, Any]:
    """Draft 2020-12, of a world file as it is written."""
    return _dressed(WorldSpec.model_json_schema(), "world", "Foreroute world")


def _dressed(schema: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:foreroute:schema:{name}",
        **schema,
        "title": title,
    }
