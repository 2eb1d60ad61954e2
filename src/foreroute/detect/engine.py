"""The detection stage of the tick: every detector scores the newest window, calibrated scores are combined."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.core.findings import Anomaly, AnomalyKind
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Detector
from foreroute.core.series import Metric, Series
from foreroute.detect.ensemble import Opinion, judge
from foreroute.detect.threshold import Threshold

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    false_alarms_per_day: float = 1.0
    """Wanted for each channel's metric."""
    step_s: float = 60.0
    cautious_thresholds: Mapping[str, float] = field(default_factory=lambda: {"zscore": 5.0, "iqr": 2.5})
    """Detector → the threshold that holds until enough scores are known."""
    cautious_threshold: float = 5.0
    """Of any other detector."""
    warm_windows: int = 360
    """Stored windows that are played through at the start, at most."""


class DetectEngine:
    """Anomalies of the newest window, at most one for each series.

    An anomaly's score is the mean of score / threshold over the detectors, its threshold 1. A window without a value
    is judged by nobody. Deterministic; not for use from two threads.
    """

    def __init__(self, settings: DetectSettings, detectors: Sequence[Detector]) -> None:
        self._settings = settings
        self._rate = settings.false_alarms_per_day * settings.step_s / _DAY_S
        self._detectors = tuple(detectors)
        self._thresholds: dict[tuple[ChannelId, Metric, str], Threshold] = {}
        self._learnt_until: dict[tuple[ChannelId, Metric], float] = {}

    def warm(self, series: Sequence[Series]) -> None:
        """Learns thresholds from stored history."""
        for one in series:
            length = len(one.values)
            for end in range(max(1, length - self._settings.warm_windows), length + 1):
                self._opinions(replace(one, values=one.values[:end]))

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]:
        found = [self._anomaly(one) for one in series]
        return tuple(anomaly for anomaly in found if anomaly is not None)

    def _anomaly(self, series: Series) -> Anomaly | None:
        judgement = judge(self._opinions(series))
        if judgement is None or judgement.ratio < 1.0:
            return None
        value = series.values[-1]
        return Anomaly(
            channel=series.channel,
            metric=series.metric,
            at=series.end_at - series.step_s,
            value=value,
            expected=judgement.expected,
            score=judgement.ratio,
            threshold=1.0,
            detector=judgement.detector,
            kind=AnomalyKind.HIGH if value >= judgement.expected else AnomalyKind.LOW,
        )

    def _opinions(self, series: Series) -> list[Opinion]:
        """The thresholds learn from every window once, and never before it has been judged."""
        key = (series.channel, series.metric)
        is_new = series.end_at > self._learnt_until.get(key, -math.inf)
        if is_new:
            self._learnt_until[key] = series.end_at
        opinions = []
        for detector in self._detectors:
            score = detector.score(series)
            if score is None:
                continue
            threshold = self._threshold(series, detector.name)
            limit = threshold.value()
            opinions.append(Opinion(detector.name, score.score / limit, score.expected))
            if is_new:
                threshold.learn(score.score, limit)
        return opinions

    def _threshold(self, series: Series, detector: str) -> Threshold:
        key = (series.channel, series.metric, detector)
        if key not in self._thresholds:
            default = self._settings.cautious_thresholds.get(detector, self._settings.cautious_threshold)
            self._thresholds[key] = Threshold(default, self._rate)
        return self._thresholds[key]
