"""What is forecast, watched, healed, and what it may cost."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

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


class BudgetSettings(Section):
    """What a month may cost."""

    name: Name = "monthly"
    """As reports and alerts call it."""
    limit_usd: Usd
    """US dollars for a calendar month."""
    time_zone: str = "UTC"
    """The month begins at midnight there: `Asia/Seoul`."""


class CostSettings(Section):
    """How spend is reported."""

    time_zone: str = "UTC"
    """Days, weeks and months of reports begin at midnight there: `Asia/Seoul`."""
    reports: tuple[CostReportSettings, ...] = ()
    """Reports that are sent by themselves. They need `store.kind: sqlite`, which remembers what was sent."""


class HealSettings(Section):
    """How incidents are treated."""

    playbooks: Path | None = None
    """Unset: the playbooks that come with Foreroute. Relative to the configuration file."""
