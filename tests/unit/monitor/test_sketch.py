import random

import pytest

from foreroute.monitor import sketch
from foreroute.monitor.fold import quantile


@pytest.mark.parametrize("many", [1, 2, 3, 7, 40, 5000])
def test_quantiles_are_within_one_percent_of_the_exact_ones(many: int) -> None:
    rng = random.Random(5)
    values = sorted(rng.lognormvariate(0.0, 1.0) for _ in range(many))
    ranks = [0.0, 0.5, 0.95, 0.99, 1.0]
    for rank, value in zip(ranks, sketch.quantiles(sketch.encode(values), ranks), strict=True):
        assert value == pytest.approx(quantile(values, rank), rel=0.010001)


def test_tiny_huge_and_zero_values_have_a_bin() -> None:
    values = [0.0, 1e-12, 1e-6, 1.0, 1e6]
    got = sketch.quantiles(sketch.encode(values), [0.5, 1.0])
    assert got == [pytest.approx(1e-6, rel=0.0101), pytest.approx(1e6, rel=0.0101)]


def test_bytes_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="format 120"):
        sketch.merge([b"x\x9c"])


def test_merging_equals_sketching_everything() -> None:
    rng = random.Random(6)
    parts = [[rng.expovariate(1.0) for _ in range(n)] for n in (1, 50, 0, 400)]
    assert sketch.merge(sketch.encode(p) for p in parts) == sketch.encode([v for p in parts for v in p])


def test_nothing_is_nothing() -> None:
    assert sketch.encode([]) == b""
    assert sketch.quantiles(b"", [0.5]) == [None]
    assert sketch.merge([b"", b""]) == b""


def test_it_is_small() -> None:
    rng = random.Random(7)
    assert len(sketch.encode([rng.lognormvariate(-1.0, 0.4) for _ in range(1000)])) < 300
    assert len(sketch.encode([rng.lognormvariate(-1.0, 0.4) for _ in range(20)])) < 50
