"""Which region is near which: the order in which a gateway prefers regions."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence

from foreroute.core.errors import ConfigError
from foreroute.core.ids import RegionId
from foreroute.regions.round_trips import typical_round_trip_s


class Topology:
    """The regions of a configuration, ordered as seen from the gateway's own.

    First the regions that `near` lists, in that order; then by round trip: the operator's own figure from
    `round_trip_s` (seconds from home), else the typical one; then those of which nothing is known, in the
    order listed. Immutable. Raises ConfigError on a name that is not in `regions` and on a negative time.
    """

    def __init__(
        self,
        regions: Sequence[RegionId],
        home: RegionId,
        *,
        round_trip_s: Mapping[RegionId, float] | None = None,
        near: Sequence[RegionId] = (),
    ) -> None:
        own = dict(round_trip_s or {})
        self.home = home
        self.regions = tuple(dict.fromkeys(regions))
        _check_names(
            self.regions, ("home region", [home]), ("region in near", near), ("region of a round trip", own)
        )
        _check_times(own)
        preferred = {region: place for place, region in enumerate(dict.fromkeys((home, *near)))}
        self._round_trips = {region: _round_trip(home, region, own) for region in self.regions}
        order = sorted(
            self.regions,
            key=lambda region: (preferred.get(region, len(preferred)), self._known_s(region)),
        )
        self._ranks = {region: rank for rank, region in enumerate(order)}

    def rank(self, region: RegionId) -> int:
        """0 is home, 1 the nearest other region …; a region that is not in the configuration comes last."""
        return self._ranks.get(region, len(self._ranks))

    def by_distance(self) -> tuple[RegionId, ...]:
        return tuple(sorted(self._ranks, key=self.rank))

    def round_trip_s(self, region: RegionId) -> float | None:
        """From home; None if nothing is known."""
        return self._round_trips.get(region)

    def _known_s(self, region: RegionId) -> float:
        known = self._round_trips[region]
        return math.inf if known is None else known


def _round_trip(home: RegionId, region: RegionId, own: Mapping[RegionId, float]) -> float | None:
    return own[region] if region in own else typical_round_trip_s(home, region)


def _check_names(regions: Sequence[RegionId], *uses: tuple[str, Iterable[RegionId]]) -> None:
    for use, names in uses:
        for name in names:
            if name not in regions:
                close = difflib.get_close_matches(name, regions, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(regions) or 'none'}"
                raise ConfigError(f"unknown {use}: {name!r}", hint=hint)


def _check_times(round_trips: Mapping[RegionId, float]) -> None:
    for region, seconds in round_trips.items():
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ConfigError(
                f"the round trip to {region} is {seconds}", hint="seconds, 0 or more, such as 0.08"
            )
