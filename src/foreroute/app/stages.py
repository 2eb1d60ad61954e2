"""Settings to the stages of the tick."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from foreroute.app.forecasting import build_forecasting
from foreroute.app.grouping import NightlyGroups
from foreroute.app.optimum import build_optimum
from foreroute.app.plane import Plane
from foreroute.app.playbooks import simulated_playbooks
from foreroute.app.prices import LedgerPricer, allowances_of, price_book
from foreroute.app.spread import spread_of
from foreroute.app.tuning import build_tuning
from foreroute.control.grading import GradingRules
from foreroute.control.loop_settings import LoopSettings
from foreroute.control.mutes import MutedDetection, Mutes
from foreroute.control.outlooks import SLOWDOWNS
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.control.reckoning import RolloutSettings
from foreroute.control.rollout import Thresholds
from foreroute.control.stages import AlertStage, CostStage, Healed, Key, Stages
from foreroute.control.state import ForecastRecord
from foreroute.core.budgets import BudgetScope
from foreroute.core.decision import DECIDED, Autopilot, Capability
from foreroute.core.feedback import AlertFeedback
from foreroute.core.findings import BudgetStatus, ChannelCost, Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import Spend
from foreroute.core.mute import MaintenanceWindow
from foreroute.core.ports import PriceBook, RecordStore, Store
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.core.windows import Window
from foreroute.core.work import Expectation
from foreroute.cost import budget
from foreroute.cost.ledger import total_spend
from foreroute.cost.usage_mix import channel_costs
from foreroute.decide.guardrails import Guardrails
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.registry import detectors
from foreroute.forecast.engine import ForecastEngine
from foreroute.forecast.work import WorkModels
from foreroute.heal.blame import blamed
from foreroute.heal.engine import HealEngine, HealSettings
from foreroute.heal.learning import FailureLearning
from foreroute.monitor.fold import Folder, merge_rollups
from foreroute.monitor.segments import Segments
from foreroute.settings.budgets import scoped_budgets
from foreroute.settings.convert import objective_metrics
from foreroute.settings.finding import Weekday
from foreroute.settings.model import Settings
from foreroute.store.retention import Retention

_FORESEEN: Final = (*SLOWDOWNS, Metric.FAILURE_RATIO, Metric.ATTEMPTS, Metric.COST_USD)


def build_stages(
    settings: Settings,
    data: Plane,
    store: Store,
    *,
    source: str,
    alerts: AlertStage | None = None,
    prices: PriceBook | None = None,
    mutes: Mutes | None = None,
    feedback: Callable[[], AlertFeedback] = AlertFeedback,
    playbooks: PlaybookDesk | None = None,
) -> Stages:
    """`source` names this run, for the rollups that it makes; `prices`: what is asked instead of the configured price
    book; `feedback`: what people said about alerts; `playbooks`: where they run, in a world of their own by default.
    Raises ConfigError on playbooks that are wrong.
    """
    foreseen = foreseen_metrics(settings)
    forecast, fitting = build_forecasting(settings, store.rollups, foreseen)
    work = WorkModels({channel.id: channel.model for channel in data.channels})
    detect = DetectEngine(
        DetectSettings(false_alarms_per_day=settings.detect.false_alarms_per_day, step_s=settings.loop.tick),
        detectors(settings.detect.detectors),
        feedback=feedback,
    )
    learning = FailureLearning()
    tuning = build_tuning(settings, data.configured)
    heal = HealEngine(HealSettings())
    desk = simulated_playbooks(settings, data, store) if playbooks is None else playbooks

    def healed(at: float, rollups: Sequence[Rollup]) -> Healed:
        found = heal.update(at, rollups, data.channels, desk.treatments(at))
        asked = {rollup.channel for rollup in rollups if rollup.attempts}
        return Healed(incidents=blamed(found.incidents, data.channels, asked), remedies=found.remedies)

    groups = NightlyGroups(fitting, learning)
    finding = build_optimum(settings, data, store, prices=prices, fits=groups)
    return Stages(
        channels=data.channels,
        intake=data.intake,
        fold=Folder(window_s=settings.loop.tick, source=source, segments=segments_of(settings)),
        merge=merge_rollups,
        work=work,
        expectations=lambda forecasts: expectations(work, forecasts, settings.loop.horizon),
        learners={
            "work": work,
            "forecast": forecast,
            "detect": detect,
            "failures": learning,
            **({} if tuning is None else {"tuning": tuning.tuner}),
        },
        forecast=forecast,
        fits=groups if finding is None else finding,
        optimum=finding,
        learning=learning,
        tuning=tuning,
        capabilities=_made_here(optimum=finding is not None, tuning=tuning is not None),
        forecast_record=lambda: _record(forecast),
        past_predictions=forecast.past_predictions,
        windows=forecast.windows,
        standings=forecast.standings,
        detect=detect if mutes is None else MutedDetection(detect, mutes),
        cost=cost_stage(settings, data, prices),
        heal=healed,
        append=store.append,
        rollups=store.rollups,
        ledger=store.ledger,
        records=store.records,
        publisher=data.plans,
        metrics=objective_metrics(settings),
        foreseen=foreseen,
        alerts=alerts,
        playbooks=desk,
        spread=spread_of(settings, guardrails(settings)),
    )


def _made_here(*, optimum: bool, tuning: bool) -> frozenset[Capability]:
    """The capabilities that something here makes moves of."""
    found = frozenset(DECIDED) - ({Capability.OPTIMUM} if not optimum else set())
    return found | {Capability.TUNING} if tuning else found


def mutes_of(settings: Settings, records: RecordStore) -> Mutes:
    return Mutes(
        records,
        channels=[ChannelId(channel.id) for channel in settings.channels],
        windows=[
            MaintenanceWindow(
                channel=one.channel,
                begins_s=60.0 * (60 * int(one.begins[:2]) + int(one.begins[3:])),
                lasts_s=one.lasts,
                weekdays=frozenset(list(Weekday).index(day) for day in one.days),
                because=one.because,
            )
            for one in settings.detect.maintenance
        ],
    )


def segments_of(settings: Settings) -> Segments:
    return Segments(settings.collect.by, segments_max=settings.collect.segments_max)


def retention_of(settings: Settings) -> Retention:
    keep = settings.store.keep
    return Retention(
        minutes_s=keep.minutes,
        hours_s=keep.hours,
        days_s=keep.days,
        records_s=keep.records,
        incidents_s=keep.incidents,
    )


def loop_settings(settings: Settings, *, wait_for_fits: bool = False) -> LoopSettings:
    section = settings.loop
    return LoopSettings(
        tick_s=section.tick,
        collect_s=section.collect,
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
        optimum_gain_min=settings.cost.optimum.gain_min,
        optimum_valid_s=settings.cost.optimum.valid,
        young_measured_min=section.young_measured_min,
        young_samples_min=section.young_samples_min,
        young_breach_probability_min=section.young_breach_probability_min,
    )


def stages_of(settings: Settings) -> dict[Capability, Autopilot]:
    """The capabilities to which the file gives a stage of their own."""
    section = settings.rollout
    named = {
        Capability.ROUTING: section.routing,
        Capability.BUDGET: section.budget,
        Capability.OPTIMUM: section.optimum,
        Capability.TUNING: section.tuning,
        Capability.PLAYBOOKS: section.playbooks,
    }
    return {capability: stage for capability, stage in named.items() if stage is not None}


def rollout_settings(settings: Settings) -> RolloutSettings:
    section, loop, rails = settings.rollout, settings.loop, settings.guardrails
    return RolloutSettings(
        thresholds=Thresholds(
            graded_min=section.graded_min,
            helped_ratio_min=section.helped_ratio_min,
            wrong_ratio_max=section.wrong_ratio_max,
            hurt_ratio_max=section.hurt_ratio_max,
            stage_s_min=section.stage_min,
            evidence_s=section.evidence,
        ),
        rules=GradingRules(
            window_s=loop.observe,
            window_samples_min=rails.samples_min,
            failure_ratio_max=rails.failure_ratio_max,
        ),
        grade_after_s=loop.horizon + loop.observe,
        suggestion_valid_s=section.suggestion_valid,
        gap_s=max(rails.dwell, 2 * loop.tick),
    )


def foreseen_metrics(settings: Settings) -> dict[ChannelId, tuple[Metric, ...]]:
    """What is forecast of each channel: its objective's metric, and what else decisions and people ask for."""
    return {
        channel: tuple(dict.fromkeys((metric, *_FORESEEN)))
        for channel, metric in objective_metrics(settings).items()
    }


