"""What was said at each origin, kept until its outcome is known; logarithms of ratios to the base, in half precision."""

from typing import Final

import numpy as np

from foreroute.forecast.bank import levels
from foreroute.forecast.bank.columns import Array, Column, Columns
from foreroute.forecast.bank.roster import MOVES, Roster

_DRAWN: Final = 60
"""Steps for which a past forecast can be drawn beside its outcome: logarithms over the series' anchor."""


_REGRESSED: Final = [levels.NAMES.index(name) for name in levels.REGRESSED]


def columns(roster: Roster, horizons: tuple[int, ...]) -> dict[str, Column]:
    """Rings over origins: one of an origin is written over when its outcome has been graded."""
    longest = max(horizons)
    found = {
        "said_base": Column((longest,), fill=np.nan),
        "said_unit": Column((longest,), np.float16, 1.0),
        "said_levels": Column((longest, len(levels.NAMES)), np.float16, np.nan),
        "level_now": Column((), fill=np.nan),
        "now": Column((len(horizons), 2, 5), fill=np.nan),
        "shares": Column((len(horizons), 2, len(roster.names))),
    }
    for at, steps in enumerate(horizons):
        found[f"said_own_{at}"] = Column((steps, 2, roster.own), np.float16, np.nan)
        found[f"said_moves_{at}"] = Column((steps, MOVES), np.float16)
        found[f"said_bounds_{at}"] = Column((steps, 2, 4), np.float16, np.nan)
        found[f"said_mixed_{at}"] = Column((steps, 2), np.float16, np.nan)
        found[f"said_going_{at}"] = Column((steps,), np.float16)
        found[f"past_{at}"] = Column((steps + _DRAWN, 2), np.float16, np.nan)
    return found


def opinions(state: Columns, at: int, origin: int) -> Array:
    """(2, experts, series): logarithms over the base of what everyone said at the origin."""
    shared = state["said_levels"][origin % len(state["said_levels"])].astype(np.float32)
    own = state[f"said_own_{at}"]
    both = np.broadcast_to(shared, (2, *shared.shape))
    return np.concatenate([both, own[origin % len(own)].astype(np.float32)], axis=1)


def moves(state: Columns, at: int, origin: int) -> Array:
    ring = state[f"said_moves_{at}"]
    return np.asarray(ring[origin % len(ring)].astype(np.float32))


def features(levels_said: Array, moves_said: Array, unit: Array) -> Array:
    """(features, series): a constant, the levels that the regression sees and the moves, in units of the series' noise."""
    seen = levels_said[_REGRESSED]
    found = np.concatenate([np.zeros_like(seen[:1]), seen, moves_said])
    found /= unit
    found[0] = 1.0
    return np.where(np.isfinite(found), found, np.float32(0.0))
