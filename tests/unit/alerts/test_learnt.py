from typing import Any

from foreroute.alerts.evidence import Evidence
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.signals import signals_of
from foreroute.alerts.values import Severity, Signal, Source
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import ChannelFact, FailurePattern, Told

AT = 1_772_442_000.0


def signals(**told: Any) -> list[Signal]:
    return signals_of(Evidence(at=AT, tick_s=60.0, told=Told(**told)), AlertSettings())


def test_a_new_kind_of_failure_is_a_signal_of_its_own():
    pattern = FailurePattern(
        id="t-1",
        text="worker <*> gone",
        example="worker <*> gone",
        count=4,
        first_at=AT - 60.0,
        last_at=AT,
        kinds={FailureClass.UNKNOWN: 4},
        channels={ChannelId("b"): 1, ChannelId("a"): 3},
    )
    (signal,) = signals(news=(pattern,))
    assert signal.source is Source.PATTERN
    assert signal.labels["pattern"] == "t-1"
    assert signal.summary == "4 failures of a kind never seen before on a, b: worker <*> gone"
    assert signal.since_at == AT - 60.0


def test_a_certificate_that_has_ended_is_worse_than_one_that_will():
    def fact(expected_at: float) -> ChannelFact:
        return ChannelFact(
            channel=ChannelId("a"), name="certificate", value="x", at=AT, expected_at=expected_at
        )

    soon, over = signals(due=(fact(AT + 86_400.0), fact(AT - 1.0)))
    assert (soon.source, soon.floor) == (Source.EXPIRY, Severity.WARNING)
    assert over.floor is Severity.CRITICAL
    assert soon.labels["channel"] == "a"
