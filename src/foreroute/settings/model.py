"""Every setting: its name, default, range and meaning. `docs/configuration.md` is made from this file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from foreroute.alerts.settings import DEFAULT_GROUP_BY
from foreroute.core.channel import Dialect
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
    """Until the connection stands, TLS included."""
    first_chunk: Duration = 60.0
    """Until the first byte of the answer."""
    stall: Duration = 30.0
    """The longest silence inside a stream."""
    total: Duration = 600.0
    """The whole attempt, to the last byte."""


class BreakerSettings(_Section):
    """When a channel's circuit breaker opens, and how it closes again."""

    consecutive_failures_max: int = Field(5, ge=1)
    """This many failures in a row open it."""
    failure_ratio_max: Ratio = 0.5
    """So does this part of failed attempts in the window."""
    attempts_min: int = Field(10, ge=1)
    """The ratio speaks only from this many attempts in the window on."""
    window: Duration = 30.0
    """How far back the ratio looks."""
    open: Duration = 10.0
    """How long it stays open at first."""
    open_max: Duration = 120.0
    """Each further opening doubles the wait, up to this."""
    half_open_successes_min: int = Field(2, ge=1)
    """This many probing requests must succeed before it closes."""


class GatewaySettings(_Section):
    """The OpenAI-compatible data plane."""

    host: str = "127.0.0.1"
    """Anything but a loopback address needs `api_keys` or `require_key`."""
    port: int = Field(8080, ge=0, le=65535)
    """0 takes a free port."""
    api_keys: tuple[SecretStr, ...] = ()
    """Keys that clients may use, from the environment: `["${FOREROUTE_KEY}"]`. Without any: open to the machine."""
    require_key: bool = False
    """Ask for a key even while there is none, for gateways whose keys are all virtual (`foreroute keys create`)."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that serve. They share limits and budgets exactly, through a file beside `store.path`."""
    region: Name | None = None
    """Where this gateway stands: channels of near regions come first."""
    client_region_header: str | None = None
    """A header of a trusted proxy that names the client's region, such as `x-client-region`."""
    body_max: Size = 50_000_000
    """The largest request body."""
    depth_max: int = Field(128, ge=4, le=1000)
    """The deepest nesting of a request body."""
    deadline: Duration = 600.0
    """No attempt of a request starts later than this."""
    queue: Duration = 5.0
    """How long a request may wait for a place on a channel before it is refused."""
    queue_max: int = Field(100, ge=0)
    """How many requests may wait; 0: none."""
    keep_alive: Duration = 10.0
    """A stream that has been silent for so long gets a comment, which clients skip."""
    passthrough: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], ...] = (
        "audio",
        "batches",
        "files",
        "images",
        "moderations",
        "rerank",
        "responses",
        "uploads",
    )
    """First segments of the paths under `/v1` that are passed on without being understood. No others are."""
    probe: bool = True
    """Ask a channel that was left out with a completion of one token; `false`: a user's request finds out."""


class DashboardSettings(_Section):
    """The control plane's pages and JSON API."""

    enabled: bool = True
    """`false` serves neither pages nor API."""
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
    """Smaller changes are not made: they are noise."""
    ejected_ratio_max: Ratio = 0.5
    """The largest part of a route's channels that may be relieved at a time."""
    healthy_ratio_min: Ratio = 0.3
    """Panic threshold: below this healthy part of the weight nothing is relieved any more."""
    samples_min: int = Field(5, ge=1)
    """Attempts that the observed window must hold before it says anything."""
    failure_ratio_max: Ratio = 0.25
    """More failed attempts than this relieve a channel (reactive)."""
    breach_probability_min: Ratio = 0.6
    """How sure a forecast must be before it moves traffic."""
    breach_probability_clear: Ratio = 0.3
    """Below this the forecast trouble counts as over."""
    dwell: Duration = 300.0
    """How long trouble must be gone before the share returns."""
    actions_per_hour_max: int = Field(60, ge=0)
    """Automatic changes of the plan; 0 makes none."""
    plan_valid: Duration = 600.0
    """After this long without the control loop the configured weights serve."""


class LoopSettings(_Section):
    """The control loop's rhythm."""

    tick: Duration = 60.0
    """How often the loop looks, forecasts and decides."""
    collect: Duration = 5.0
    """How often attempts are stored between those rounds."""
    history: Duration = 10800.0
    """How far back forecasts and detectors look."""
    observe: Duration = 180.0
    """The window of the reactive policy."""
    horizon: Duration = 900.0
    """How far ahead a forecast may move traffic."""
    fit_workers: int = Field(1, ge=0, le=64)
    """Processes that fit models. 0: no fitted models."""


