"""Identifiers. A `NewType` each, so that a channel can never be passed where a route is meant."""

from typing import Final, NewType

ChannelId = NewType("ChannelId", str)
RouteName = NewType("RouteName", str)
"""The public model name that clients ask for."""
RegionId = NewType("RegionId", str)
RequestId = NewType("RequestId", str)
"""Never used twice. Where the client sent an id of its own, that comes first: `<its id>~<ours>`."""
REQUEST_ID_JOINT: Final = "~"
KeyId = NewType("KeyId", str)
IncidentId = NewType("IncidentId", str)
DecisionId = NewType("DecisionId", str)
