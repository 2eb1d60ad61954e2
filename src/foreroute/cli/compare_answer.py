"""A comparison of policies in numbers: what `--json` gives, and what the table and the page are made of."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from foreroute.app.policies import FOREROUTE, WITHOUT_FORECASTS
from foreroute.simulate.compare import Contest, Entrant
from foreroute.simulate.compare_statistics import Estimate
from foreroute.simulate.compare_table import ORACLE, ByPolicy, Difference, cells, differences

Row = dict[str, Any]


def answer_of(
    found: Mapping[str, ByPolicy],
    contests: Sequence[Contest],
    entrants: Sequence[Entrant],
    *,
    seeds: int,
    left_out: Sequence[str],
) -> Row:
    """`left_out`: a sentence for every policy that could not be played."""
    about = {ORACLE: "the least loss that each request could have had"} | {
        one.name: one.about for one in entrants
    }
    names = [one.name for one in entrants if one.name != FOREROUTE]
    return {
        "seeds": seeds,
        "policies": about,
        "left_out": list(left_out),
        "scenarios": [
            {
                "scenario": contest.name,
                "about": contest.about,
                "figures": _figures(contest.name, found[contest.name]),
                "forecasts": _pairs(contest.name, found[contest.name], WITHOUT_FORECASTS),
                "others": {
                    name: _pairs(contest.name, found[contest.name], name)
                    for name in names
                    if name != WITHOUT_FORECASTS and FOREROUTE in found[contest.name]
                },
            }
            for contest in contests
        ],
    }


def _figures(scenario: str, found: ByPolicy) -> Row:
    """Policy → figure → mean, interval and regret."""
    rows: Row = {name: {} for name in found}
    for cell in cells(scenario, found):
        rows[cell.policy][cell.figure] = {**_estimate(cell.value), "regret": _estimate(cell.regret)}
    return rows


def _pairs(scenario: str, found: ByPolicy, other: str) -> Row:
    """Foreroute against another one: figure → difference (below 0 Foreroute is better), interval and verdict."""
    return {one.figure: _difference(one) for one in differences(scenario, found, FOREROUTE, other)}


def _difference(one: Difference) -> Row:
    return {**_estimate(one.difference), "verdict": one.verdict.value, "seeds": one.seeds}


def _estimate(one: Estimate) -> Row:
    return {"mean": one.mean, "lower": _known(one.lower), "upper": _known(one.upper)}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
