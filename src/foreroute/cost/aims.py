"""The optimum of a programme as decisions aim at it: shares by route, and what it takes to judge others beside them.

A job for a worker process: everything in and out of it can be pickled, and it knows neither time nor store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.optimum import Aim, Aims, Concession, Optimum, Promise, ShadowPrice
from foreroute.cost.linear_highs import optimise
from foreroute.cost.programme import MINUTES_AN_HOUR, Capacity, Choice, Programme, RequestClass

_SAYS: Final = {
    Promise.LATENCY: "{of}: {needed:.1%} of its requests would be slower than the limit, not {bound:.1%}",
    Promise.AVAILABILITY: "{of}: {needed:.2%} of its requests would succeed, not {bound:.2%}",
    Promise.QUALITY: "{of}: its quality floor is {bound:g}, and no channel that it may use has more than {needed:g}",
    Promise.RESIDENCY: "{of}: none of its channels is in a region that it may use",
    Promise.REQUESTS: "{of}: it would have to serve {needed:,.0f} requests a minute, not {bound:,.0f}",
    Promise.TOKENS: "{of}: it would have to serve {needed:,.0f} tokens a minute, not {bound:,.0f}",
    Promise.BUDGET: "the budget would have to be {needed:.4f} US dollars an hour, not {bound:.4f}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AimJob:
    """What is to be solved. `usd_per_hour_left`: what the budgets leave; None: there is none."""

    at: float
    programme: Programme
    usd_per_hour_left: float | None = None


def aims(job: AimJob) -> Aims:
    """Raises MissingExtra without the solver.

    A budget is no bound here: the cheapest shares are the best that can be done for it, also where they do not meet it.
    Where no shares keep every promise, the routes have none, and say what is known of their channels all the same.
    """
    found = optimise(job.programme)
    if not found.feasible:
        why = "; ".join(map(says, found.concessions))
    else:
        why = _over_budget(found, job.usd_per_hour_left)
    return Aims(
        solved_at=job.at,
        feasible=found.feasible,
        routes={
            RouteName(one.name): _aim(one, found, job.programme.capacities) for one in job.programme.classes
        },
        why=why,
    )


def says(one: Concession) -> str:
    return _SAYS[one.promise].format(of=one.of, bound=one.bound, needed=one.needed)


def _aim(one: RequestClass, found: Optimum, capacities: Mapping[str, Capacity]) -> Aim:
    hourly = one.requests_per_minute * MINUTES_AN_HOUR
    shares = found.shares.get(one.name, {})
    return Aim(
        shares={ChannelId(name): share for name, share in shares.items()},
        usd_per_hour={ChannelId(choice.channel): choice.usd * hourly for choice in one.choices},
        late_ratio={ChannelId(choice.channel): choice.late_ratio for choice in one.choices},
        missed_ratio={ChannelId(choice.channel): _missed(choice) for choice in one.choices},
        limit_s=one.limit_s,
        late_max=one.late_max,
        room={
            ChannelId(choice.channel): room
            for choice in one.choices
            if (room := _room(one, capacities.get(choice.channel))) < 1.0
        },
        barred=frozenset(ChannelId(choice.channel) for choice in one.choices if not one.may_use(choice)),
        held_by=_held_by(one.name, shares, found.shadow_prices),
    )


def _missed(choice: Choice) -> float:
    return choice.late_ratio if choice.missed_ratio is None else choice.missed_ratio


def _room(one: RequestClass, capacity: Capacity | None) -> float:
    """The share of this class that a channel could serve, had it nothing else to do."""
    if capacity is None:
        return 1.0
    tokens = one.requests_per_minute * one.tokens_per_request
    parts = [1.0]
    if capacity.requests_per_minute is not None and one.requests_per_minute > 0:
        parts.append(capacity.requests_per_minute / one.requests_per_minute)
    if capacity.tokens_per_minute is not None and tokens > 0:
        parts.append(capacity.tokens_per_minute / tokens)
    return min(parts)


def _held_by(name: str, shares: Mapping[str, float], prices: Sequence[ShadowPrice]) -> str:
    """The bounds that keep this class from being cheaper: its own, and those of the channels that it uses."""
    mine = [one for one in prices if one.of == name or one.of in shares]
    said = [f"{one.promise.value} of {one.of}" for one in sorted(mine, key=lambda one: -one.per_unit)]
    return ", ".join(dict.fromkeys(said))


def _over_budget(found: Optimum, left: float | None) -> str:
    if left is None or found.usd_per_hour <= left:
        return ""
    return (
        f"even the cheapest shares cost ${found.usd_per_hour:.4g} an hour, and the budgets leave ${left:.4g}"
    )
