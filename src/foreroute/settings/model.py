"""Every setting: its name, default, range and meaning, in one file for each part of the house.

`docs/configuration.md` is made from these files.
"""

from pydantic import Field

from foreroute.core.decision import Autopilot
from foreroute.settings.clouds import (
    AwsAccountSettings,
    AzureAccountSettings,
    CloudAccountsSettings,
    CloudsSettings,
    GcpAccountSettings,
)
from foreroute.settings.experiments import ExperimentSettings
from foreroute.settings.finding import (
    BudgetSettings,
    CostSettings,
    DetectSettings,
    ForecastSettings,
    FoundationSettings,
    HealSettings,
    HookSettings,
    MaintenanceSettings,
    RetrainSettings,
)
from foreroute.settings.incidents import IncidentSettings
from foreroute.settings.keeping import (
    CollectSettings,
    KeepSettings,
    StoreSettings,
)
from foreroute.settings.places import GeoSettings
from foreroute.settings.routing import (
    ChannelSettings,
    LimitSettings,
    ObjectiveSettings,
    PriceSettings,
    RegionSettings,
    RouteSettings,
    TargetSettings,
)
from foreroute.settings.section import Name, Section
from foreroute.settings.serving import (
    BreakerSettings,
    DashboardSettings,
    GatewaySettings,
    TimeoutSettings,
)
from foreroute.settings.sharing import RedisSettings, SharedSettings
from foreroute.settings.steering import GuardrailSettings, LoopSettings, RolloutSettings
from foreroute.settings.telling import (
    AlertReceiverSettings,
    AlertRouteSettings,
    AlertsSettings,
    LogFormat,
    LogSettings,
    OtelSettings,
)
from foreroute.settings.tuning import TuningBoundSettings, TuningSettings

__all__ = [
    "AlertReceiverSettings",
    "AlertRouteSettings",
    "AlertsSettings",
    "AwsAccountSettings",
    "AzureAccountSettings",
    "BreakerSettings",
    "BudgetSettings",
    "ChannelSettings",
    "CloudAccountsSettings",
    "CloudsSettings",
    "CollectSettings",
    "CostSettings",
    "DashboardSettings",
    "DetectSettings",
    "ExperimentSettings",
    "ForecastSettings",
    "FoundationSettings",
    "GatewaySettings",
    "GcpAccountSettings",
    "GeoSettings",
    "GuardrailSettings",
    "HealSettings",
    "HookSettings",
    "IncidentSettings",
    "KeepSettings",
    "LimitSettings",
    "LogFormat",
    "LogSettings",
    "LoopSettings",
    "MaintenanceSettings",
    "Name",
    "ObjectiveSettings",
    "OtelSettings",
    "PriceSettings",
    "RedisSettings",
    "RegionSettings",
    "RetrainSettings",
    "RolloutSettings",
    "RouteSettings",
    "Settings",
    "SharedSettings",
    "StoreSettings",
    "TargetSettings",
    "TimeoutSettings",
    "TuningBoundSettings",
    "TuningSettings",
]


class Settings(Section):
    """The whole configuration."""

    gateway: GatewaySettings = GatewaySettings()
    dashboard: DashboardSettings = DashboardSettings()
    autopilot: Autopilot = Autopilot.OBSERVE
    """`observe` records what it would do, `suggest` proposes it, `act` does it within the guardrails."""
    rollout: RolloutSettings = RolloutSettings()
    guardrails: GuardrailSettings = GuardrailSettings()
    tuning: TuningSettings = TuningSettings()
    loop: LoopSettings = LoopSettings()
    collect: CollectSettings = CollectSettings()
    store: StoreSettings = StoreSettings()
    shared: SharedSettings = SharedSettings()
    regions: tuple[RegionSettings, ...] = ()
    """Known regions; empty: those that the channels name."""
    geo: GeoSettings = GeoSettings()
    residency: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Tags of keys, and the only regions in which requests of such keys are served: `{gdpr: [eu-west, eu-north]}`."""
    clouds: CloudsSettings = CloudsSettings()
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
    cost: CostSettings = CostSettings()
    experiments: tuple[ExperimentSettings, ...] = ()
    """What can be tried; `foreroute experiment start ID` starts one."""
    heal: HealSettings = HealSettings()
    incidents: IncidentSettings = IncidentSettings()
    alerts: AlertsSettings = AlertsSettings()
    otel: OtelSettings = OtelSettings()
    log: LogSettings = LogSettings()
