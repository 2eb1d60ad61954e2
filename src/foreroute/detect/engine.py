"""The detection stage of the tick: the bank takes every series one window on, other detectors give their opinion."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from foreroute.core.feedback import FACTOR_MIN, AlertFeedback
from foreroute.core.findings import Anomaly, AnomalyKind
from foreroute.core.mute import Mute
from foreroute.core.ports import Detector
from foreroute.core.series import Series
from foreroute.detect.bank import Verdict, Window
from foreroute.detect.columns import Bools
from foreroute.detect.ensemble import Opinion, judge
from foreroute.detect.isolation import IsolationForest
from foreroute.detect.keep import from_bytes, to_bytes
from foreroute.detect.kinds import direction_of, kind_of
from foreroute.detect.rows import Key, Rows
from foreroute.detect.streaming import STREAMING, Streaming
from foreroute.detect.threshold import Threshold

_DAY_S: Final = 86_400.0
_SLACK_S: Final = 1e-6
"""Instants are sums of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    false_alarms_per_day: float = 0.05
    """Wanted for each channel's metric."""
    step_s: float = 60.0
    cautious_thresholds: Mapping[str, float] = field(
        default_factory=lambda: {"zscore": 5.0, "iqr": 2.5, "isolation_forest": 4.0}
    )
    """Detector → the threshold that holds until enough scores are known."""
    cautious_threshold: float = 5.0
    """Of any other detector."""
    warm_windows: int = 360
    """Stored windows that other detectors are played through at the start, at most."""

    @property
    def rate(self) -> float:
        """Wanted share of usual windows that raise an alarm."""
        return self.false_alarms_per_day * self.step_s / _DAY_S


