"""Counters of attempts for Prometheus: an attempt costs a few dictionary increments, not label look-ups.

Labels are bounded: channel, route, outcome, failure class, token type. Never a request, a key, a user or a text.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from foreroute.core.attempt import Attempt
from foreroute.monitor.exposition import Sample, braced, family, labels

_BUCKETS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
_BOUNDS: Final = (*map(str, _BUCKETS), "+Inf")


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge that the composition root feeds: its values by label values, read when `/metrics` is asked."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[Sequence[str], float]]]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    total: float = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(_BUCKETS, value)] += 1
        self.total += value

    def samples(self, pairs: str) -> Iterator[Sample]:
        running = list(accumulate(self.counts))
        for bound, count in zip(_BOUNDS, running, strict=True):
            yield f'_bucket{{{pairs},le="{bound}"}}', count
        yield f"_sum{{{pairs}}}", self.total
        yield f"_count{{{pairs}}}", running[-1]


class AttemptCounters:
    """An attempt sink that counts. Written by the gateway's thread alone; read by whoever asks for the metrics."""

    def __init__(self, gauges: Sequence[Gauge] = ()) -> None:
        self._gauges = tuple(gauges)
        self._attempts: dict[tuple[str, ...], int] = defaultdict(int)
        self._failures: dict[tuple[str, ...], int] = defaultdict(int)
        self._tokens: dict[tuple[str, ...], int] = defaultdict(int)
        self._durations: dict[tuple[str, ...], _Histogram] = defaultdict(_Histogram)
        self._first_chunks: dict[tuple[str, ...], _Histogram] = defaultdict(_Histogram)

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
        """The text format of Prometheus, version 0.0.4, UTF-8."""
        return "".join(self._lines()).encode("utf-8", "replace")

    def _lines(self) -> Iterator[str]:
        yield from _counter(
            "foreroute_attempts_total",
            "Tries on a channel by outcome.",
            ("channel", "route", "outcome"),
            self._attempts,
        )
        yield from _counter(
            "foreroute_failures_total",
            "Tries that did not succeed, by cause; throttled and ignored ones too.",
            ("channel", "failure_class"),
            self._failures,
        )
        yield from _counter("foreroute_tokens_total", "Tokens by type.", ("channel", "type"), self._tokens)
        yield from _histogram(
            "foreroute_attempt_duration_seconds", "Time from the start of a try to its end.", self._durations
        )
        yield from _histogram(
            "foreroute_time_to_first_chunk_seconds", "Time to the first byte of the body.", self._first_chunks
        )
        for gauge in self._gauges:
            samples = ((braced(labels(gauge.labels, values)), value) for values, value in gauge.read())
            yield from family(gauge.name, "gauge", gauge.help, samples)


def _counter(
    name: str, text: str, names: tuple[str, ...], counts: dict[tuple[str, ...], int]
) -> Iterator[str]:
    samples = ((braced(labels(names, key)), count) for key, count in list(counts.items()))
    return family(name, "counter", text, samples)


def _histogram(name: str, text: str, histograms: dict[tuple[str, ...], _Histogram]) -> Iterator[str]:
    known = list(histograms.items())
    samples = (sample for key, one in known for sample in one.samples(labels(("channel", "route"), key)))
    return family(name, "histogram", text, samples)