class KeepSettings(_Section):
    """How long what is stored is kept."""

    minutes: Duration = 14 * 86400.0
    """Every minute of metrics. At least `loop.history`."""
    hours: Duration = 90 * 86400.0
    """Minutes that are older than `minutes` become hours, kept until they are this old."""
    days: Duration = 730 * 86400.0
    """Hours that are older than `hours` become days (UTC), kept until they are this old."""
    records: Duration = 90 * 86400.0
    """Decisions, incidents and anomalies."""


class CollectSettings(_Section):
    """What the minutes of metrics are counted by, besides by channel."""

    by: tuple[Literal["route", "client_region"], ...] = ()
    """`[route, client_region]` counts each channel's minutes by route and by the client's region as well. `foreroute
    series` shows them; nothing is steered by them."""
    segments_max: int = Field(100, ge=1, le=10_000)
    """So many routes, and so many regions, have minutes of their own; what comes after counts as `(other)`."""


class StoreSettings(_Section):
    """Where minutes, money and decisions are kept."""

    kind: Literal["sqlite", "memory"] = "sqlite"
    """`memory` forgets everything when the process ends."""
    path: Path = Path("foreroute.db")
    """Relative to the working directory."""
    keep: KeepSettings = KeepSettings()
    """How long."""


class RegionSettings(_Section):
    """A region, and how far the others are."""

    name: Name
    """As channels, clients and `gateway.region` name it."""
    round_trip: dict[str, Duration] = {}
    """Round-trip times to other regions, both ways: `{eu-west: 80ms}`."""


class LimitSettings(_Section):
    """The provider's quota for this channel, as far as it is known."""

    requests_per_minute: int | None = Field(None, ge=1)
    """Unset: unknown, which is not unlimited."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """Input and output together."""
    concurrency: int | None = Field(None, ge=1)
    """Requests in flight at a time; more of them spill over to other channels."""


class PriceSettings(_Section):
    """US dollars per million tokens. Wins over the price book."""

    input_usd_per_mtok: Usd
    """Prompt tokens."""
    output_usd_per_mtok: Usd
    """Answer tokens, reasoning included."""
    cached_input_usd_per_mtok: Usd | None = None
    """Unset: as input."""
    cache_write_usd_per_mtok: Usd | None = None
    """Unset: as input."""


class ChannelSettings(_Section):
    """One way of getting a model's answer."""

    id: Name
    """Your own name for it: routes, reports and headers use it."""
    provider: Name
    """The provider's name in the price book, such as `openai`, `azure`, `aws`, `google`, `anthropic`."""
    cloud: Name | None = None
    """Where it runs; unset: as the provider."""
    region: Name
    """Where it runs; one of `regions` if there are any."""
    model: str = Field(min_length=1)
    """The model name that the upstream expects."""
    base_url: str
    """Up to and including the version: `https://api.openai.com/v1`."""
    dialect: Dialect = Dialect.OPENAI
    """What it speaks: `openai` serves chat, responses, embeddings …; `anthropic` serves messages."""
    adapter: Name | None = None
    """For a provider that speaks neither: who translates, such as `bedrock` or `gemini`. Serves chat only, needs the
    extra `adapters`; `base_url` is then the provider's own, without a version."""
    api_key: SecretStr | None = None
    """From the environment: `${OPENAI_API_KEY}`."""
    limits: LimitSettings = LimitSettings()
    """The provider's quota."""
    price: PriceSettings | None = None
    """Unset: the price book's."""
    quality: Ratio = 1.0
    """Your own rating of its answers."""
    timeouts: TimeoutSettings | None = None
    """Unset: the common ones."""


class ObjectiveSettings(_Section):
    """What users may expect: `metric` of each minute stays under `limit`."""

    metric: Metric = Metric.FIRST_CHUNK_P95
    """What is held against the limit."""
    limit: Duration
    """The objective is missed above this."""


class TargetSettings(_Section):
    """One channel of a route."""

    channel: Name
    """The `id` of a channel."""
    weight: float = Field(1.0, ge=0.0)
    """Share within its priority, relative to the others."""
    priority: int = Field(0, ge=0)
    """0 serves first; higher numbers when it cannot."""


