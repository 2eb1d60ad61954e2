"""What is said of single requests when they begin, on requests that are made up."""

import numpy as np
from bench.forecast.requests import rows, said_of
from bench.forecast.work import Request


def requests(count: int = 600) -> list[Request]:
    """One every ten seconds; its latency is its steps' worth of work, with noise, in the order of finishing."""
    rng = np.random.default_rng(5)
    steps = rng.integers(10, 60, count)
    latency = 0.5 * steps * rng.lognormal(0.0, 0.05, count)
    made = [
        Request(
            finished_at=10.0 * number + float(took),
            latency_s=float(took),
            kind="TXT_2_IMG",
            model="m",
            images=1.0,
            steps=float(work),
            prompt=30.0,
            adapters=0.0,
        )
        for number, (took, work) in enumerate(zip(latency, steps, strict=True))
    ]
    return sorted(made, key=lambda one: one.finished_at)


def test_what_a_request_takes_is_said_from_its_work() -> None:
    by_name = {row.id.rsplit(".", 1)[1]: row for row in rows(requests(), booster=False)}
    assert set(by_name) == {"work", "work_slowdown"}
    assert by_name["work"].value < 0.3
    assert by_name["work_slowdown"].holds


def test_a_request_that_is_not_finished_teaches_nothing() -> None:
    whole = requests()
    cut = whole[:400]
    begun = np.array([one.finished_at - one.latency_s for one in cut])
    known = begun < cut[-1].finished_at
    earlier, later = said_of(cut, booster=False), said_of(whole, booster=False)
    for name in ("mean_of_ten", "work", "work_and_state"):
        np.testing.assert_array_equal(getattr(earlier, name)[known], getattr(later, name)[:400][known])


def test_without_requests_there_is_nothing_to_say() -> None:
    assert rows([], booster=True) == []
