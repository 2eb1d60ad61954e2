import random

import pytest

from foreroute.monitor import sketch


def test_quantiles_are_within_one_percent() -> None:
    rng = random.Random(5)
    values = sorted(rng.lognormvariate(0.0, 1.0) for _ in range(5000))
    got = sketch.quantiles(sketch.encode(values), [0.5, 0.95, 0.99])
    for rank, value in zip([0.5, 0.95, 0.99], got, strict=True):
        assert value == pytest.approx(values[int(rank * 4999)], rel=0.0101)


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
    assert len(sketch.encode([rng.lognormvariate(-1.0, 0.4) for _ in range(1000)])) < 600
