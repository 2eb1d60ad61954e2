"""Too much for one region: whose requests go elsewhere, so that all together lose least by it. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.ids import RegionId

_EPSILON: Final = 1e-9
_LITTLE: Final = 1e-6
"""Requests a minute that are not worth moving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where users come in."""

    region: RegionId
    demand_per_minute: float
    """Requests expected, ≥ 0."""
    delay_s: Mapping[RegionId, float]
    """To each region: round trip and how long that region is expected to take longer than usual. Regions that are not
    named are never used from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """Requests that go farther than they would like."""

    site: RegionId
    source: RegionId
    target: RegionId
    per_minute: float
    extra_s: float
    """What each loses by it."""


Flows = dict[RegionId, dict[RegionId, float]]
"""Site → region → requests a minute."""


def relieved(
    sites: Sequence[Site],
    flows: Flows,
    rooms: Mapping[RegionId, float | None],
    serving: Collection[RegionId],
) -> tuple[list[Spill], float]:
    """Moves what is too much to where there is room, the least loss first; changes `flows`. The moves, and what is left over.

    `rooms`: requests a minute that each region can take, None without a bound; `serving`: regions that can take any. By successive shortest paths, as for a flow of least cost: to make room in a full region that is nearer, its own users
    may be moved on. From an assignment to the nearest this ends at the best one there is.
    """
    spills: dict[tuple[RegionId, RegionId, RegionId], Spill] = {}
    while path := _cheapest_path(sites, flows, rooms, serving):
        loads = _loads(flows)
        amount = min(
            _excess(loads, rooms, path[0].source),
            -_excess(loads, rooms, path[-1].target),
            *(flows[step.site][step.source] for step in path),
        )
        for step in path:
            _move(flows[step.site], step, amount)
            key = (step.site, step.source, step.target)
            before = spills[key].per_minute if key in spills else 0.0
            spills[key] = replace(step, per_minute=before + amount)
    loads = _loads(flows)
    overflow = sum(
        max(0.0, load - room) for region, load in loads.items() if (room := rooms[region]) is not None
    )
    return list(spills.values()), overflow if overflow > _LITTLE else 0.0


def _move(mine: dict[RegionId, float], step: Spill, amount: float) -> None:
    mine[step.source] -= amount
    mine[step.target] = mine.get(step.target, 0.0) + amount
    if mine[step.source] <= _EPSILON * 1e-3:
        del mine[step.source]


def _cheapest_path(
    sites: Sequence[Site],
    flows: Flows,
    rooms: Mapping[RegionId, float | None],
    serving: Collection[RegionId],
) -> list[Spill]:
    """Moves that take load off a region that has too much, the last one to a region with room (Bellman and Ford)."""
    steps = _steps(sites, flows, serving)
    for least in (-math.inf, 0.0):  # where going round in circles would pay, no way back is worth anything
        found = _cheapest(steps, flows, rooms, least)
        if found is not None:
            return found
    return []


def _cheapest(
    steps: Sequence[Spill], flows: Flows, rooms: Mapping[RegionId, float | None], least: float
) -> list[Spill] | None:
    """None: there is a circle of moves of which each round is a gain."""
    loads = _loads(flows)
    cost = {region: 0.0 for region in loads if _excess(loads, rooms, region) > _LITTLE}
    came: dict[RegionId, Spill] = {}
    starts = set(cost)
    for _ in range(len(rooms) + 1):
        changed = False
        for step in steps:
            known = cost.get(step.source, math.inf) + max(step.extra_s, least)
            if step.target not in starts and known < cost.get(step.target, math.inf) - _EPSILON:
                cost[step.target], came[step.target], changed = known, step, True
        if not changed:
            break
    else:
        return None
    ends = [region for region in came if -_excess(loads, rooms, region) > _LITTLE]
    return _path_to(min(ends, key=lambda region: (cost[region], region)), came) if ends else []


def _steps(sites: Sequence[Site], flows: Flows, serving: Collection[RegionId]) -> list[Spill]:
    """From each region to each other the site that loses least by going there."""
    found: dict[tuple[RegionId, RegionId], Spill] = {}
    for site in sites:
        for source, flow in flows[site.region].items():
            for target, delay_s in site.delay_s.items():
                if flow <= _LITTLE or target == source or target not in serving:
                    continue
                extra_s = delay_s - site.delay_s[source]
                known = found.get((source, target))
                if known is None or extra_s < known.extra_s:
                    found[source, target] = Spill(
                        site=site.region, source=source, target=target, per_minute=0.0, extra_s=extra_s
                    )
    return list(found.values())


def _path_to(end: RegionId, came: Mapping[RegionId, Spill]) -> list[Spill]:
    path: list[Spill] = []
    at = end
    while at in came:
        path.append(came[at])
        at = came[at].source
    return path[::-1]


def _excess(
    loads: Mapping[RegionId, float], rooms: Mapping[RegionId, float | None], region: RegionId
) -> float:
    """Load above the room there is; below zero, the room that is left."""
    room = rooms[region]
    return float("-inf") if room is None else loads.get(region, 0.0) - room


def _loads(flows: Flows) -> dict[RegionId, float]:
    loads: dict[RegionId, float] = {}
    for mine in flows.values():
        for region, flow in mine.items():
            loads[region] = loads.get(region, 0.0) + flow
    return loads
