"""One month on virtual time: what `next_pace` and `decide` say is what serves the next minute. Nothing in here decides.

The forecast that the pace is given is not the truth: it is the mean shape of hours and weekdays, without growth or jump.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Final

from foreroute.core.decision import Autopilot
from foreroute.core.findings import BudgetPace, BudgetStatus
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.cost.pace import PaceSeen, PaceState, next_pace
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import ChannelState, Snapshot

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
DAYS: Final = 30
CHAT: Final = RouteName("chat")
RAILS: Final = Guardrails()
_SPREAD: Final = 0.5
"""Standard deviation of one request's cost, relative to its mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Traffic and prices. Costs are US dollars per request of the mean size."""

    costs: Mapping[str, float] = field(
        default_factory=lambda: {"dear": 0.020, "middle": 0.008, "cheap": 0.002}
    )
    requests_per_minute: float = 20.0
    limit_ratio: float = 0.75
    """The budget, as a part of what the month as it really comes would cost at the configured weights."""
    growth: float = 0.3
    """How much more is asked at the month's end than at its beginning."""
    jump: float = 0.0
    """From the tenth day on, so much more at once."""


@dataclass(slots=True)
class Course:
    """How a month went; lists are day by day."""

    spent_usd: float = 0.0
    crossed_day: float | None = None
    refused: float = 0.0
    served: float = 0.0
    dear_share: list[float] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    """The shadow price at the day's end."""
    spent_ratio: list[float] = field(default_factory=list)
    step_max: float = 0.0
    """The largest move of any share in one tick."""


def run_month(month: Month, *, paced: bool, seed: int, tick_s: float = 60.0) -> Course:
    """Nothing is served above the limit: requests that come then are counted as refused."""
    house = _House(month, seed, tick_s)
    for tick in range(round(DAYS * DAY_S / tick_s)):
        house.serve(tick * tick_s)
        if paced:
            house.steer((tick + 1) * tick_s)
        if (tick + 1) * tick_s % DAY_S == 0:
            house.note()
    return house.course


class _House:
    def __init__(self, month: Month, seed: int, tick_s: float) -> None:
        self.course = Course()
        self._month, self._tick_s, self._chance = month, tick_s, random.Random(seed)
        self._cost = {ChannelId(name): usd for name, usd in month.costs.items()}
        weight = 1.0 / len(self._cost)
        targets = tuple(Target(channel=name, weight=weight) for name in self._cost)
        self._configured = Route(name=CHAT, targets=targets)
        self._plan = RoutingPlan(version=0, made_at=0.0, valid_until=0.0, routes={CHAT: self._configured})
        self._usual = sum(self._cost.values()) * weight
        ticks = [tick * tick_s for tick in range(round(DAYS * DAY_S / tick_s))]
        usd = tick_s / 60.0 * self._usual
        self._limit = month.limit_ratio * usd * sum(_demand(month, at) for at in ticks)
        known = Month(requests_per_minute=month.requests_per_minute, growth=0.0)
        self._path = [0.0, *accumulate(usd * _demand(known, at) for at in ticks)]
        self._state: PaceState | None = None
        self._day: dict[ChannelId, float] = dict.fromkeys(self._cost, 0.0)

    def serve(self, at: float) -> None:
        course, chance = self.course, self._chance
        expected = _demand(self._month, at) * self._tick_s / 60.0
        for name, share in self._shares().items():
            mean = expected * share
            many = max(0.0, round(chance.gauss(mean, math.sqrt(mean)))) if mean > 0 else 0.0
            usd = many * self._cost[name] * max(0.0, chance.gauss(1.0, _SPREAD / math.sqrt(max(many, 1.0))))
            part = min(1.0, (self._limit - course.spent_usd) / usd) if usd > 0 else 1.0
            if part < 1.0 and course.crossed_day is None:
                course.crossed_day = at / DAY_S
            course.spent_usd += part * usd
            course.served += part * many
            course.refused += (1.0 - part) * many
            self._day[name] += part * many

    def steer(self, now: float) -> None:
        """One tick of the loop: the pace, and the decision that it leads to."""
        before, tick = self._shares(), round(now / self._tick_s)
        mean = sum(share * self._cost[name] for name, share in before.items())
        seen = PaceSeen(
            at=now,
            start_at=0.0,
            end_at=DAYS * DAY_S,
            limit_usd=self._limit,
            spent_usd=self.course.spent_usd,
            expected_usd=self._path[tick] - self._path[tick - 1],
            rest_usd=self._path[-1] - self._path[tick],
            free_ratio=self._usual / mean,
        )
        self._state = next_pace(self._state, seen)
        self._plan = decide(self._snapshot(now), RAILS).plan
        after = self._shares()
        self.course.step_max = max(
            self.course.step_max, *(abs(after[name] - before[name]) for name in before)
        )

    def note(self) -> None:
        course, total = self.course, sum(self._day.values())
        dearest = max(self._cost, key=lambda name: self._cost[name])
        course.dear_share.append(self._day[dearest] / total if total else 0.0)
        course.price.append(0.0 if self._state is None else self._state.price)
        course.spent_ratio.append(course.spent_usd / self._limit)
        self._day = dict.fromkeys(self._day, 0.0)

    def _shares(self) -> dict[ChannelId, float]:
        return {target.channel: target.weight for target in self._plan.routes[CHAT].targets}

    def _snapshot(self, now: float) -> Snapshot:
        assert self._state is not None
        limit, spent = (Decimal(repr(round(usd, 6))) for usd in (self._limit, self.course.spent_usd))
        pace = BudgetPace(
            budget="monthly",
            price=self._state.price,
            spent_usd=spent,
            limit_usd=limit,
            pace_usd=limit * Decimal(repr(now / (DAYS * DAY_S))),
        )
        status = BudgetStatus(
            name="monthly",
            period_start_at=0.0,
            period_end_at=DAYS * DAY_S,
            limit_usd=limit,
            spent_usd=spent,
            projected_usd=limit,
            projected_lower_usd=limit,
            projected_upper_usd=limit,
            steers=False,
            pace=pace,
        )
        return Snapshot(
            at=now,
            decision_id=DecisionId("d"),
            autopilot=Autopilot.ACT,
            kill_switch=False,
            configured={CHAT: self._configured},
            current=self._plan,
            objectives={},
            channels={
                name: ChannelState(usd_per_request=Decimal(repr(usd))) for name, usd in self._cost.items()
            },
            budgets=(status,),
        )


def _demand(month: Month, at: float) -> float:
    """Requests a minute: day and night, weekends, growth, and the jump."""
    hour, day = at % DAY_S / HOUR_S, at / DAY_S
    daily = 1.0 + 0.7 * math.sin((hour - 9.0) / 24.0 * 2 * math.pi)
    weekly = 0.5 if int(day) % 7 in (5, 6) else 1.0
    grown = 1.0 + month.growth * day / DAYS
    return month.requests_per_minute * daily * weekly * grown * (1.0 + month.jump * (day >= 10))
