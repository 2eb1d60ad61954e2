"""Every setting: its name, default, range and meaning. `docs/configuration.md` is made from this file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from foreroute.core.decision import Autopilot
from foreroute.core.series import Metric
from foreroute.settings.units import Duration, Ratio, Size, Usd

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=128)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class LogFormat(StrEnum):
    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class TimeoutSettings(_Section):
    """How long one attempt may take, phase by phase."""

    connect: Duration = 5.0
    first_chunk: Duration = 60.0
    """Until the first byte of the answer."""
    stall: Duration = 30.0
    """The longest silence inside a stream."""
    total: Duration = 600.0


class BreakerSettings(_Section):
    """When a channel's circuit breaker opens, and how it closes again."""

    consecutive_failures_max: int = Field(5, ge=1)
    failure_ratio_max: Ratio = 0.5
    attempts_min: int = Field(10, ge=1)
    """The ratio speaks only from this many attempts in the window on."""
    window: Duration = 30.0
    open: Duration = 10.0
    open_max: Duration = 120.0
    """Each further opening doubles the wait, up to this."""
    half_open_successes_min: int = Field(2, ge=1)


class GatewaySettings(_Section):
    """The OpenAI-compatible data plane."""

    host: str = "127.0.0.1"
    """Anything but a loopback address needs `api_keys`."""
    port: int = Field(8080, ge=0, le=65535)
    """0 takes a free port."""
    api_keys: tuple[SecretStr, ...] = ()
    """Keys that clients may use, from the environment: `["${FOREROUTE_KEY}"]`. None: open to the machine."""
    region: Name | None = None
    """Where this gateway stands: channels of near regions come first."""
    client_region_header: str | None = None
    """A header of a trusted proxy that names the client's region, such as `x-client-region`."""
    body_max: Size = 50_000_000
    depth_max: int = Field(128, ge=4, le=1000)
    """The deepest nesting of a request body."""
    deadline: Duration = 600.0
    """No attempt of a request starts later than this."""


class DashboardSettings(_Section):
    """The control plane's pages and JSON API."""

    enabled: bool = True
    host: str = "127.0.0.1"
    """Anything but a loopback address needs `admin_key`."""
    port: int = Field(8081, ge=0, le=65535)
    """0 takes a free port."""
    admin_key: SecretStr | None = None
    """Asked for on every request to the API if set: `${FOREROUTE_ADMIN_KEY}`."""


class GuardrailSettings(_Section):
    """The bounds of every automatic change."""

    share_step_max: Ratio = 0.15
    """The most that one decision may move any channel's share, playbook ejections excepted."""
    share_floor: Ratio = 0.03
    """What a relieved channel keeps, so that its recovery can be seen."""
    share_change_min: Ratio = 0.01
    ejected_ratio_max: Ratio = 0.5
    """The largest part of a route's channels that may be relieved at a time."""
    healthy_ratio_min: Ratio = 0.3
    """Panic threshold: below this healthy part of the weight nothing is relieved any more."""
    samples_min: int = Field(5, ge=1)
    failure_ratio_max: Ratio = 0.25
    breach_probability_min: Ratio = 0.6
    """How sure a forecast must be before it moves traffic."""
    breach_probability_clear: Ratio = 0.3
    dwell: Duration = 300.0
    """How long trouble must be gone before the share returns."""
    actions_per_hour_max: int = Field(60, ge=0)
    plan_valid: Duration = 600.0
    """After this long without the control loop the configured weights serve."""


class LoopSettings(_Section):
    """The control loop's rhythm."""

    tick: Duration = 60.0
    history: Duration = 10800.0
    """How far back forecasts and detectors look."""
    observe: Duration = 180.0
    """The window of the reactive policy."""
    horizon: Duration = 900.0
    """How far ahead a forecast may move traffic."""
    fit_every: Duration = 1800.0
    fit_workers: int = Field(1, ge=0, le=64)
    """Processes that fit models. 0: no fitted models."""


class KeepSettings(_Section):
    rollups: Duration = 30 * 86400.0
    records: Duration = 90 * 86400.0


class StoreSettings(_Section):
    """Where minutes, money and decisions are kept."""

    kind: Literal["sqlite", "memory"] = "sqlite"
    path: Path = Path("foreroute.db")
    """Relative to the working directory."""
    keep: KeepSettings = KeepSettings()


class RegionSettings(_Section):
    name: Name
    round_trip: dict[str, Duration] = {}
    """Round-trip times to other regions, both ways: `{eu-west: 80ms}`."""


