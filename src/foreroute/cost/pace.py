"""The shadow price of a budget: how much a dollar must count for so that the budget lasts until its period's end. Pure.

Spending the least value of requests under `Σ spend ≤ limit` has the Lagrangian `Σ value - price · (Σ spend - limit)`.
The dual is solved as the period goes by (online dual descent: Balseiro, Lu and Mirrokni, 2020; it is what paces
advertising budgets): the price rises by the relative amount by which the rest of the period would overrun at today's
behaviour, and falls when it would leave something over. Complementary slackness: while even spending without any pace
fits, it falls to zero as fast as it may, and stays there.

The rest is not a straight line. A forecast gives the shape of what is to come, and spending of late against what
the same forecast said of late gives its level, so that a quiet night is not taken for thrift.
"""

import math
from dataclasses import dataclass
from typing import Final

_EPSILON: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceRules:
    """How fast the price moves."""

    price_max: float = 20.0
    """The dearest channel is as good as left out long before."""
    turn_ratio: float = 1 / 60
    """A rest that overruns twofold raises the price by 1 in this part of the period: 12 hours of a month."""
    level_ratio: float = 1 / 120
    """Over this part of the period spending of late is averaged: 6 hours of a month."""
    remember_s_min: float = 120.0
    slack_ratio: float = 0.05
    """So much must be left over without any pacing before the price is on its way to zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceState:
    """What is known from tick to tick, of one budget in one period."""

    start_at: float
    at: float
    price: float = 0.0
    """0: spend as you like. Dimensionless: see `decide.pace`."""
    spent_usd: float = 0.0
    """At `at`, in all."""
    recent_usd: float = 0.0
    """Exponentially forgotten spend, and beside it what the forecast said of the same time."""
    recent_expected_usd: float = 0.0

    @property
    def level(self) -> float:
        """Spending of late over what was expected of it; 1 while nothing is known."""
        return self.recent_usd / self.recent_expected_usd if self.recent_expected_usd > _EPSILON else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceSeen:
    """One look at a budget. Money is in US dollars."""

    at: float
    start_at: float
    end_at: float
    limit_usd: float
    spent_usd: float
    """Since the period began."""
    expected_usd: float
    """What the forecast said of the time since the last look."""
    rest_usd: float
    """What it says of the time until the period's end."""
    free_ratio: float = 1.0
    """What the same requests would cost without any pacing, over what they cost of late; ≥ 1 while pacing bites."""


def next_pace(state: PaceState | None, seen: PaceSeen, rules: PaceRules | None = None) -> PaceState:
    """The state after a look: the price is from 0 to `price_max`, and more spend never makes it lower.

    A new period begins without a price; one that comes for the first time, or from before a pause, without a past.
    """
    chosen = rules or PaceRules()
    if state is None or state.start_at != seen.start_at or seen.at < state.at:
        state = PaceState(start_at=seen.start_at, at=seen.at, spent_usd=seen.spent_usd)
    period_s, passed_s = seen.end_at - seen.start_at, seen.at - state.at
    kept = math.exp(-passed_s / max(chosen.remember_s_min, chosen.level_ratio * period_s))
    now = PaceState(
        start_at=seen.start_at,
        at=seen.at,
        price=state.price,
        spent_usd=seen.spent_usd,
        recent_usd=kept * state.recent_usd + max(0.0, seen.spent_usd - state.spent_usd),
        recent_expected_usd=kept * state.recent_expected_usd + max(0.0, seen.expected_usd),
    )
    turn_s = max(chosen.remember_s_min, chosen.turn_ratio * period_s)
    return _priced(now, _price(now, seen, passed_s / turn_s, chosen))


def rest_usd(state: PaceState, seen: PaceSeen) -> float:
    """What the rest of the period would cost if spending went on as of late."""
    return state.level * max(0.0, seen.rest_usd)


def _price(now: PaceState, seen: PaceSeen, turns: float, rules: PaceRules) -> float:
    """A step of the dual; of at most one turn in either direction, so that shares move a little at a time."""
    step = _overrun(now, seen, rules) * min(1.0, turns)
    return min(rules.price_max, max(0.0, now.price + step))


def _overrun(now: PaceState, seen: PaceSeen, rules: PaceRules) -> float:
    """By how much the rest is too dear, from -1 to 1, relative to what is left for it."""
    room, rest = seen.limit_usd - seen.spent_usd, rest_usd(now, seen)
    if room <= 0.0:
        return 1.0
    if rest * max(1.0, seen.free_ratio) <= room * (1.0 - rules.slack_ratio):
        return -1.0
    return min(1.0, max(-1.0, rest / room - 1.0))


def _priced(state: PaceState, price: float) -> PaceState:
    return PaceState(
        start_at=state.start_at,
        at=state.at,
        price=price,
        spent_usd=state.spent_usd,
        recent_usd=state.recent_usd,
        recent_expected_usd=state.recent_expected_usd,
    )
