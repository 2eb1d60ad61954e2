"""What users ask of a simulated world: places, requests, and what became of each request."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from foreroute.core.ids import KeyId, RegionId, RequestId, RouteName

ANYWHERE: Final = RegionId("")
"""A place at no distance from anything: for worlds without geography."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a user. `at` is when it reaches the gateway, in seconds since the epoch."""

    id: RequestId
    at: float
    route: RouteName
    input_tokens: int
    output_tokens: int
    """How long the answer will be: the world knows it, a router must not look."""
    place: RegionId = ANYWHERE
    """Where the user is, as a cloud names its region there."""
    output_tokens_max: int | None = None
    """The limit that the client has set, which a router may look at."""
    stream: bool = True
    tools: bool = False
    prefix: bytes | None = None
    """A digest of the prompt's beginning, for routes that keep equal ones together."""
    key_id: KeyId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one request, as its user saw it."""

    request: Request
    ended_at: float
    succeeded: bool
    attempts: int
    """0: refused, because no channel could be asked."""
    first_chunk_s: float | None = None
    """From the request to the first content, failed attempts, waits and the way to the user included."""
    cost_usd: Decimal = Decimal(0)
    """Of all attempts, by the world's own prices."""

    @property
    def duration_s(self) -> float:
        return self.ended_at - self.request.at
