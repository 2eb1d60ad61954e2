"""How far users are from channels. Instants and distances in seconds."""

from collections.abc import Mapping

from foreroute.core.ids import RegionId
from foreroute.regions.round_trips import typical_round_trip_s
from foreroute.simulate.request import ANYWHERE


class Distances:
    """Round trips: what is given for a pair first, then the published ones between areas of the world, else nothing.

    With `gateway`, all traffic passes through one gateway there: an attempt travels from it to the channel, and
    the user's own way to it comes on top. Without, there is a gateway wherever users are.
    """

    def __init__(
        self,
        round_trips_s: Mapping[tuple[RegionId, RegionId], float] | None = None,
        *,
        gateway: RegionId | None = None,
    ) -> None:
        self._own = {
            pair: seconds
            for (one, other), seconds in (round_trips_s or {}).items()
            for pair in ((one, other), (other, one))
        }
        self._gateway = gateway
        self._known: dict[tuple[RegionId, RegionId], float] = {}

    def round_trip_s(self, place: RegionId, region: RegionId) -> float:
        """Between the gateway that serves a place and a channel's region."""
        return self._between(place if self._gateway is None else self._gateway, region)

    def to_gateway_s(self, place: RegionId) -> float:
        """Between a user there and the gateway."""
        return 0.0 if self._gateway is None else self._between(place, self._gateway)

    def _between(self, one: RegionId, other: RegionId) -> float:
        found = self._known.get((one, other))
        if found is None:
            found = self._known[one, other] = self._look_up(one, other)
        return found

    def _look_up(self, one: RegionId, other: RegionId) -> float:
        if (one, other) in self._own:
            return self._own[one, other]
        if ANYWHERE in (one, other):
            return 0.0
        return typical_round_trip_s(one, other) or 0.0
