"""The seam between a simulated world and whoever routes in it.

A `Router` is asked for every attempt and told how each one went; it sees what a gateway sees and nothing else. The
runner (`run.Simulation`) keeps time, carries requests to the world's channels and back, and never chooses:

    pick ──Pick──▶ [wait_s] ──▶ started ──▶ the world answers ──▶ ended ──failure──▶ pick (tried has grown) …
      │                                                             └─success─▶ the user has the answer
      ├──Hold──▶ a place becomes free, or the time is over ──▶ pick again
      └──None──▶ the request has failed for its user

- All times are the world's own, in seconds since the epoch; a router must not look at any other clock.
- Chance is handed in: `Asking.chance` is one seeded generator for the whole run, so that equal runs choose alike. What
  the world does to a request depends on the seed, the channel, the request's id and how often this request has asked
  that channel before; never on the router. So policies meet the same luck, and differences are their own.
- `ended` is called once for each `started`, in order of time, before the next `pick` of the same request.
- A router that also has `tick_s` and `tick` (`Ticking`) is called at every multiple of `tick_s`.
- The world's truth (`World.truth`, `Upstreams.peek`) is for oracles and for grading, and for no one else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol, runtime_checkable

from foreroute.core.attempt import Attempt, Candidate, PickReason, PickRule
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Timeouts
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.request import Request

_TIMEOUTS: Final = Timeouts()


@dataclass(slots=True, kw_only=True)
class Asking:
    """A request that needs a channel now. Not frozen because one is made for every attempt."""

    request: Request
    at: float
    chance: Random
    tried: Sequence[ChannelId] = ()
    """The channels that this request has asked so far, in order; one that was asked twice is there twice."""
    failed: Attempt | None = None
    """The newest attempt of this request, which has failed; None at the first."""
    held: bool = False
    """Whether this is asked again because a `Hold` is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Ask this channel, after a wait if that is not 0 (a backoff)."""

    channel: ChannelId
    wait_s: float = 0.0
    timeouts: Timeouts = field(default_factory=lambda: _TIMEOUTS)
    reason: PickReason = PickReason.CONFIGURED
    plan_version: int = 0
    route: RouteName | None = None
    """Where it is not the one that was asked for."""
    rule: PickRule = PickRule.WEIGHT
    candidates: tuple[Candidate, ...] = ()
    """As in `Attempt`: what explains the choice afterwards; the runner only writes it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Ask again when an attempt on one of these channels has ended, or after `for_s` at the latest."""

    channels: tuple[ChannelId, ...]
    for_s: float


class Router(Protocol):
    """Chooses channels. See the module for when each method is called."""

    def pick(self, asking: Asking) -> Pick | Hold | None:
        """The channel for the next attempt. None: give up; the request has failed for its user.

        The first call for a request has nothing in `tried`; each later one follows a failed attempt of it, or a hold.
        """
        ...

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:
        """The attempt begins: (request.id, number) names it from now on."""
        ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:
        """It is over, at `attempt.ended_at`. `limits` is what the channel's headers say is left, if it sends any."""
        ...


@runtime_checkable
class Listening(Protocol):
    """What a router has besides, if it wants to hear of a channel's first content before the end."""

    def reached(self, channel: ChannelId) -> bool:
        """Content has come. True: everybody who waits for a place there is to be asked again."""
        ...


@runtime_checkable
class Ticking(Protocol):
    """What a router has besides, if it thinks between requests."""

    @property
    def tick_s(self) -> float: ...

    def tick(self, at: float) -> None: ...