class DetectEngine:
    """Anomalies of the newest window, at most one for each series. Deterministic; not for use from two threads.

    An anomaly's score is how many times the threshold was exceeded; with several detectors it is the mean over them. Its
    threshold is 1, or less where people found such alerts useful: see `AlertFeedback`. What they call noise is found all
    the same, and takes more to become an alert. A window without a value is judged by nobody.
    """

    def __init__(
        self,
        settings: DetectSettings,
        detectors: Sequence[Detector],
        feedback: Callable[[], AlertFeedback] = AlertFeedback,
    ) -> None:
        self._settings = settings
        self._streams = any(isinstance(one, Streaming) for one in detectors)
        self._others = [one for one in detectors if not isinstance(one, Streaming)]
        self._rows = Rows()
        self._thresholds: dict[tuple[Key, str], Threshold] = {}
        self._learnt_until: dict[Key, float] = {}
        self._mutes: tuple[Mute, ...] = ()
        self._feedback = feedback

    def warm(self, series: Sequence[Series]) -> None:
        """Learns from stored history. No alarm is raised for it."""
        if self._streams:
            self._play(series)
        for one in series if self._others else ():
            length = len(one.values)
            for end in range(max(1, length - self._settings.warm_windows), length + 1):
                self._opinions(replace(one, values=one.values[:end]))
        self._grow(series)

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]:
        """Windows that were missed since the last call are caught up on; only the newest is reported."""
        verdict = self._play(series) if self._streams else None
        found = [self._anomaly(one, verdict) for one in series]
        self._grow(series)
        return tuple(anomaly for anomaly in found if anomaly is not None)

    def mute(self, mutes: Sequence[Mute]) -> None:
        """Replaces the intervals in which channels are left alone."""
        self._mutes = tuple(mutes)

    def dump(self) -> bytes:
        """The streaming state. Thresholds of other detectors are not in it: they learn anew from history."""
        return to_bytes(self._rows)

    def load(self, data: bytes) -> None:
        """Raises StoreCorrupt, and changes nothing, when the bytes are not of this version."""
        self._rows = from_bytes(data)

    # The bank --------------------------------------------------------------------------------------------------

    def _play(self, series: Sequence[Series]) -> Verdict | None:
        """Takes every series through the windows it has not seen, all in step. The verdict is on the newest."""
        rows, step_s = self._rows, self._settings.step_s
        rows.take_in((one.channel, one.metric) for one in series)
        end_at = max((one.end_at for one in series), default=0.0)
        pending: dict[int, list[tuple[int, float, float]]] = {}
        for one in series:
            key = (one.channel, one.metric)
            row = rows.index[key]
            behind = (one.end_at - rows.seen_until[row]) / step_s
            new = one.measured if behind > len(one.values) else math.floor(behind + _SLACK_S)
            rows.seen_until[row] = max(one.end_at, rows.seen_until[row])
            known, late = one.counts, round((end_at - one.end_at) / step_s)
            for back in range(min(max(new, 0), len(one.values))):
                count = known[-1 - back] if back < len(known) else math.nan
                pending.setdefault(late + back, []).append((row, one.values[-1 - back], count))
        verdict = None
        for back in sorted(pending, reverse=True):
            verdict = self._step(end_at - (back + 1) * step_s, pending[back])
        return verdict if 0 in pending else None

    def _step(self, at: float, found: Sequence[tuple[int, float, float]]) -> Verdict:
        size = len(self._rows.index)
        values, counts = np.full(size, np.nan), np.full(size, np.nan)
        rows, measured, behind = zip(*found, strict=True)
        values[list(rows)], counts[list(rows)] = measured, behind
        values[~np.isfinite(values)] = np.nan
        window = Window(
            at=at, step_s=self._settings.step_s, values=values, counts=counts, muted=self._muted(at, size)
        )
        return self._rows.bank.step(window, rate=self._settings.rate)

    def _muted(self, at: float, size: int) -> Bools:
        muted = np.zeros(size, dtype=bool)
        holding = [one for one in self._mutes if one.start_at <= at < one.end_at]
        for (channel, _), row in self._rows.index.items() if holding else ():
            muted[row] = any(one.is_about(channel) for one in holding)
        return muted

    # The anomaly -----------------------------------------------------------------------------------------------

    def _anomaly(self, series: Series, verdict: Verdict | None) -> Anomaly | None:
        key, at = (series.channel, series.metric), series.end_at - series.step_s
        if any(one.covers(series.channel, at) for one in self._mutes):
            return None
        opinions = self._opinions(series)
        row = self._rows.index.get(key) if verdict is not None else None
        if verdict is not None and row is not None and np.isfinite(verdict.scores[row]):
            ratio, expected = float(verdict.evidence.ratio[row]), float(verdict.expected[row])
            opinions.insert(0, Opinion(STREAMING, ratio, expected))
        judgement = judge(opinions)
        if judgement is None or judgement.ratio < FACTOR_MIN:
            return None
        value = series.values[-1]
        mine = Anomaly(
            channel=series.channel,
            metric=series.metric,
            at=at,
            value=value,
            expected=judgement.expected,
            score=judgement.ratio,
            threshold=1.0,
            detector=judgement.detector,
            kind=AnomalyKind.SPIKE,
            direction=direction_of(value, judgement.expected),
            since_at=at,
        )
        found = mine if verdict is None or row is None else _explained(mine, verdict, row)
        factor = self._feedback().factor(found.channel, found.metric.value, found.kind.value, series.end_at)
        limit = min(1.0, factor)
        return replace(found, threshold=limit) if found.score >= limit else None

    def _opinions(self, series: Series) -> list[Opinion]:
        """Of the other detectors. Thresholds learn from every window once, and never before it has been judged."""
        if not self._others:
            return []
        key = (series.channel, series.metric)
        is_new = series.end_at > self._learnt_until.get(key, -math.inf)
        if is_new:
            self._learnt_until[key] = series.end_at
        opinions = []
        for detector in self._others:
            score = detector.score(series)
            if score is None:
                continue
            threshold = self._threshold(key, detector.name)
            limit = threshold.value()
            opinions.append(Opinion(detector.name, score.score / limit, score.expected))
            if is_new:
                threshold.learn(score.score, limit)
        return opinions

    def _threshold(self, key: Key, detector: str) -> Threshold:
        if (key, detector) not in self._thresholds:
            default = self._settings.cautious_thresholds.get(detector, self._settings.cautious_threshold)
            self._thresholds[key, detector] = Threshold(default, self._settings.rate)
        return self._thresholds[key, detector]

    def _grow(self, series: Sequence[Series]) -> None:
        """A forest gets one tree a tick, after everything has been judged."""
        for place, one in enumerate(self._others):
            if isinstance(one, IsolationForest):
                self._others[place] = one.grown(series)


def _explained(anomaly: Anomaly, verdict: Verdict, row: int) -> Anomaly:
    since = float(verdict.since[row])
    return replace(
        anomaly,
        kind=kind_of(verdict, row, anomaly.value),
        p_value=float(verdict.p_values[row]),
        since_at=since if math.isfinite(since) else anomaly.at,
    )
