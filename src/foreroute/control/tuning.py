"""Tuning in the loop: what the tuner is told each tick, what becomes of its word, and what people see and do of it."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.control.controls import Steering
from foreroute.control.moves import Grade, Move, Verdict
from foreroute.control.outlooks import SLOWDOWNS
from foreroute.control.tuning_records import change_record, read_change
from foreroute.core.attempt import Attempt
from foreroute.core.decision import Autopilot, Capability, ReasonCode
from foreroute.core.findings import Findings, ForecastSkill
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.limits import EVERYWHERE, ChannelLimits, Parameter, Setting
from foreroute.core.plan import CallPolicy, RoutingPlan
from foreroute.core.ports import Record, RecordStore
from foreroute.core.rollup import Rollup, by_channel
from foreroute.core.series import Metric
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Change, Graded, Look, Outlook, Round, View
from foreroute.heal.tuning.wants import configured as configured_setting
from foreroute.heal.tuning.wants import parameters_of

TUNING: Final = "tuning"
_HISTORY_MAX: Final = 500
_HOUR_S: Final = 3600.0
_OUTCOMES_MIN: Final = 30
_RATIO_MAX: Final = 3.0
"""A forecast may lengthen a timeout by this much at most."""
_NO_POLICY: Final = CallPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    every_s: float = 60.0
    horizon_s: float = 900.0
    retry_ratio: float = 0.2
    gateways: int = 1
    """Processes that serve. Each is told its own part of a concurrency limit."""


class TuningDesk:
    """Owned by the loop. `publish` is told of limits that an operator has changed between two ticks."""

    def __init__(self, tuner: Tuner, settings: TuningSettings, plan: RoutingPlan) -> None:
        """`plan`: as configured, for the policies that tuning starts from."""
        self.tuner, self.settings = tuner, settings
        self.publish: Callable[[Mapping[ChannelId, ChannelLimits]], None] = lambda _limits: None
        self.views: tuple[View, ...] = ()
        self.history: deque[Change] = deque(maxlen=_HISTORY_MAX)
        """Newest last."""
        self.held = ""
        """Why it may not act; empty where it may."""
        self._policies, self._peers = _policies_of(plan), _peers_of(plan)
        self._round_at: float | None = None
        self._limits: Mapping[ChannelId, ChannelLimits] = {}

    def observe(self, attempts: Sequence[Attempt]) -> None:
        self.tuner.observe(attempts)

    async def resume(self, records: RecordStore) -> None:
        """The changes of earlier runs. Raises StoreError."""
        found = [read_change(one) for one in await records.read(TUNING, limit=_HISTORY_MAX)]
        self.history.extendleft(one for one in reversed(found) if one is not None)

    def in_force(self, at: float) -> Mapping[ChannelId, ChannelLimits]:
        """What an earlier run has left in force."""
        self._limits = self._each(self.tuner.limits(at))
        return self._limits

    def update(
        self, at: float, steering: Steering, findings: Findings, rollups: Sequence[Rollup]
    ) -> tuple[Mapping[ChannelId, ChannelLimits], list[Record], list[Move]]:
        """A round, if one is due: the limits for the plan, what is to be written down, and the moves with grades."""
        last = self._round_at
        if last is not None and 0 <= at - last < 0.9 * self.settings.every_s:
            return self._limits, [], []
        self._round_at = at
        stage, killed = steering.stage(Capability.TUNING), steering.kill_switch
        self.held = "the kill switch holds" if killed else _held_by(stage)
        made = self.tuner.round(
            Look(
                at=at,
                act=not self.held,
                held=self.held,
                killed=killed,
                policies=self._policies,
                peers=self._peers,
                outlooks=self._outlooks(at, findings, rollups),
                retry_ratio=self.settings.retry_ratio,
            )
        )
        self.views = made.views
        self.history.extend(made.changes)
        self._limits = self._each(made.limits)
        return self._limits, [change_record(one) for one in made.changes], _moves(made, stage)

    def approve(self, channel: ChannelId, parameter: Parameter) -> bool:
        """The proposal begins at the next round though the stage only suggests. False: nothing is proposed."""
        view = self.view(channel, parameter)
        if view is None or not view.approvable:
            return False
        self.tuner.approve(channel, parameter)
        return True

    def reset(self, channel: ChannelId, parameter: Parameter, at: float, actor: str) -> Record | None:
        """As configured, at once. None: it is as configured."""
        policy = self._policies.get(channel, _NO_POLICY)
        base = configured_setting(parameter, policy, self.settings.retry_ratio)
        change = self.tuner.reset(channel, parameter, base, at, actor)
        if change is None:
            return None
        self.history.append(change)
        self.views = tuple(
            replace(one, current=base, tuned=False, proposal=None, trial="", approvable=False)
            if (one.channel, one.parameter) == (channel, parameter)
            else one
            for one in self.views
        )
        self._limits = self._each(self.tuner.limits(at))
        self.publish(self._limits)
        return change_record(change)

    def view(self, channel: ChannelId, parameter: Parameter) -> View | None:
        wanted = (channel, parameter)
        return next((one for one in self.views if (one.channel, one.parameter) == wanted), None)

    def knows(self, channel: ChannelId) -> bool:
        return channel in self._policies or channel == EVERYWHERE

    def parameters(self, channel: ChannelId) -> tuple[Parameter, ...]:
        return parameters_of(channel)

    # How -----------------------------------------------------------------------------------------------------------

    def _outlooks(self, at: float, findings: Findings, rollups: Sequence[Rollup]) -> dict[ChannelId, Outlook]:
        troubled = {one.channel for one in findings.incidents if one.closed_at is None}
        recent = by_channel(one for one in rollups if at - _HOUR_S <= one.window_start < at)
        horizon_s = self.settings.horizon_s
        skills = {(one.channel, one.metric): one for one in findings.skills if one.horizon_s == horizon_s}
        found = {}
        for channel in self._policies:
            ratios, worst = [], None
            for metric in SLOWDOWNS:
                skill = _skill_of(skills.get((channel, metric)))
                forecast = findings.forecasts.get((channel, metric))
                window = None if forecast is None else forecast.over(horizon_s)
                usual = _slowdown(recent.get(channel, ()), metric)
                upper = math.nan if window is None else window.upper95
                # A forecast that is worse than the last value vouches for nothing, and frightens nobody.
                counts = usual is not None and math.isfinite(upper) and (skill is None or skill >= 0)
                ratios.append(min(max(upper / usual, 1.0), _RATIO_MAX) if counts and usual else 1.0)
                if skill is not None:
                    worst = skill if worst is None else min(worst, skill)
            found[channel] = Outlook(
                first_chunk_ratio=ratios[0],
                whole_ratio=ratios[1],
                skill=worst,
                incident=channel in troubled,
            )
        return found

    def _each(self, limits: Mapping[ChannelId, ChannelLimits]) -> dict[ChannelId, ChannelLimits]:
        """What each gateway process is told: its part of what is counted over all of them."""
        return {name: _shared(one, self.settings.gateways) for name, one in limits.items()}


def _held_by(stage: Autopilot) -> str:
    match stage:
        case Autopilot.ACT:
            return ""
        case Autopilot.SUGGEST:
            return "its stage is suggest: it waits for a yes"
        case Autopilot.OBSERVE:
            return "its stage is observe"


def _shared(limits: ChannelLimits, gateways: int) -> ChannelLimits:
    setting = limits.settings.get(Parameter.CONCURRENCY)
    canary = limits.canary
    if gateways == 1 or (setting is None and canary is None):
        return limits
    settings = dict(limits.settings)
    if setting is not None:
        settings[Parameter.CONCURRENCY] = Setting(float(math.ceil(setting.base / gateways)))
    if canary is not None and canary.parameter is Parameter.CONCURRENCY:
        canary = replace(canary, setting=Setting(float(math.ceil(canary.setting.base / gateways))))
    return replace(limits, settings=settings, canary=canary)


def _policies_of(plan: RoutingPlan) -> dict[ChannelId, CallPolicy]:
    found: dict[ChannelId, CallPolicy] = {}
    for route in plan.routes.values():
        for target in route.targets:
            found.setdefault(target.channel, target.policy)
    return found


def _peers_of(plan: RoutingPlan) -> dict[ChannelId, list[ChannelId]]:
    found: dict[ChannelId, dict[ChannelId, None]] = {}
    for route in plan.routes.values():
        names = [target.channel for target in route.targets]
        for name in names:
            found.setdefault(name, {}).update(dict.fromkeys(other for other in names if other != name))
    return {name: list(others) for name, others in found.items()}


def _skill_of(skill: ForecastSkill | None) -> float | None:
    return None if skill is None or skill.outcomes < _OUTCOMES_MIN else skill.skill


def _slowdown(rollups: Iterable[Rollup], metric: Metric) -> float | None:
    """The mean over the requests of the rollups; None where none is known."""
    total = count = 0.0
    for one in rollups:
        summary = one.first_chunk if metric is Metric.FIRST_CHUNK_SLOWDOWN else one.latency
        total += summary.slowdown_total
        count += summary.slowdown_count
    return total / count if count and total > 0 else None


def _moves(made: Round, stage: Autopilot) -> list[Move]:
    return [_move(one, stage) for one in made.graded]


def _move(one: Graded, stage: Autopilot) -> Move:
    """A step with its grade, in the words of the rollout. It belongs to a channel, not to a route."""
    return Move(
        id=f"t{one.started_at:.0f}/{one.channel}/{one.parameter}",
        capability=Capability.TUNING,
        route=RouteName(""),
        channel=one.channel,
        code=ReasonCode.TUNED,
        detail=f"{one.parameter}: {one.old.at():.4g} to {one.new.at():.4g}, {one.reason}",
        at=one.started_at,
        due_at=one.at,
        executed=one.executed,
        stage=stage,
        before={},
        after={},
        verdict=Verdict(grade=Grade(one.grade.value), at=one.at, came=None, detail=one.detail),
    )
