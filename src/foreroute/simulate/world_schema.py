"""The shape of a world in YAML: channels, users, traffic. Every key has a meaning, a range and a default."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from foreroute.core.series import Metric
from foreroute.core.windows import Window
from foreroute.simulate.faults import Breakdown
from foreroute.simulate.units import Duration, Offset, Ratio, Span, Usd

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=128)]
Factor = Annotated[float, Field(gt=0.0, le=1000.0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CapacitySpec(Section):
    """How much the channel does at once, of what is the operator's share of it."""

    slots: int = Field(ge=1)
    """So many requests are worked on at a time; the others wait in line."""
    queue_max: int = Field(50, ge=0)
    """So many wait; the next one is told that the server is overloaded."""
    strain: float = Field(0.5, ge=0.0, le=10.0)
    """How much slower everything is with all slots busy: 0.5 is half as slow again."""


class LimitSpec(Section):
    """What the provider allows. Refilled continuously."""

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    concurrency: int | None = Field(None, ge=1)
    """What the operator has told the gateway; the provider itself has `capacity`."""


class QuotaSpec(Section):
    """So much in each calendar window (UTC), and nothing more until the next."""

    window: Window
    tokens: int | None = Field(None, ge=1)
    requests: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.tokens is None and self.requests is None:
            raise ValueError("a quota needs tokens or requests")
        return self


class PriceSpec(Section):
    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd


class MaintenanceSpec(Section):
    """A window in which the channel is down, announced and repeated."""

    at: Span
    """After midnight UTC of the first day."""
    for_: Duration = Field(alias="for")
    every: Duration = 7 * 86_400.0
    how: Breakdown = Breakdown.ERROR


class ChannelSpec(Section):
    """One channel, and how it behaves."""

    id: Name
    provider: Name
    region: Name
    model: str = Field(min_length=1)
    cloud: Name | None = None
    first_chunk: Duration
    """Median time to the first token of a short prompt at a quiet hour."""
    spread: float = Field(1.6, gt=1.0, le=20.0)
    """p95 / p50 of it; 1.3 to 3.7 in published probes of hosted models."""
    per_token: Duration
    """Between two tokens of an answer."""
    token_spread: float = Field(1.2, gt=1.0, le=20.0)
    per_input_token: Span = 0.00001
    """Added to the time to first token."""
    swing: float = Field(0.0, ge=0.0, lt=1.0)
    """Half the height of the daily wave: 0.15 is ±15 %."""
    peak: Span = 64_800.0
    """When the wave is highest, after midnight UTC."""
    weekend: Ratio = 0.0
    """How much faster it is on Saturdays and Sundays."""
    hours: tuple[Factor, ...] = ()
    """24 factors, one for each hour (UTC), from a calibration."""
    roam: float = Field(0.0, ge=0.0, le=2.0)
    """Standard deviation of the logarithm of a level that wanders and cannot be foreseen."""
    noise: tuple[tuple[Ratio, Factor], ...] = ()
    """[rank, factor] of single requests, by rank, from a calibration; else lognormal by `spread`."""
    paired: bool = False
    """A request that is slow to begin is as slow all through: for channels that were learnt from whole answers."""
    failure_ratio: Ratio = 0.0005
    capacity: CapacitySpec | None = None
    limits: LimitSpec = LimitSpec()
    quota: QuotaSpec | None = None
    price: PriceSpec | None = None
    maintenance: tuple[MaintenanceSpec, ...] = ()
    weight: float = Field(1.0, ge=0.0)
    """In the route that holds all channels, if the world names no routes."""
    priority: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        if self.hours and len(self.hours) != 24:
            raise ValueError(f"hours has {len(self.hours)} factors; it needs one for each of the 24 hours")
        ranks = [rank for rank, _ in self.noise]
        if ranks != sorted(set(ranks)) or len(ranks) == 1:
            raise ValueError("noise needs two ranks or more, each above the one before")
        return self


class TokenSpec(Section):
    """A lognormal count of tokens."""

    median: int = Field(ge=1)
    spread: float = Field(4.0, gt=1.0, le=100.0)
    """p95 / p50."""
    max: int = Field(100_000, ge=1)
    table: tuple[tuple[Ratio, Annotated[float, Field(ge=1.0)]], ...] = ()
    """[rank, tokens] by rank, from a calibration; else lognormal by `median` and `spread`."""