class LimitSettings(_Section):
    """The provider's quota for this channel, as far as it is known."""

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    concurrency: int | None = Field(None, ge=1)


class PriceSettings(_Section):
    """US dollars per million tokens. Wins over the price book."""

    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    cached_input_usd_per_mtok: Usd | None = None
    """None: as input."""
    cache_write_usd_per_mtok: Usd | None = None
    """None: as input."""


class ChannelSettings(_Section):
    """One way of getting a model's answer."""

    id: Name
    provider: Name
    """The provider's name in the price book, such as `openai`, `azure`, `aws`, `google`, `anthropic`."""
    cloud: Name | None = None
    """Where it runs; None: as the provider."""
    region: Name
    model: str = Field(min_length=1)
    """The model name that the upstream expects."""
    base_url: str
    """Up to and including the version: `https://api.openai.com/v1`."""
    api_key: SecretStr | None = None
    """From the environment: `${OPENAI_API_KEY}`."""
    limits: LimitSettings = LimitSettings()
    price: PriceSettings | None = None
    """None: the price book's."""
    quality: Ratio = 1.0
    timeouts: TimeoutSettings | None = None
    """None: the common ones."""


class ObjectiveSettings(_Section):
    """What users may expect: `metric` of each minute stays under `limit`."""

    metric: Metric = Metric.FIRST_CHUNK_P95
    limit: Duration


class TargetSettings(_Section):
    channel: Name
    weight: float = Field(1.0, ge=0.0)
    """Share within its priority, relative to the others."""
    priority: int = Field(0, ge=0)
    """0 serves first; higher numbers when it cannot."""


class RouteSettings(_Section):
    """One public model name and the channels behind it."""

    model: Name
    """The name that clients ask for."""
    objective: ObjectiveSettings | None = None
    targets: tuple[TargetSettings, ...] = Field(min_length=1)
    prefer: Literal["weights", "nearest"] = "weights"
    """`weights` shares traffic among all targets of a priority; `nearest` lets a farther region serve only when the
    nearer ones cannot (needs `gateway.region`)."""
    attempts_max: int = Field(3, ge=1, le=10)
    """Tries of one request, the first included."""


class ForecastSettings(_Section):
    models: tuple[Name, ...] = ("naive", "smoothing", "trend", "ets")
    """Which models compete. `ets` needs the extra `stats`."""
    horizons: tuple[Duration, ...] = (900.0, 3600.0)
    coverage: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    """Of the prediction interval."""
    outcomes_min: int = Field(20, ge=1)
    """Graded forecasts needed before a model may have a vote."""


class DetectSettings(_Section):
    detectors: tuple[Name, ...] = ("zscore", "iqr")
    false_alarms_per_day: float = Field(1.0, gt=0.0)
    """Wanted false-alarm rate of one channel's metric; thresholds calibrate themselves to it."""


class BudgetSettings(_Section):
    name: Name = "monthly"
    limit_usd: Usd
    time_zone: str = "UTC"
    """The month begins at midnight there: `Asia/Seoul`."""


class HealSettings(_Section):
    playbooks: Path | None = None
    """None: the playbooks that come with Foreroute. Relative to the configuration file."""


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: LogFormat = LogFormat.AUTO
    """`auto` is text on a terminal and JSON elsewhere."""


class Settings(_Section):
    """The whole configuration."""

    gateway: GatewaySettings = GatewaySettings()
    dashboard: DashboardSettings = DashboardSettings()
    autopilot: Autopilot = Autopilot.OBSERVE
    """`observe` records what it would do, `suggest` proposes it, `act` does it within the guardrails."""
    guardrails: GuardrailSettings = GuardrailSettings()
    loop: LoopSettings = LoopSettings()
    store: StoreSettings = StoreSettings()
    regions: tuple[RegionSettings, ...] = ()
    """Known regions; empty: those that the channels name."""
    channels: tuple[ChannelSettings, ...] = Field(min_length=1)
    routes: tuple[RouteSettings, ...] = Field(min_length=1)
    timeouts: TimeoutSettings = TimeoutSettings()
    breaker: BreakerSettings = BreakerSettings()
    forecast: ForecastSettings = ForecastSettings()
    detect: DetectSettings = DetectSettings()
    budgets: tuple[BudgetSettings, ...] = ()
    heal: HealSettings = HealSettings()
    log: LogSettings = LogSettings()