class RouteSettings(_Section):
    """One public model name and the channels behind it."""

    model: Name
    """The name that clients ask for."""
    objective: ObjectiveSettings | None = None
    """Without one, forecasts move nothing on this route."""
    targets: tuple[TargetSettings, ...] = Field(min_length=1)
    """Who serves it."""
    prefer: Literal["weights", "nearest"] = "weights"
    """`weights` shares traffic among all targets of a priority; `nearest` lets a farther region serve only when the
    nearer ones cannot (needs `gateway.region`)."""
    attempts_max: int = Field(3, ge=1, le=10)
    """Tries of one request, the first included."""
    fallbacks: tuple[Name, ...] = ()
    """Other routes to try, in this order, when no channel of this one has answered."""
    sticky: bool = False
    """Prompts with the same beginning go to the same channel, which may have it cached."""
    hedge_after: Duration | None = None
    """When nothing has come after this long, a second channel is asked too, and the faster one serves. Both bill."""


class RetrainSettings(_Section):
    """How models that learn from history are fitted again, and when a new one takes over."""

    every: Duration = 86_400.0
    """How often; a series that has drifted asks for it earlier, at most once an hour."""
    history: Duration = 14 * 86_400.0
    """How far back they learn."""
    history_min: Duration = 7 * 86_400.0
    """Models of all channels are not fitted on less."""
    held_out: Duration = 86_400.0
    """The newest part of the history: new model and old are scored on it, and neither is fitted on it."""
    keep: int = Field(5, ge=1)
    """How many versions of a model stay on the disk."""
    folder: Path | None = None
    """Where they are stored. Unset: `models` beside `store.path`. Relative to the working directory."""


class FoundationSettings(_Section):
    """A pretrained forecaster (`foundation`), from files on this machine. Nothing is fetched."""

    path: Path | None = None
    """A folder with `config.json` and `model.safetensors` of Chronos-Bolt or Chronos-2. Relative to the working
    directory."""


class ForecastSettings(_Section):
    """Which models forecast, how far, and when they may steer."""

    models: tuple[Name, ...] = ()
    """Which models compete beside the built-in ones, in whose company each must earn its weight. `ets`, `arima`, `theta` and `mstl` need the extra `stats`; `lightgbm` needs `ml`; `prophet`,
    `lstm` and `foundation` need the extras of their names."""
    horizons: tuple[Duration, ...] = (900.0, 3600.0)
    """How far ahead."""
    outcomes_min: int = Field(20, ge=1)
    """Graded forecasts needed before a model may have a vote."""
    answer_every: Duration = 300.0
    """How often a plug-in is asked about a channel; its answer is held until then."""
    retrain: RetrainSettings = RetrainSettings()
    foundation: FoundationSettings = FoundationSettings()


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class MaintenanceSettings(_Section):
    """A time that comes back, in which channels are expected to be strange: nothing is said or learnt of them."""

    channel: Annotated[str, Field(min_length=1, max_length=128)] = "*"
    """Which channels; `*` stands for anything: `azure-*`."""
    begins: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """The time of day in UTC: `02:30`."""
    lasts: Annotated[Duration, Field(gt=0.0, le=86_400.0)]
    """How long: `1h`, at most a day."""
    days: tuple[Weekday, ...] = tuple(Weekday)
    """On which days it begins: `[sat, sun]`. Every day by default."""
    because: str = ""
    """Why, for people."""


class DetectSettings(_Section):
    """What looks for strange values."""

    detectors: tuple[Name, ...] = ("streaming",)
    """Which detectors vote: `streaming`, `zscore`, `iqr`, `isolation_forest`, or those of other packages."""
    false_alarms_per_day: float = Field(0.05, gt=0.0, le=1000.0)
    """Wanted false-alarm rate of one channel's metric; thresholds calibrate themselves to it."""
    maintenance: tuple[MaintenanceSettings, ...] = ()
    """Times in which channels are left alone, again and again."""


class BudgetSettings(_Section):
    """What a month may cost."""

    name: Name = "monthly"
    """As reports and alerts call it."""
    limit_usd: Usd
    """US dollars for a calendar month."""
    time_zone: str = "UTC"
    """The month begins at midnight there: `Asia/Seoul`."""


class HealSettings(_Section):
    """How incidents are treated."""

    playbooks: Path | None = None
    """Unset: the playbooks that come with Foreroute. Relative to the configuration file."""