def cost_stage(settings: Settings, data: Plane, prices: PriceBook | None = None) -> CostStage:
    prices = price_book(settings) if prices is None else prices
    channels = {channel.id: channel for channel in data.channels}
    groups = [[target.channel for target in route.targets] for route in data.configured.routes.values()]
    limits = [
        budget.BudgetSettings(name=one.name, limit_usd=one.aim_usd, time_zone=one.time_zone)
        for one in scoped_budgets(settings)
        if one.scope is BudgetScope.GLOBAL and one.window is Window.MONTH
    ]

    price = LedgerPricer(channels, prices, allowances_of(settings))

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

    return CostStage(
        price=price, begin=price.begin, period_start=period_start, budgets=budgets, channel_costs=costs
    )


def _record(forecast: ForecastEngine) -> ForecastRecord:
    totals = forecast.record()
    return ForecastRecord(
        made=totals.made,
        graded=totals.graded,
        mean_absolute_error=totals.mean_absolute_error,
        naive_mean_absolute_error=totals.naive_mean_absolute_error,
    )


def expectations(
    work: WorkModels, forecasts: Mapping[Key, Forecast], horizon_s: float
) -> dict[ChannelId, Expectation]:
    """What requests are expected to take: the usual for their work, times the slowdown that is forecast."""

    def slowdown(channel: ChannelId, metric: Metric) -> float:
        forecast = forecasts.get((channel, metric))
        window = None if forecast is None else forecast.over(horizon_s)
        return window.value if window is not None and math.isfinite(window.value) else 1.0

    return {
        channel: Expectation(model=model, slowdown=max(slowdown(channel, metric) for metric in SLOWDOWNS))
        for channel, model in work.models().items()
    }
