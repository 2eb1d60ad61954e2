"""Plug-ins at work: who is asked when, what is held, what is due."""

import numpy as np
import pytest
from tests.unit.forecast.pools import Average, Averages, Counting

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.challenge import Challenge, Verdict
from foreroute.forecast.experts import (
    Answers,
    DueFit,
    Experts,
    ExpertSettings,
    FittedSeries,
    SeriesFit,
    run_job,
)
from foreroute.testing.samples import noisy

P95 = Metric.FIRST_CHUNK_P95
START = 60.0 * 1_000_000
SETTINGS = ExpertSettings(horizons=(2, 4), answer_every=5, answers_per_tick=3)


def keys(count: int) -> list[tuple[ChannelId, Metric]]:
    return [(ChannelId(f"c{number}"), P95) for number in range(count)]


def levels(count: int, level: float = 1.0) -> np.ndarray:
    return np.full((count, 20), level) + np.arange(count)[:, None]


def single(count: int, settings: ExpertSettings = SETTINGS, **more) -> tuple[Experts, Counting]:
    forecaster = Counting()
    experts = Experts(settings, [forecaster], **more)
    for key in keys(count):
        experts.adopt(FittedSeries(key, "counting", forecaster))
    return experts, forecaster


def test_answers_are_the_mean_and_the_point_of_each_horizon() -> None:
    experts, _ = single(2)
    found = experts.extra(START, keys(2), levels(2))["counting"]
    assert found.shape == (2, 2, 2)
    np.testing.assert_array_equal(found[:, :, 0], [[1.5, 2.5], [2.0, 4.0]])
    np.testing.assert_array_equal(found[:, :, 1], found[:, :, 0] + 1.0)


def test_who_has_no_model_says_nothing() -> None:
    experts = Experts(SETTINGS, [Counting()], [Averages()])
    found = experts.extra(START, keys(2), levels(2))
    assert set(found) == {"counting", "average"}
    assert all(np.isnan(one).all() for one in found.values())


def test_an_answer_is_held_until_the_series_has_its_turn_again() -> None:
    experts, forecaster = single(1)
    said = [
        experts.extra(START + 60.0 * tick, keys(1), levels(1, tick))["counting"][1, 0, 0]
        for tick in range(11)
    ]
    assert said == [1.0] * 5 + [6.0] * 5 + [11.0]
    assert len(forecaster.asked) == 3


def test_a_tick_asks_about_so_many_series_and_all_get_their_turn() -> None:
    experts, forecaster = single(10, ExpertSettings(horizons=(2, 4), answer_every=1, answers_per_tick=3))
    for tick in range(10):
        before = len(forecaster.asked)
        experts.extra(START + 60.0 * tick, keys(10), levels(10))
        assert len(forecaster.asked) - before == 3
    assert {forecaster.asked.count(f"c{n}") for n in range(10)} <= {2, 3, 4}


def test_an_answer_that_is_too_old_is_let_go() -> None:
    """Its model is gone, so that no newer answer comes."""
    experts = Experts(SETTINGS, pooled=[Averages()])
    experts.adopt_pool("average", P95, Average())
    experts.extra(START, keys(1), levels(1))
    experts.adopt_pool("average", P95, None)
    late = [experts.extra(START + 60.0 * tick, keys(1), levels(1))["average"][0, 0, 0] for tick in (9, 10)]
    assert late[0] == 1.0
    assert np.isnan(late[1])


def test_a_pool_is_asked_about_every_series_at_first_and_then_about_a_few_at_a_time() -> None:
    class Spy(Average):
        def forecast(self, series, *, steps):
            asked.append(len(series))
            return super().forecast(series, steps=steps)

    asked: list[int] = []
    experts = Experts(SETTINGS, pooled=[Averages()])
    experts.adopt_pool("average", P95, Spy())
    for tick in range(26):
        found = experts.extra(START + 60.0 * tick, keys(100), levels(100))["average"]
        assert np.isfinite(found).all()
    assert asked[0] == 100
    assert max(asked[1:]) < 50
    assert sum(asked[6:26]) == 400


def test_series_may_come_and_go() -> None:
    experts, _ = single(3)
    experts.extra(START, keys(3), levels(3))
    other = [keys(3)[2], keys(3)[0]]
    found = experts.extra(START + 60.0, other, levels(2))["counting"]
    np.testing.assert_array_equal(found[1, 0], [4.0, 2.0])
    experts.forget(other)
    assert np.isnan(experts.extra(START + 120.0, other, levels(2))["counting"]).all()


def test_those_apart_are_asked_in_a_worker() -> None:
    experts = Experts(SETTINGS, pooled=[Averages()], apart=["average"])
    experts.adopt_pool("average", P95, Average())
    assert np.isnan(experts.extra(START, keys(2), levels(2))["average"]).all()
    (job,) = experts.due_answers(START, keys(2), levels(2))
    assert experts.due_answers(START, keys(2), levels(2)) == ()
    answers = run_job(job)
    assert isinstance(answers, Answers)
    experts.adopt(answers)
    np.testing.assert_array_equal(
        experts.extra(START + 60.0, keys(2), levels(2))["average"][0, 0], [1.0, 2.0]
    )


def test_an_older_answer_does_not_take_the_place_of_a_newer_one() -> None:
    experts = Experts(SETTINGS, pooled=[Averages()], apart=["average"])
    newer, older = (Answers("average", START + at, {keys(1)[0]: np.full((2, 2), at)}) for at in (60.0, 0.0))
    experts.adopt(newer)
    experts.adopt(older)
    assert experts.extra(START + 60.0, keys(1), levels(1))["average"][0, 0, 0] == 60.0


def test_fits_are_due_by_the_clock_and_earlier_after_a_drift() -> None:
    experts = Experts(SETTINGS, [Counting()], [Averages()])
    both = keys(2)
    due = experts.due_fits(0.0, both)
    assert set(due) == {
        DueFit("counting", P95, ChannelId("c0")),
        DueFit("counting", P95, ChannelId("c1")),
        DueFit("average", P95),
    }
    for one in due:
        experts.fit_asked(one, 0.0)
    assert experts.due_fits(86_399.0, both) == ()
    assert len(experts.due_fits(86_400.0, both)) == 3
    assert experts.due_fits(3599.0, both, drifted=both[:1]) == ()
    assert set(experts.due_fits(3600.0, both, drifted=both[:1])) == {
        DueFit("counting", P95, ChannelId("c0")),
        DueFit("average", P95),
    }


def test_a_result_of_a_plug_in_that_is_gone_is_passed_over() -> None:
    experts = Experts(SETTINGS)
    experts.adopt(FittedSeries(keys(1)[0], "gone", Counting()))
    experts.adopt(Answers("gone", START, {}))
    experts.adopt_pool("gone", P95, Average())
    assert experts.extra(START, keys(1), levels(1)) == {}


def test_the_worker_runs_fits_and_challenges() -> None:
    fitted = run_job(SeriesFit(Counting(), noisy(60)))
    assert isinstance(fitted, FittedSeries)
    assert fitted.key == (ChannelId("sample"), P95)
    verdict = run_job(Challenge(Averages(), (noisy(3000),)))
    assert isinstance(verdict, Verdict)
    assert (verdict.kind, verdict.metric) == ("average", "first_chunk_p95")


@pytest.mark.parametrize("count", [0, 1])
def test_no_series_no_answers(count: int) -> None:
    experts, _ = single(count)
    assert experts.extra(START, [], np.empty((0, 20)))["counting"].shape == (2, 2, 0)
