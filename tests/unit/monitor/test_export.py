from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from foreroute.core.attempt import Outcome
from foreroute.core.failure import FailureClass
from foreroute.monitor.export import AttemptCounters, Gauge
from foreroute.testing.check_store import an_attempt

LABELS = {"channel", "route", "outcome", "failure_class", "type", "le"}


def test_what_was_counted_is_exposed() -> None:
    counters = AttemptCounters([Gauge("foreroute_plan_version", "The plan.", (), lambda: [((), 7.0)])])
    counters.record(an_attempt())
    counters.record(an_attempt())
    failed = replace(an_attempt(), outcome=Outcome.TIMEOUT, failure_class=FailureClass.TIMEOUT_READ)
    counters.record(replace(failed, time_to_first_chunk_s=None, duration_s=60.0))
    text = counters.render().decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
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
    assert families
    for family in families:
        assert family.name.startswith("foreroute_")
        assert family.documentation
        assert {label for sample in family.samples for label in sample.labels} <= LABELS