class AlertReceiverSettings(_Section):
    """Somebody who is told. Either a webhook or Apprise addresses, which are secrets: they stand in the environment or
    in a file of their own.
    """

    name: Name
    """As routes call it."""
    webhook_url: SecretStr | None = None
    """Takes POSTs in the format of Alertmanager's webhooks: `${PAGER_URL}`."""
    webhook_url_file: Path | None = None
    """A file that holds the address alone. Relative to the configuration file."""
    apprise_urls: tuple[SecretStr, ...] = ()
    """Mail, Slack, Teams and more, one address each: `["${SLACK_URL}"]`. Needs the extra `alerts`."""
    apprise_urls_file: Path | None = None
    """A file with one address a line. Relative to the configuration file."""

    @model_validator(mode="after")
    def _has_one_way(self) -> "AlertReceiverSettings":
        ways = [self.webhook_url, self.webhook_url_file, self.apprise_urls, self.apprise_urls_file]
        if sum(bool(way) for way in ways) != 1:
            raise ValueError(
                "a receiver has exactly one of webhook_url, webhook_url_file, apprise_urls and apprise_urls_file"
            )
        return self


class AlertRouteSettings(_Section):
    """Which alerts go to whom, and how they are bundled. The first route that matches is taken."""

    match: tuple[str, ...] = ()
    """All must match: `severity=critical|warning`, `region!=eu-*`. Without any: every alert."""
    receivers: tuple[Name, ...] = ()
    """Their names. Without any: nobody is told."""
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    """Alerts in which these labels agree share a message."""
    group_wait: Duration = 60.0
    """How long the first message of a group waits for others to join. This and the next two are rounded up to ticks."""
    group_interval: Duration = 300.0
    """The least time between two messages about one group."""
    repeat_interval: Duration = 4 * 3600.0
    """When nothing changes, a reminder after this long, unless the alert is acknowledged."""
    go_on: bool = False
    """`true` asks the routes below too."""


class AlertsSettings(_Section):
    """What is worth a word. Alerts are on the dashboard always; messages need receivers."""

    enabled: bool = True
    """`false` makes no alerts at all."""
    receivers: tuple[AlertReceiverSettings, ...] = ()
    """Who can be told."""
    routes: tuple[AlertRouteSettings, ...] = ()
    """Without any: alerts that are critical or a warning go to all receivers."""
    firing_after: Duration = 120.0
    """How long an anomaly or an expected breach must last before it fires."""
    resolved_after: Duration = 180.0
    """How long there must be no sign of it before it is over."""
    impact_warning: float = Field(2.0, gt=0.0)
    """Requests a minute that are affected × how many times over the usual, from which on it is a warning."""
    impact_critical: float = Field(100.0, gt=0.0)
    """From here on it is critical."""
    external_url: str | None = None
    """The dashboard's address for the link in messages. Unset: where it listens."""


class OtelSettings(_Section):
    """Attempts for an OpenTelemetry collector, by OTLP over HTTP. Needs the extra `otel`."""

    enabled: bool = False
    """`true` exports metrics."""
    endpoint: str | None = None
    """The collector's address, without `/v1/metrics`: `http://127.0.0.1:4318`. Unset: what the `OTEL_EXPORTER_OTLP_*`
    variables say, which also hold headers and certificates."""
    traces: bool = False
    """A span for each attempt too, under the caller's `traceparent`."""
    interval: Duration = 30.0
    """How often metrics are sent."""

    @model_validator(mode="after")
    def _endpoint_is_an_address(self) -> "OtelSettings":
        if self.endpoint is None:
            return self
        try:
            parts = urlsplit(self.endpoint)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError:
            raise ValueError("endpoint is not a valid address: its host or port makes no sense") from None
        # The address itself is not shown: it may hold a password.
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "endpoint is an http or https address without a user, such as http://127.0.0.1:4318; "
                "credentials go into OTEL_EXPORTER_OTLP_HEADERS"
            )
        if parts.query or parts.fragment:
            raise ValueError("endpoint has neither a query nor a fragment, such as http://127.0.0.1:4318")
        return self


class LogSettings(_Section):
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is written."""
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
    collect: CollectSettings = CollectSettings()
    store: StoreSettings = StoreSettings()
    regions: tuple[RegionSettings, ...] = ()
    """Known regions; empty: those that the channels name."""
    channels: tuple[ChannelSettings, ...] = Field(min_length=1)
    """What can be called."""
    routes: tuple[RouteSettings, ...] = Field(min_length=1)
    """What clients can ask for."""
    timeouts: TimeoutSettings = TimeoutSettings()
    """Of every channel that has none of its own."""
    breaker: BreakerSettings = BreakerSettings()
    forecast: ForecastSettings = ForecastSettings()
    detect: DetectSettings = DetectSettings()
    budgets: tuple[BudgetSettings, ...] = ()
    """What a month may cost."""
    heal: HealSettings = HealSettings()
    alerts: AlertsSettings = AlertsSettings()
    otel: OtelSettings = OtelSettings()
    log: LogSettings = LogSettings()
