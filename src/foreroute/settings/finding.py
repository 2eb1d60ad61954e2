"""What is forecast, watched, healed, and what it may cost."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from foreroute.core.budgets import ALERTS_AT, AtLimit, BudgetScope
from foreroute.core.windows import Window
from foreroute.settings.optimum import OptimumSettings, SavingsSettings
from foreroute.settings.reports import CostReportSettings
from foreroute.settings.section import Name, Section
from foreroute.settings.units import Duration, Usd


class RetrainSettings(Section):
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


class FoundationSettings(Section):
    """A pretrained forecaster (`foundation`), from files on this machine. Nothing is fetched."""

    path: Path | None = None
    """A folder with `config.json` and `model.safetensors` of Chronos-Bolt or Chronos-2. Relative to the working
    directory."""


class ForecastSettings(Section):
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


class MaintenanceSettings(Section):
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


class DetectSettings(Section):
    """What looks for strange values."""

    detectors: tuple[Name, ...] = ("streaming",)
    """Which detectors vote: `streaming`, `zscore`, `iqr`, `isolation_forest`, or those of other packages."""
    false_alarms_per_day: float = Field(0.05, gt=0.0, le=1000.0)
    """Wanted false-alarm rate of one channel's metric; thresholds calibrate themselves to it."""
    maintenance: tuple[MaintenanceSettings, ...] = ()
    """Times in which channels are left alone, again and again."""


def _as_text(value: Any) -> Any:
    """`402` is a number in YAML."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class BudgetSettings(Section):
    """What a period may cost."""

    name: Name = "monthly"
    """As reports and alerts call it."""
    scope: BudgetScope = BudgetScope.GLOBAL
    """Whose spend counts: `global`, or one `team`, `key`, `tag`, `route`, `channel` or `provider`."""
    of: str = Field(default="", max_length=200)
    """Which team (id), key (id), tag, route, channel or provider."""
    window: Window = Window.MONTH
    """How long until it begins anew: `hour`, `day`, `week` (from Monday), `month`, or `total` for never."""
    limit_usd: Usd | None = None
    """US dollars, the soft limit: pacing aims at it and alerts are about it, and nothing is refused."""
    hard_limit_usd: Usd | None = None
    """US dollars that are never exceeded by more than what requests cost beyond what was reserved for them."""
    at_limit: Annotated[AtLimit, BeforeValidator(_as_text)] = AtLimit.THROTTLE
    """What becomes of requests at the hard limit. `cheaper`: from `limit_usd` on only cheaper channels serve; `queue`:
    wait for room; `402` and `429`: refused.
    """
    queue: Duration = 30.0
    """How long a request waits with `queue`."""
    pace: bool = True
    """Slow spending down before the limit, by letting prices count for more the further it is ahead of its pace."""
    allow_unpriced: bool = False
    """Whether a channel without a known price may serve although there is a hard limit: it then costs nothing."""
    alerts_at: tuple[Annotated[float, Field(gt=0.0, le=10.0)], ...] = ALERTS_AT
    """Parts of the limit that are worth an alert: `[0.5, 0.8, 1.0]`. Empty: none."""
    forecast_alert: bool = True
    """Whether to say on which day it is going to be crossed."""
    time_zone: str | None = None
    """Its periods begin at midnight there: `Asia/Seoul`. Unset: `cost.time_zone`."""


class CostSettings(Section):
    """How spend is reported, kept low, and proved to be."""

    time_zone: str = "UTC"
    """Days, weeks and months of reports begin at midnight there: `Asia/Seoul`."""
    optimum: OptimumSettings = OptimumSettings()
    savings: SavingsSettings = SavingsSettings()
    reports: tuple[CostReportSettings, ...] = ()
    """Reports that are sent by themselves. They need `store.kind: sqlite`, which remembers what was sent."""


class HookSettings(Section):
    """What a playbook's step `hook` may call, and nothing else: either an address or a command. The arguments stand here
    and cannot be changed by a playbook; which run it is stands in the body, or in `FOREROUTE_*` variables.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
    """As playbooks call it."""
    webhook_url: SecretStr | None = None
    """Takes a POST with the run as JSON and an `idempotency-key`."""
    undo_webhook_url: SecretStr | None = None
    """The same, to undo it. Without: nothing is called, and the run says so."""
    command: tuple[str, ...] = ()
    """A program and its arguments, without a shell: `[systemctl, restart, vllm]`."""
    undo_command: tuple[str, ...] = ()
    """The same, to undo it."""
    repeatable: bool = False
    """Whether it may be called again with the same `idempotency-key` when the process ended before the answer came."""
    per_hour_max: int = Field(3, ge=1, le=1000)
    """So often an hour, undoing not counted; more is refused."""

    @model_validator(mode="after")
    def _has_one_way(self) -> "HookSettings":
        if (self.webhook_url is None) == (not self.command):
            raise ValueError("a hook has either webhook_url or command")
        if self.undo_webhook_url is not None and self.undo_command:
            raise ValueError("a hook has either undo_webhook_url or undo_command")
        return self


class HealSettings(Section):
    """How incidents are treated."""

    playbooks: Path | None = None
    """Unset: the playbooks that come with Foreroute. Relative to the configuration file."""
    hooks: tuple[HookSettings, ...] = ()
    """What playbooks may call outside Foreroute. Without any: nothing."""
    runs_parallel_max: int = Field(10, ge=1, le=100)
    """So many runs of playbooks at a time."""
    runs_per_hour_max: int = Field(120, ge=1, le=10_000)
    """So many begin in an hour."""
