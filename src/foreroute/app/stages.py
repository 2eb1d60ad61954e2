"""Settings to the stages of the tick."""

from collections.abc import Mapping, Sequence
from importlib import resources

from foreroute.app.plane import Plane
from foreroute.app.prices import price_book
from foreroute.control.loop import LoopSettings
from foreroute.control.stages import AlertStage, CostStage, Healed, Stages
from foreroute.control.state import ForecastRecord
from foreroute.core.attempt import Attempt
from foreroute.core.findings import BudgetStatus, ChannelCost
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import Store
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.cost import budget
from foreroute.cost.ledger import price_attempts, total_spend
from foreroute.cost.usage_mix import channel_costs
from foreroute.decide.guardrails import Guardrails
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.registry import detectors
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.registry import LOCAL, forecasters
from foreroute.heal.engine import HealEngine, HealSettings
from foreroute.heal.playbook import Playbook
from foreroute.heal.playbook_yaml import load_playbooks
from foreroute.monitor.fold import Folder, merge_rollups
from foreroute.settings.model import Settings


def build_stages(
    settings: Settings, data: Plane, store: Store, *, source: str, alerts: AlertStage | None = None
) -> Stages:
    """`source` names this run, for the rollups that it makes. Raises ConfigError on playbooks that are wrong."""
    forecast = ForecastEngine(forecast_settings(settings), forecasters(settings.forecast.models), local=LOCAL)
    heal = HealEngine(HealSettings(), playbooks_of(settings))

    def healed(at: float, rollups: Sequence[Rollup]) -> Healed:
        found = heal.update(at, rollups, data.channels)
        return Healed(incidents=found.incidents, remedies=found.remedies)

    return Stages(
        channels=data.channels,
        intake=data.intake,
        fold=Folder(window_s=settings.loop.tick, source=source),
        merge=merge_rollups,
        forecast=forecast,
        fits=forecast,
        forecast_record=lambda: _record(forecast),
        past_predictions=forecast.past_predictions,
        detect=DetectEngine(
            DetectSettings(
                false_alarms_per_day=settings.detect.false_alarms_per_day, step_s=settings.loop.tick
            ),
            detectors(settings.detect.detectors),
        ),
        cost=cost_stage(settings, data),
        heal=healed,
        append=store.append,
        rollups=store.rollups,
        ledger=store.ledger,
        records=store.records,
        publisher=data.plans,
        metrics=objective_metrics(settings),
        alerts=alerts,
    )


def playbooks_of(settings: Settings) -> tuple[Playbook, ...]:
    """The operator's own, or those that come with Foreroute. Raises ConfigError."""
    if settings.heal.playbooks is not None:
        return load_playbooks(settings.heal.playbooks)
    with resources.as_file(resources.files("foreroute.heal").joinpath("recovery_playbooks.yaml")) as path:
        return load_playbooks(path)


def forecast_settings(settings: Settings) -> ForecastSettings:
    return ForecastSettings(
        step_s=settings.loop.tick,
        horizons_s=settings.forecast.horizons,
        coverage=settings.forecast.coverage,
        outcomes_min=settings.forecast.outcomes_min,
        fit_every_s=settings.loop.fit_every,
    )


def loop_settings(settings: Settings, *, wait_for_fits: bool = False) -> LoopSettings:
    section = settings.loop
    return LoopSettings(
        tick_s=section.tick,
        history_s=section.history,
        observe_s=section.observe,
        horizon_s=section.horizon,
        wait_for_fits=wait_for_fits,
    )


def guardrails(settings: Settings) -> Guardrails:
    section = settings.guardrails
    return Guardrails(
        share_step_max=section.share_step_max,
        share_floor=section.share_floor,
        share_change_min=section.share_change_min,
        ejected_ratio_max=section.ejected_ratio_max,
        healthy_ratio_min=section.healthy_ratio_min,
        samples_min=section.samples_min,
        failure_ratio_max=section.failure_ratio_max,
        breach_probability_min=section.breach_probability_min,
        breach_probability_clear=section.breach_probability_clear,
        dwell_s=section.dwell,
        actions_per_hour_max=section.actions_per_hour_max,
        plan_valid_s=section.plan_valid,
    )


def objective_metrics(settings: Settings) -> dict[ChannelId, Metric]:
    """The metric by which each channel is judged: its route's objective, or the time to first chunk."""
    metrics = {ChannelId(channel.id): Metric.FIRST_CHUNK_P95 for channel in settings.channels}
    for route in settings.routes:
        if route.objective is not None:
            metrics |= {ChannelId(target.channel): route.objective.metric for target in route.targets}
    return metrics


def cost_stage(settings: Settings, data: Plane) -> CostStage:
    prices = price_book(settings)
    channels = {channel.id: channel for channel in data.channels}
    groups = [[target.channel for target in route.targets] for route in data.configured.routes.values()]
    limits = [
        budget.BudgetSettings(name=one.name, limit_usd=one.limit_usd, time_zone=one.time_zone)
        for one in settings.budgets
    ]

    def price(attempts: Sequence[Attempt]) -> Sequence[LedgerEntry]:
        return price_attempts(attempts, channels, prices)

    def period_start(at: float) -> float:
        return min((budget.period_start(limit, at) for limit in limits), default=at)

    def budgets(
        at: float, spent: Mapping[ChannelId, Spend], recent: Mapping[ChannelId, Spend], recent_s: float
    ) -> Sequence[BudgetStatus]:
        total, late = total_spend(spent.values()), total_spend(recent.values())
        return [
            budget.budget_status(one, at=at, spent=total, recent=late, recent_s=recent_s) for one in limits
        ]

    def costs(at: float, rollups: Sequence[Rollup]) -> Sequence[ChannelCost]:
        return channel_costs(at, rollups, data.channels, prices, groups=groups)

    return CostStage(price=price, period_start=period_start, budgets=budgets, channel_costs=costs)


def _record(forecast: ForecastEngine) -> ForecastRecord:
    totals = forecast.record()
    return ForecastRecord(
        made=totals.made,
        graded=totals.graded,
        mean_absolute_error=totals.mean_absolute_error,
        naive_mean_absolute_error=totals.naive_mean_absolute_error,
    )