class PlaceSpec(Section):
    """Where users are."""

    region: Name
    """As a cloud names its region there: round trips come from published measurements between areas."""
    share: float = Field(1.0, gt=0.0)
    utc_offset: Offset = 0.0
    """Their day is so much ahead of UTC."""


class BurstSpec(Section):
    """Many requests at once, out of the blue."""

    per_day: float = Field(4.0, ge=0.0, le=1000.0)
    factor: float = Field(3.0, ge=1.0, le=100.0)
    for_: Duration = Field(300.0, alias="for")
    """The median; each burst has a length of its own."""


class ReplaySpec(Section):
    """A recorded trace instead of made-up traffic: a CSV with ts, prompt_tokens, output_tokens."""

    file: Path
    """Relative to this file."""
    keep_every: int = Field(1, ge=1)
    """n keeps each n-th request."""


class TrafficSpec(Section):
    """When requests come, and how much work each brings."""

    requests_per_minute: float = Field(60.0, gt=0.0, le=100_000.0)
    """The mean over a weekday, before bursts and surges."""
    swing: float = Field(0.5, ge=0.0, lt=1.0)
    """Half the height of the daily wave."""
    peak: Span = 50_400.0
    """When the wave is highest, after midnight in the users' own time."""
    weekend: Ratio = 0.4
    """How much less there is on Saturdays and Sundays."""
    hours: tuple[Factor, ...] = ()
    """24 factors, one for each hour (UTC), from a calibration; takes the place of the wave."""
    bursts: BurstSpec = BurstSpec()
    input_tokens: TokenSpec = TokenSpec(median=700)
    output_tokens: TokenSpec = TokenSpec(median=120, max=4000)
    stream_ratio: Ratio = 1.0
    places: tuple[PlaceSpec, ...] = ()
    replay: ReplaySpec | None = None

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        if self.hours and len(self.hours) != 24:
            raise ValueError(f"hours has {len(self.hours)} factors; it needs one for each of the 24 hours")
        return self


class TargetSpec(Section):
    channel: Name
    weight: float = Field(1.0, ge=0.0)
    priority: int = Field(0, ge=0)


class ObjectiveSpec(Section):
    metric: Metric = Metric.FIRST_CHUNK_P95
    limit: Duration = 1.5


class RouteSpec(Section):
    """A public model name and its channels."""

    model: Name
    share: float = Field(1.0, gt=0.0)
    """Of the traffic."""
    objective: ObjectiveSpec | None = None
    targets: tuple[TargetSpec, ...] = Field(min_length=1)
    attempts_max: int = Field(3, ge=1, le=10)


class WeatherSpec(Section):
    """Trouble that nobody has scripted: slow spells of a whole provider or region, from the seed."""

    per_day: float = Field(0.0, ge=0.0, le=100.0)
    """So many, over all providers and regions together."""
    factor: float = Field(1.6, ge=1.0, le=20.0)
    """How much slower, at the median."""
    for_: Duration = Field(1200.0, alias="for")
    """How long, at the median."""


class WorldSpec(Section):
    """A whole world."""

    description: str = ""
    gateway: Name | None = None
    """The region of the one gateway; without it, there is a gateway wherever users are."""
    objective: ObjectiveSpec | None = ObjectiveSpec()
    """Of the route that holds all channels, if the world names no routes."""
    channels: tuple[ChannelSpec, ...] = Field(min_length=1)
    routes: tuple[RouteSpec, ...] = ()
    traffic: TrafficSpec = TrafficSpec()
    weather: WeatherSpec = WeatherSpec()
    round_trips: dict[str, dict[str, Span]] = {}
    """Your own measurements: region → region → time. The others are taken from published ones."""
    kind: Literal["world"] = "world"

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [channel.id for channel in self.channels]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two channels have the id {twice}")
        for route in self.routes:
            for target in route.targets:
                if target.channel not in names:
                    raise ValueError(
                        f"route {route.model} has the unknown channel {target.channel}; known: {', '.join(names)}"
                    )
        return self
