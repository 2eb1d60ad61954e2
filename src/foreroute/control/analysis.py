"""What is known at a tick: recent minutes to series, series to forecasts, anomalies, incidents and costs."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from foreroute.control.ahead import Ahead, ahead_of, attempts_of
from foreroute.control.boundary import Boundary
from foreroute.control.explained import explained
from foreroute.control.history import History
from foreroute.control.loop_settings import LoopSettings
from foreroute.control.observe import NOTHING_OBSERVED, Observed, channel_states, observe, observe_all
from foreroute.control.outlooks import outlooks, steering_keys
from foreroute.control.stages import Healed, Key, Stages
from foreroute.core.findings import Anomaly, BudgetStatus, ChannelCost, Findings, Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series
from foreroute.decide.snapshot import ChannelState, Outlook

_DAY_S: Final = 86400.0
_HOUR_S: Final = 3600.0


class Analysis:
    """Keeps the recent minutes, and what they looked like at the newest tick."""

    def __init__(self, settings: LoopSettings, stages: Stages, boundary: Boundary) -> None:
        self._settings, self._stages, self._boundary = settings, stages, boundary
        self._history = History(stages.merge, window_s=settings.tick_s, keep_s=settings.history_s)
        self._foreseen: Sequence[Series] = ()
        self._spending_since: float | None = None
        self.seen: Mapping[ChannelId, Observed] = {}
        """Each channel over the observation window."""
        self.total = NOTHING_OBSERVED
        """All channels together: what users saw."""
        self.shown: Mapping[ChannelId, Series] = {}
        """The series of each channel's objective."""

    def add(self, rollups: Iterable[Rollup]) -> None:
        self._history.add(rollups)

    def forget(self, at: float) -> None:
        self._history.forget(at)

    def rollups(self, at: float) -> list[Rollup]:
        return self._history.rollups(start_at=at - self._settings.history_s, end_at=at)

    async def warm(self, at: float) -> None:
        """Takes up the stored minutes, and lets forecasts and detectors learn from them."""
        start_at = at - self._settings.history_s
        past = await self._boundary.wait(
            "store", self._stages.rollups.read(start_at=start_at, end_at=at), list[Rollup]()
        )
        self.add(past)
        series = [one for one in self._series(at) if not all(map(math.isnan, one.values))]
        guard, stages = self._boundary.guard, self._stages
        guard("forecast", lambda: stages.forecast.warm(series), None)
        guard("detect", lambda: stages.detect.warm(self._watched(series)), None)
        self.look(at, past)

    def look(self, at: float, rollups: Sequence[Rollup]) -> None:
        """Fills in what was seen of late. `rollups` in order of time."""
        window_s, metrics, merge = self._settings.observe_s, self._stages.metrics, self._stages.merge
        recent = rollups[_first(rollups, at - window_s) : _first(rollups, at)]
        self.seen = observe(recent, metrics, merge, window_s=window_s)
        self.total = observe_all(recent, metrics, merge, window_s=window_s)

    async def findings(self, at: float, rollups: Sequence[Rollup]) -> Findings:
        stages, guard = self._stages, self._boundary.guard
        series = self._series(at)
        forecasts: Mapping[Key, Forecast] = guard("forecast", lambda: stages.forecast.update(series), {})
        anomalies: tuple[Anomaly, ...] = guard(
            "detect", lambda: stages.detect.update(self._watched(series)), ()
        )
        anomalies = guard("detect", lambda: explained(anomalies, rollups, stages.merge), anomalies)
        recent = rollups[_first(rollups, at - self._settings.heal_s) :]
        healed = guard("heal", lambda: stages.heal(at, recent), Healed())
        totals = self._history.totals(start_at=at - self._settings.history_s, end_at=at)
        costs: tuple[ChannelCost, ...] = guard(
            "cost", lambda: tuple(stages.cost.channel_costs(at, totals)), ()
        )
        return Findings(
            forecasts=forecasts,
            skills=guard("forecast", lambda: stages.forecast.skills(steering_keys(stages.metrics)), ()),
            anomalies=anomalies,
            incidents=healed.incidents,
            remedies=healed.remedies,
            budgets=await self._boundary.wait("cost", self._budgets(at), ()),
            costs=costs,
            missing=tuple(sorted(self._boundary.errors)),
        )

    def states(self, findings: Findings) -> dict[ChannelId, ChannelState]:
        """What a decision may know of each channel."""
        metrics = self._stages.metrics
        ahead = self._outlooks(findings)
        measured = {name: sum(map(math.isfinite, one.values)) for name, one in self.shown.items()}
        return channel_states(self.seen, metrics, findings, ahead, measured)

    def ahead(self, at: float, findings: Findings, *, span_s: float) -> Ahead:
        """What is to come, beside what was seen over the span."""
        return ahead_of(
            at,
            self._outlooks(findings),
            self.shown,
            attempts_of(self._foreseen, findings.forecasts),
            span_s=span_s,
            horizon_s=self._settings.horizon_s,
        )

    def _outlooks(self, findings: Findings) -> Mapping[ChannelId, Outlook]:
        horizon_s = self._settings.horizon_s
        return outlooks(self._stages.metrics, self._foreseen, findings, horizon_s=horizon_s)

    def _series(self, at: float) -> list[Series]:
        wanted = [(channel, metric) for channel, found in self._stages.foreseen.items() for metric in found]
        found = [self._history.series(channel, metric, end_at=at) for channel, metric in wanted]
        self._foreseen = found
        self.shown = {one.channel: one for one in found if one.metric is self._stages.metrics[one.channel]}
        return found

    def _watched(self, series: Sequence[Series]) -> list[Series]:
        """What is judged as strange or not: what users feel. Amounts move with every share that is moved."""
        metrics = self._stages.metrics
        return [one for one in series if one.metric in (metrics[one.channel], Metric.FAILURE_RATIO)]

    async def _budgets(self, at: float) -> tuple[BudgetStatus, ...]:
        if self._stages.budgets is not None:
            return tuple(await self._stages.budgets.update(at))
        cost, ledger = self._stages.cost, self._stages.ledger
        period = await ledger.spend(start_at=cost.period_start(at), end_at=at)
        day = await ledger.spend(start_at=at - _DAY_S, end_at=at)
        if self._spending_since is None and day:
            self._spending_since = await self._first_spend_at(at)
        # A young service has no whole day behind it: its rate is taken over the time that it has.
        since_at = at if self._spending_since is None else self._spending_since
        return tuple(cost.budgets(at, period, day, min(_DAY_S, at - since_at)))

    async def _first_spend_at(self, at: float) -> float:
        """When spending began, a day ago at the earliest: to the window where minutes are kept, to the hour before that."""
        ledger, kept_at = self._stages.ledger, self._history.earliest(at)
        start_at = at - _DAY_S
        if await ledger.spend(start_at=0.0, end_at=start_at):
            return start_at
        if not await ledger.spend(start_at=start_at, end_at=kept_at):
            return kept_at
        while not await ledger.spend(start_at=start_at, end_at=start_at + _HOUR_S):
            start_at += _HOUR_S
        return start_at


def _first(rollups: Sequence[Rollup], at: float) -> int:
    """Where the first of these begins that starts at an instant or after it; they are in order of time."""
    return bisect_left(rollups, at, key=lambda rollup: rollup.window_start)
