"""The detection stage of the tick: every detector scores the newest window, calibrated scores are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

from foreroute.core.findings import Anomaly, AnomalyKind
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Detector
from foreroute.core.series import Metric, Series
from foreroute.detect.threshold import Threshold

_DEFAULT_THRESHOLD = {"zscore": 5.0, "iqr": 2.5}
_OTHERS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    false_alarms_per_day: float = 1.0
    """Wanted for each channel's metric."""
    step_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Opinion:
    detector: str
    ratio: float
    """Score over threshold."""
    expected: float


class DetectEngine:
    """Anomalies of the newest window. The score of an anomaly is the mean of score / threshold over the detectors."""

    def __init__(self, settings: DetectSettings, detectors: Sequence[Detector]) -> None:
        self._rate = settings.false_alarms_per_day * settings.step_s / 86400.0
        self._detectors = tuple(detectors)
        self._thresholds: dict[tuple[ChannelId, Metric, str], Threshold] = {}

    def warm(self, series: Sequence[Series]) -> None:
        """Learns thresholds from stored history."""
        for one in series:
            for end in range(1, len(one.values) + 1):
                self._opinions(_head(one, end))

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]:
        found = [self._judge(one) for one in series]
        return tuple(anomaly for anomaly in found if anomaly is not None)

    def _judge(self, series: Series) -> Anomaly | None:
        opinions = self._opinions(series)
        if not opinions:
            return None
        score = sum(opinion.ratio for opinion in opinions) / len(opinions)
        if score < 1.0:
            return None
        value, expected = series.values[-1], opinions[0].expected
        return Anomaly(
            channel=series.channel,
            metric=series.metric,
            at=series.end_at - series.step_s,
            value=value,
            expected=expected,
            score=score,
            threshold=1.0,
            detector="+".join(opinion.detector for opinion in opinions),
            kind=AnomalyKind.HIGH if value >= expected else AnomalyKind.LOW,
        )

    def _opinions(self, series: Series) -> list[_Opinion]:
        opinions = []
        for detector in self._detectors:
            score = detector.score(series)
            if score is None:
                continue
            threshold = self._threshold(series, detector.name)
            limit = threshold.value()
            opinions.append(_Opinion(detector.name, score.score / limit, score.expected))
            threshold.learn(score.score, limit)
        return opinions

    def _threshold(self, series: Series, detector: str) -> Threshold:
        key = (series.channel, series.metric, detector)
        if key not in self._thresholds:
            self._thresholds[key] = Threshold(_DEFAULT_THRESHOLD.get(detector, _OTHERS), self._rate)
        return self._thresholds[key]


def _head(series: Series, length: int) -> Series:
    return Series(
        channel=series.channel,
        metric=series.metric,
        start_at=series.start_at,
        step_s=series.step_s,
        values=series.values[:length],
    )
