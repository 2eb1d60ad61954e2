"""What the analysing stages find. Findings are evidence; only `decide` turns them into a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, IncidentId, RouteName
from foreroute.core.series import Metric
from foreroute.core.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The expected course of one metric: `mean[i]`, `lower[i]`, `upper[i]` hold for the window that ends at
    `origin_at + (i + 1) * step_s`. The interval holds the outcome with probability `coverage`.

    `windows` are forecasts of their own of what is asked most often: the metric over the whole of the next
    quarter of an hour or hour, and in the single window at its end. `lower95` and `upper95` are a wider interval
    for the path; empty where a model has none.
    """

    channel: ChannelId
    metric: Metric
    origin_at: float
    step_s: float
    mean: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    coverage: float
    model: str
    windows: tuple["WindowForecast", ...] = ()
    lower95: tuple[float, ...] = ()
    upper95: tuple[float, ...] = ()

    def over(self, horizon_s: float) -> "WindowForecast | None":
        """The forecast of the mean over the next `horizon_s` seconds, if that was made."""
        for window in self.windows:
            if window.target is WindowTarget.MEAN and window.horizon_s == horizon_s:
                return window
        return None

    def at_horizon(self, horizon_s: float) -> "ForecastPoint":
        """The point `horizon_s` seconds after the origin (the last one, if the forecast is shorter)."""
        index = min(max(round(horizon_s / self.step_s), 1), len(self.mean)) - 1
        return ForecastPoint(self.mean[index], self.lower[index], self.upper[index])


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    mean: float
    lower: float
    upper: float


class WindowTarget(StrEnum):
    MEAN = "mean"
    """The mean over all windows from the origin to the horizon, each weighted by its requests."""
    POINT = "point"
    """The single window that ends at the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowForecast:
    """One number about the next `horizon_s` seconds, in the metric's unit, with 80 % and 95 % intervals.

    `n_effective`: how many requests stand behind what the forecast knows of the present, newer ones counting more.
    `floor_ratio`: the mean absolute relative error that nobody can beat, because the outcome is itself measured
    from so few requests; NaN when it cannot be told.
    """

    target: WindowTarget
    horizon_s: float
    value: float
    lower80: float
    upper80: float
    lower95: float
    upper95: float
    n_effective: float
    floor_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSkill:
    """How good a model has been, on forecasts whose outcome is known. `skill` = 1 − error / naive error.

    The outcome is the single window at the horizon, unless a `WindowForecast`'s record says otherwise.

    A model steers only while its skill is positive on enough outcomes: see `has_vote`.
    """

    channel: ChannelId
    metric: Metric
    horizon_s: float
    model: str
    outcomes: int
    mean_absolute_error: float
    naive_mean_absolute_error: float
    coverage: float | None = None
    """Share of outcomes inside the interval; None without outcomes."""
    has_vote: bool = False

    @property
    def skill(self) -> float:
        if self.naive_mean_absolute_error <= 0:
            return 0.0
        return 1.0 - self.mean_absolute_error / self.naive_mean_absolute_error


class AnomalyKind(StrEnum):
    SPIKE = "spike"
    """A window that stands out alone, as far as is known yet."""
    SHIFT = "shift"
    """The level has changed: at least two of the last three windows stand out on the same side."""
    DRIFT = "drift"
    """The level has moved away little by little."""
    DROPOUT = "dropout"
    """Nearly nothing is left of what was expected."""
    VARIANCE = "variance"
    """The scatter has grown: windows stand out on both sides."""


class Direction(StrEnum):
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Evidence that a value is unusual, not a verdict. `score` ≥ `threshold` made it one.

    `p_value`: about how often a usual window of this series is at least so strange; NaN when nobody can tell.
    `since_at`: start of the first window of the same episode; the window's own if it is the first.
    """

    channel: ChannelId
    metric: Metric
    at: float
    value: float
    expected: float
    score: float
    threshold: float
    detector: str
    kind: AnomalyKind = AnomalyKind.SPIKE
    direction: Direction = Direction.HIGH
    p_value: float = float("nan")
    since_at: float | None = None
    cause: str = ""
    """In words, whether it is the channel or what is asked of it; empty when nobody can tell."""


class IncidentState(StrEnum):
    OPEN = "open"
    """Detected; a playbook may be waiting or running."""
    MITIGATED = "mitigated"
    """Traffic is safe; the channel is not verified yet."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One trouble of one channel, from the first bad window to the verified end. MTTR = mean of closed − opened."""

    id: IncidentId
    channel: ChannelId
    opened_at: float
    root_cause: FailureClass
    probability: float
    """How sure the diagnosis is, 0…1."""
    evidence: str
    state: IncidentState = IncidentState.OPEN
    closed_at: float | None = None
    playbooks_run: tuple[str, ...] = ()
    steps_done: tuple[str, ...] = ()
    blame: str = ""
    """The narrowest scope that explains what is seen across channels, such as `region aws/eu-west-1 (3 of 3 channels)`."""

    @property
    def time_to_recover_s(self) -> float | None:
        return None if self.closed_at is None else self.closed_at - self.opened_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What a playbook asks of the decision: a bound on one channel's weight until an instant."""

    channel: ChannelId
    incident: IncidentId
    playbook: str
    weight_max_ratio: float
    """Upper bound as a share of the configured weight: 0 ejects, 0.5 halves."""
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPace:
    """The shadow price of one budget at this instant, and where it counts."""

    budget: str
    price: float
    """≥ 0; 0: spend as you like. See `decide.pace` for what it does to shares."""
    spent_usd: Decimal
    limit_usd: Decimal
    pace_usd: Decimal
    """What would be spent by now if the limit were spent evenly over the period."""
    route: RouteName | None = None
    """Only on this route; None: on all."""
    channels: tuple[ChannelId, ...] = ()
    """Only what these cost counts; empty: all channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """One budget now and at the end of its period."""

    name: str
    period_start_at: float
    period_end_at: float
    """Of a budget that never begins anew: now."""
    limit_usd: Decimal
    spent_usd: Decimal
    projected_usd: Decimal
    projected_lower_usd: Decimal
    projected_upper_usd: Decimal
    unpriced_attempts: int = 0
    whose: str = "all"
    """Whose spend counts, in words: `all`, `team red`, `route gpt-4o`."""
    window: Window = Window.MONTH
    time_zone: str = "UTC"
    hard_limit_usd: Decimal | None = None
    at_limit: str = ""
    crossing_at: float | None = None
    """When the limit will be crossed; `earliest` to `latest` hold 80 %. None: not in this period."""
    crossing_earliest_at: float | None = None
    crossing_latest_at: float | None = None
    alerts_at: tuple[float, ...] = ()
    """Parts of the limit that are worth an alert."""
    forecast_alert: bool = True
    steers: bool = True
    """Whether an overrun moves shares on all routes: of a budget that is paced, or of one key, it does not."""
    pace: BudgetPace | None = None

    @property
    def overrun_expected(self) -> bool:
        return self.projected_usd > self.limit_usd

    @property
    def at_hard_limit(self) -> bool:
        return self.hard_limit_usd is not None and self.spent_usd >= self.hard_limit_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCost:
    """What an average request on this channel costs with the traffic of late. None: no price is known."""

    channel: ChannelId
    usd_per_request: Decimal | None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that one tick knows. A stage that failed left its part empty and its name in `missing`."""

    forecasts: Mapping[tuple[ChannelId, Metric], Forecast] = field(default_factory=dict)
    skills: tuple[ForecastSkill, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    incidents: tuple[Incident, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()
    costs: tuple[ChannelCost, ...] = ()
    missing: tuple[str, ...] = field(default=())
