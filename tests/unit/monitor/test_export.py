import math
from dataclasses import replace

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client import Gauge as PrometheusGauge
from prometheus_client.parser import text_string_to_metric_families

from foreroute.core.attempt import Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.monitor.export import _BUCKETS, AttemptCounters, Gauge
from foreroute.testing.check_store import an_attempt

LABELS = {"channel", "route", "outcome", "failure_class", "type", "le"}


def test_what_was_counted_is_exposed() -> None:
    counters = AttemptCounters([Gauge("foreroute_plan_version", "The plan.", (), lambda: [((), 7.0)])])
    counters.record(an_attempt())
    counters.record(an_attempt())
    failed = replace(an_attempt(), outcome=Outcome.TIMEOUT, failure_class=FailureClass.TIMEOUT_READ)
    counters.record(replace(failed, time_to_first_chunk_s=None, duration_s=60.0))
    samples = samples_of(counters.render())
    base = (("channel", "a"), ("outcome", "success"), ("route", "chat"))
    assert samples["foreroute_attempts_total", *base] == 2
    assert samples["foreroute_failures_total", ("channel", "a"), ("failure_class", "timeout_read")] == 1
    assert samples["foreroute_tokens_total", ("channel", "a"), ("type", "output")] == 90
    assert samples["foreroute_attempt_duration_seconds_count", ("channel", "a"), ("route", "chat")] == 3
    assert samples["foreroute_attempt_duration_seconds_sum", ("channel", "a"), ("route", "chat")] == 62.5
    long = (("channel", "a"), ("le", "1.6"), ("route", "chat"))
    assert samples["foreroute_attempt_duration_seconds_bucket", *long] == 2
    assert samples["foreroute_time_to_first_chunk_seconds_count", ("channel", "a"), ("route", "chat")] == 2
    assert samples[("foreroute_plan_version",)] == 7


def test_names_help_and_labels_follow_the_rules() -> None:
    counters = AttemptCounters()
    counters.record(an_attempt())
    families = list(text_string_to_metric_families(counters.render().decode()))
    assert len(families) == 5
    for family in families:
        assert family.name.startswith("foreroute_")
        assert family.documentation
        assert family.samples or family.name == "foreroute_failures"
        assert {label for sample in family.samples for label in sample.labels} <= LABELS


STRANGE = ["a b", 'quo"ted', "back\\slash", "new\nline", "ü 東京", "", "{},=", "\\n"]


def test_what_is_written_is_what_the_reference_library_writes() -> None:
    """Same families, names, labels and values, whatever the labels hold."""
    values = [0.0, 1.0, -2.5, 1e-9, 1e21, math.inf, -math.inf]
    gauge = Gauge(
        "foreroute_strange",
        "A \\ and\na line.",
        ("one", "other"),
        lambda: [
            ((a, b), v) for a, b, v in zip(STRANGE, STRANGE[1:] + STRANGE[:1], values * 2, strict=False)
        ],
    )
    registry = CollectorRegistry()
    theirs = PrometheusGauge(gauge.name, gauge.help, gauge.labels, registry=registry)
    for labels, value in gauge.read():
        theirs.labels(*labels).set(value)
    histogram = Histogram(
        "foreroute_attempt_duration_seconds", "h", ("channel", "route"), registry=registry, buckets=_BUCKETS
    )
    counters = AttemptCounters([gauge])
    for name in STRANGE:
        for duration in (0.0, 0.05, 0.050001, 3.0, 1000.0):
            counters.record(replace(an_attempt(channel=ChannelId(name)), duration_s=duration))
            histogram.labels(name, "chat").observe(duration)
    ours, expected = samples_of(counters.render()), samples_of(generate_latest(registry))
    created = {key for key in expected if str(key[0]).endswith("_created")}
    assert {key: ours.get(key) for key in expected if key not in created} == {
        key: value for key, value in expected.items() if key not in created
    }


def test_a_gauge_that_is_not_a_number_is_written_as_such() -> None:
    counters = AttemptCounters([Gauge("foreroute_nothing", "Nothing.", (), lambda: [((), math.nan)])])
    assert b"\nforeroute_nothing NaN\n" in counters.render()


def samples_of(text: bytes) -> dict[tuple[object, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
