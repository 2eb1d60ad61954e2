import math
from dataclasses import replace

import pytest

from foreroute.core.series import Metric
from foreroute.detect.mix import Cause, Elasticities, Load, elasticities_of, split

BEFORE = Load(input_tokens=800.0, output_tokens=200.0, concurrency=4.0, latency_s=2.0)


def test_the_same_work_that_takes_longer_is_the_channel() -> None:
    found = split(BEFORE, replace(BEFORE, latency_s=4.0))
    assert found.cause is Cause.CHANNEL
    assert found.channel == pytest.approx(math.log(2.0))
    assert found.mix_ratio == 0.0


@pytest.mark.parametrize(
    ("change", "power", "cause"),
    [
        ({"output_tokens": 600.0}, 0.8, Cause.OUTPUT),
        ({"input_tokens": 800.0 * 3**8}, 0.1, Cause.INPUT),
        ({"concurrency": 4.0 * 3**4}, 0.3, Cause.CONCURRENCY),
    ],
)
def test_more_work_that_takes_as_much_longer_as_it_should_is_the_traffic(
    change: dict[str, float], power: float, cause: Cause
) -> None:
    (name, value) = next(iter(change.items()))
    latency_s = 2.0 * (value / getattr(BEFORE, name)) ** power
    found = split(BEFORE, replace(BEFORE, **change, latency_s=latency_s))
    assert found.cause is cause
    assert found.channel == pytest.approx(0.0, abs=1e-9)
    assert found.mix_ratio == pytest.approx(1.0)


def test_the_parts_add_up_to_the_whole() -> None:
    now = Load(input_tokens=1600.0, output_tokens=100.0, concurrency=9.0, latency_s=3.1)
    found = split(BEFORE, now)
    assert found.input_tokens + found.output_tokens + found.concurrency + found.channel == pytest.approx(
        found.total
    )


def test_what_was_not_measured_explains_nothing() -> None:
    now = replace(BEFORE, output_tokens=math.nan, concurrency=0.0, latency_s=4.0)
    assert split(BEFORE, now).cause is Cause.CHANNEL


def test_a_ripple_is_no_change_and_a_shorter_answer_explains_a_faster_one() -> None:
    assert split(BEFORE, replace(BEFORE, latency_s=2.05)).cause is Cause.NONE
    assert split(BEFORE, replace(BEFORE, output_tokens=50.0, latency_s=0.7)).cause is Cause.OUTPUT


def test_answers_do_not_delay_their_first_chunk() -> None:
    found = split(
        BEFORE, replace(BEFORE, output_tokens=900.0, latency_s=4.0), elasticities_of(Metric.FIRST_CHUNK_P95)
    )
    assert found.cause is Cause.CHANNEL
    assert elasticities_of(Metric.LATENCY_P95) == Elasticities()


def test_a_latency_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        split(BEFORE, replace(BEFORE, latency_s=0.0))
