"""Ratios to a peer at few origins, on answers that are made up."""

import numpy as np
import pytest
from bench.forecast.data import Group
from bench.forecast.refits import BANK, Asked, best_ratio_of, interval, ratio_of, samples

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.backtest_score import Rules


def a_group(*lengths: int) -> Group:
    members = tuple(
        Series(
            channel=ChannelId(f"s{number}"),
            metric=Metric.LATENCY_P95,
            start_at=0.0,
            step_s=60.0,
            values=(1.0,) * length,
        )
        for number, length in enumerate(lengths)
    )
    return Group("group", 60.0, members, Rules())


def asked(ours: float, theirs: list[float]) -> Asked:
    """One horizon, four origins of two series; the second is a thousand times the size of the first."""
    size = np.array([1.0, 1.0, 1000.0, 1000.0])
    wanted = np.broadcast_to((10.0 * size)[:, None, None], (4, 2, 1)).copy()
    said = {
        BANK: wanted + ours * size[:, None, None],
        "peer": wanted - (np.array(theirs) * size)[:, None, None],
    }
    return Asked(a_group(200, 200), (15,), said, wanted, np.array([0, 0, 1, 1]))


SIZES = {
    ("group", ChannelId(f"s{number}"), target, 15): size
    for number, size in enumerate((1.0, 1000.0))
    for target in range(2)
}


def test_errors_count_in_units_of_their_series() -> None:
    found = ratio_of(asked(1.0, [4.0, 4.0, 2.0, 2.0]), "peer", SIZES)
    assert found[0] == pytest.approx(1.0 / 3.0)
    low, high = interval([found[1:]])
    assert 0.25 <= low < 1.0 / 3.0 < high <= 0.5


def test_origins_where_anybody_is_silent_do_not_count() -> None:
    one = asked(1.0, [4.0, 4.0, 2.0, 2.0])
    one.said["peer"][2:] = np.nan
    assert ratio_of(one, "peer", SIZES)[0] == pytest.approx(0.25)
    one.said["peer"][:] = np.nan
    assert np.isnan(ratio_of(one, "peer", SIZES)).all()


def test_in_hindsight_the_best_of_the_peers_is_chosen() -> None:
    one = asked(1.0, [4.0, 4.0, 2.0, 2.0])
    answers = one.said["peer"]
    both = {"AutoETS": answers, "MSTL": one.wanted + (answers - one.wanted) / 2.0}
    beside = Asked(one.group, one.horizons, {BANK: one.said[BANK], **both}, one.wanted, one.lines)
    assert best_ratio_of(beside, SIZES) == pytest.approx(2.0 / 3.0)
    assert np.isnan(best_ratio_of(one, SIZES))


def test_origins_lie_in_the_scored_part_and_have_an_outcome() -> None:
    found = samples(a_group(100, 200, 300), series=2, origins=3, horizon=10)
    assert [(one.column, one.origins) for one in found] == [(0, (35, 62, 90)), (2, (105, 198, 290))]
