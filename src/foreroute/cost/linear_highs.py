"""The optimum by linear programming: SciPy's HiGHS (extra `cost`). The only module that knows the solver."""

from collections.abc import Sequence
from importlib import util
from typing import Any, Final

import numpy as np

from foreroute.core.errors import MissingExtra
from foreroute.core.optimum import Concession, Optimum, ShadowPrice
from foreroute.cost.linear_rows import Bound, Floats, Table, barred
from foreroute.cost.programme import Programme

_SHARE_MIN: Final = 1e-9
_GIVES_MIN: Final = 1e-7
_OPTIMAL: Final = 0


def optimise(programme: Programme) -> Optimum:
    """The best shares, or what must give. Raises MissingExtra without SciPy."""
    if util.find_spec("scipy") is None:
        raise MissingExtra("scipy", "cost", "the cost optimum")
    if not programme.classes:
        return Optimum(feasible=True)
    if nobody := barred(programme):
        return Optimum(feasible=False, concessions=nobody)
    table = Table(programme)
    bounds, goal = table.bounds(), table.latency if programme.fastest else table.usd
    size = float(np.abs(goal).max()) or 1.0
    scaled = np.array([bound.row / bound.scale for bound in bounds])
    limits = np.array([bound.limit / bound.scale for bound in bounds])
    solved = _solve(goal / size, scaled, limits, table.sums)
    if solved.status != _OPTIMAL:
        return Optimum(feasible=False, concessions=_concessions(bounds, scaled, limits, table.sums))
    return _optimum(table, bounds, solved, size)


def _solve(goal: Floats, above: Floats, limits: Floats, sums: Floats) -> Any:
    from scipy.optimize import linprog  # noqa: PLC0415 - a third of a second, and an extra
    from scipy.sparse import csr_array  # noqa: PLC0415

    return linprog(
        goal,
        A_ub=csr_array(above),
        b_ub=limits,
        A_eq=csr_array(sums),
        b_eq=np.ones(len(sums)),
        bounds=(0, None),
        method="highs",
    )


def _concessions(
    bounds: Sequence[Bound], scaled: Floats, limits: Floats, sums: Floats
) -> tuple[Concession, ...]:
    """The elastic relaxation: every bound may give, and as little as possible does, relative to its size."""
    many, cells = len(bounds), sums.shape[1]
    above = np.hstack([scaled, -np.eye(many)])
    goal = np.concatenate([np.zeros(cells), np.ones(many)])
    solved = _solve(goal, above, limits, np.hstack([sums, np.zeros((len(sums), many))]))
    return tuple(
        Concession(
            bound.promise,
            bound.of,
            bound.shown(bound.limit),
            bound.shown(bound.limit + float(more) * bound.scale),
        )
        for bound, more in zip(bounds, solved.x[cells:], strict=True)
        if more > _GIVES_MIN
    )


def _optimum(table: Table, bounds: Sequence[Bound], solved: Any, size: float) -> Optimum:
    classes = table.programme.classes
    shares: dict[str, dict[str, float]] = {one.name: {} for one in classes}
    for (place, choice), share in zip(table.cells, solved.x, strict=True):
        if share > _SHARE_MIN:
            shares[classes[place].name][choice.channel] = float(share)
    return Optimum(
        feasible=True,
        shares={name: _normalised(found) for name, found in shares.items()},
        usd_per_hour=float(table.usd @ solved.x),
        mean_latency_s=float(table.latency @ solved.x),
        shadow_prices=tuple(
            ShadowPrice(bound.promise, bound.of, bound.shown(bound.limit), -float(one) * size / bound.scale)
            for bound, one in zip(bounds, solved.ineqlin.marginals, strict=True)
            if -one > _SHARE_MIN
        ),
    )


def _normalised(shares: dict[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {name: share / total for name, share in sorted(shares.items())}
