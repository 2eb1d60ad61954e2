"""Prometheus exposition from counters of our own: an attempt costs a few dictionary increments, not label look-ups.

Labels are bounded: channel, route, outcome, failure class, token type. Never a request, a key, a user or a text.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from foreroute.core.attempt import Attempt

_BUCKETS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge that the composition root feeds: its values by label values, read when `/metrics` is asked."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[Sequence[str], float]]]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    total: float = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(_BUCKETS, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        running, found = 0, []
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            running += count
            found.append((bound, float(running)))
        return found


class AttemptCounters(Collector):
    """An attempt sink that counts. Written by the gateway's thread alone; read by whoever asks for the metrics."""

    def __init__(self, gauges: Sequence[Gauge] = ()) -> None:
        self._gauges = tuple(gauges)
        self._attempts: dict[tuple[str, str, str], int] = defaultdict(int)
        self._failures: dict[tuple[str, str], int] = defaultdict(int)
        self._tokens: dict[tuple[str, str], int] = defaultdict(int)
        self._durations: dict[tuple[str, str], _Histogram] = defaultdict(_Histogram)
        self._first_chunks: dict[tuple[str, str], _Histogram] = defaultdict(_Histogram)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def record(self, attempt: Attempt) -> None:
        channel, route = attempt.channel, attempt.route
        self._attempts[channel, route, attempt.outcome.value] += 1
        self._durations[channel, route].observe(attempt.duration_s)
        if attempt.time_to_first_chunk_s is not None:
            self._first_chunks[channel, route].observe(attempt.time_to_first_chunk_s)
        if attempt.failure_class is not None:
            self._failures[channel, attempt.failure_class.value] += 1
        usage = attempt.usage
        self._tokens[channel, "input"] += usage.input_tokens
        self._tokens[channel, "cached_input"] += usage.cached_input_tokens
        self._tokens[channel, "cache_write"] += usage.cache_write_tokens
        self._tokens[channel, "output"] += usage.output_tokens

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        yield _counter(
            "foreroute_attempts",
            "Tries on a channel by outcome.",
            ("channel", "route", "outcome"),
            self._attempts,
        )
        yield _counter(
            "foreroute_failures",
            "Tries that did not succeed, by cause; throttled and ignored ones too.",
            ("channel", "failure_class"),
            self._failures,
        )
        yield _counter("foreroute_tokens", "Tokens by type.", ("channel", "type"), self._tokens)
        yield _histogram(
            "foreroute_attempt_duration_seconds", "Time from the start of a try to its end.", self._durations
        )
        yield _histogram(
            "foreroute_time_to_first_chunk_seconds", "Time to the first byte of the body.", self._first_chunks
        )
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.read():
                family.add_metric(list(labels), value)
            yield family


def _counter(
    name: str,
    text: str,
    labels: tuple[str, ...],
    counts: "dict[tuple[str, str], int] | dict[tuple[str, str, str], int]",
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in list(counts.items()):
        family.add_metric(list(key), count)
    return family


def _histogram(name: str, text: str, histograms: dict[tuple[str, str], _Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=("channel", "route"))
    for key, histogram in list(histograms.items()):
        family.add_metric(list(key), buckets=histogram.buckets(), sum_value=histogram.total)
    return family
