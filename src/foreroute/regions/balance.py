"""Which region serves whose users, before anything overflows: a waterfall by distance with spillover. Pure.

Each site (where users come in) fills its nearest regions first. What a region lost of its health flows on to the next ones as
in Envoy's priority levels: a level carries its health times an overprovisioning factor, at most all; when the levels together
cannot carry everything they share it in proportion, and a level below the panic threshold then counts all its channels again,
since piling everything on the few healthy ones would fell those too. Then capacity: where the demand that is expected exceeds
what a region can take, the users who lose least by it are moved to where there is room, before anything is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.ids import ChannelId, RegionId
from foreroute.regions.relief import Site, Spill, relieved

_EPSILON: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSettings:
    overprovisioning: float = 1.4
    """A level carries everything until its health is below 1 / this."""
    panic_below: float = 0.5
    """Health of a level below which its channels count again, when all levels together cannot carry the load."""
    use_max: float = 0.8
    """So much of a region's capacity is planned with: the rest is for what nobody foresaw."""
    same_delay_s: float = 0.02
    """Regions whose delays differ by no more than this are one level: shares decide between them, not distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel as the balance sees it."""

    channel: ChannelId
    region: RegionId
    weight: float
    """Its share among equals, ≥ 0."""
    health: float = 1.0
    """How much of its weight it can carry now or soon, 0…1."""
    capacity_per_minute: float | None = None
    """Requests; None: not known, taken as enough."""


__all__ = ["Balance", "BalanceSettings", "Place", "Site", "Spill", "balanced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """`shares` sum to one for each site that has any channel to use."""

    shares: Mapping[RegionId, Mapping[ChannelId, float]]
    spills: tuple[Spill, ...] = ()
    overflow_per_minute: float = 0.0
    """Demand that no region has room for; it stays where it was, and the gateways queue or refuse it."""
    panic: frozenset[RegionId] = frozenset()
    """Sites for which unhealthy channels are used again, since too few are well."""


def balanced(
    sites: Sequence[Site], places: Sequence[Place], settings: BalanceSettings | None = None
) -> Balance:
    """The shares of every site's traffic, by health, distance and room."""
    rules = settings or BalanceSettings()
    by_region: dict[RegionId, list[Place]] = {}
    for place in places:
        by_region.setdefault(place.region, []).append(place)
    parts = {site.region: _levels(site, by_region, rules) for site in sites}
    flows = {
        site.region: {
            region: part * _counted(site) for region, part in parts[site.region].parts.items() if part > 0
        }
        for site in sites
    }
    serving = {
        region for region, found in by_region.items() if any(p.weight > 0 and p.health > 0 for p in found)
    }
    spills, overflow = relieved(sites, flows, _rooms(by_region, rules), serving)
    shares = {
        site.region: _by_channel(flows[site.region], by_region, panic=parts[site.region].panic)
        for site in sites
    }
    return Balance(
        shares=shares,
        spills=tuple(spills),
        overflow_per_minute=overflow,
        panic=frozenset(site for site, found in parts.items() if found.panic),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    parts: Mapping[RegionId, float]
    panic: bool


def _counted(site: Site) -> float:
    """A site without traffic still gets shares, of next to nothing."""
    return max(site.demand_per_minute, _EPSILON)


def _levels(site: Site, by_region: Mapping[RegionId, Sequence[Place]], rules: BalanceSettings) -> _Parts:
    """The part of a site's traffic for each region, by distance and health alone."""
    levels = _by_distance(site, by_region, rules)
    healths = [_health(level, by_region) for level in levels]
    carried = [min(1.0, health * rules.overprovisioning) for health in healths]
    total = sum(carried)
    short = total < 1.0
    panic = short and any(health < rules.panic_below for health in healths)
    if panic:
        carried = [
            1.0 if health < rules.panic_below else part for health, part in zip(healths, carried, strict=True)
        ]
        total = sum(carried)
    left = 1.0
    found: dict[RegionId, float] = {}
    for level, part in zip(levels, carried, strict=True):
        share = part / total if short and total > 0 else min(left, part)
        left -= share
        found |= _within(level, by_region, share, panic=panic)
    return _Parts(found, panic)


def _by_distance(
    site: Site, by_region: Mapping[RegionId, Sequence[Place]], rules: BalanceSettings
) -> list[list[RegionId]]:
    usable = [
        region
        for region in site.delay_s
        if region in by_region and any(place.weight > 0 for place in by_region[region])
    ]
    usable.sort(key=lambda region: (site.delay_s[region], region))
    levels: list[list[RegionId]] = []
    for region in usable:
        if levels and site.delay_s[region] - site.delay_s[levels[-1][0]] <= rules.same_delay_s:
            levels[-1].append(region)
        else:
            levels.append([region])
    return levels


def _health(level: Sequence[RegionId], by_region: Mapping[RegionId, Sequence[Place]]) -> float:
    places = [place for region in level for place in by_region[region]]
    weight = sum(place.weight for place in places)
    return sum(place.weight * place.health for place in places) / weight


def _within(
    level: Sequence[RegionId], by_region: Mapping[RegionId, Sequence[Place]], share: float, *, panic: bool
) -> dict[RegionId, float]:
    """A level's share over its regions, by what their channels can carry."""
    able = {region: sum(_able(place, panic=panic) for place in by_region[region]) for region in level}
    total = sum(able.values())
    return {region: share * one / total for region, one in able.items()} if total > 0 else {}


def _able(place: Place, *, panic: bool) -> float:
    return place.weight if panic else place.weight * place.health


def _rooms(
    by_region: Mapping[RegionId, Sequence[Place]], rules: BalanceSettings
) -> dict[RegionId, float | None]:
    """What each region may get a minute; None: nobody knows a bound."""
    rooms: dict[RegionId, float | None] = {}
    for region, places in by_region.items():
        known = [
            place.capacity_per_minute * place.health if place.capacity_per_minute is not None else None
            for place in places
            if place.weight > 0
        ]
        bounds = [one for one in known if one is not None]
        rooms[region] = sum(bounds) * rules.use_max if len(bounds) == len(known) else None
    return rooms


def _by_channel(
    flows: Mapping[RegionId, float], by_region: Mapping[RegionId, Sequence[Place]], *, panic: bool
) -> dict[ChannelId, float]:
    """A site's shares of channels: within a region by what each can carry, in proportion to capacity where all know it."""
    total = sum(flows.values())
    shares: dict[ChannelId, float] = {}
    for region, flow in flows.items():
        able = {place.channel: _able(place, panic=panic) for place in by_region[region]}
        sum_able = sum(able.values())
        if sum_able <= 0:  # spilled to here in a panic of others: whoever has weight serves
            able = {place.channel: place.weight for place in by_region[region]}
            sum_able = sum(able.values())
        for channel, one in able.items():
            if one > 0:
                shares[channel] = shares.get(channel, 0.0) + flow / total * one / sum_able
    return shares
