"""What goes wrong in a simulated world, and when. Instants are seconds since the epoch.

Each fault is of one channel; what befalls a region or a provider is one fault for each of its channels. Before its
start a fault has no effect whatever: a world with it and a world without it are the same until then.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from foreroute.core.ids import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRamp:
    """A channel slows down little by little, stays slow and recovers: a fault with a precursor.

    With `recover_at` and `end_at` at infinity it never recovers: a drift.
    """

    channel: ChannelId
    start_at: float
    peak_at: float
    recover_at: float
    end_at: float
    factor: float
    """The slowdown at the peak, over 1."""

    def slowdown(self, at: float) -> float:
        if at <= self.start_at or at >= self.end_at:
            return 1.0
        if at < self.peak_at:
            part = (at - self.start_at) / (self.peak_at - self.start_at)
        elif at < self.recover_at:
            part = 1.0
        else:
            part = (self.end_at - at) / (self.end_at - self.recover_at)
        return 1.0 + (self.factor - 1.0) * part


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """Something that befalls a channel for a while."""

    channel: ChannelId
    start_at: float
    end_at: float

    def is_on(self, at: float) -> bool:
        return self.start_at <= at < self.end_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBurst(Spell):
    """A channel answers a part of its requests with an error, out of the blue: no precursor."""

    ratio: float
    status: int = 503
    code: str = "overloaded"
    message: str = "The server is overloaded, please try again later"
    retry_after_s: float | None = None


class Breakdown(StrEnum):
    """How a channel that is down shows it."""

    REFUSED = "refused"
    """Connections are refused at once."""
    UNREACHABLE = "unreachable"
    """Nobody answers the connection: it times out."""
    SILENT = "silent"
    """The request is taken and nothing ever comes back."""
    ERROR = "error"
    """Every request gets a 503 at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A channel is down at a stroke, and what was under way there breaks off.

    With `every_s` it flaps: down for the first `down_s` of each period.
    """

    channel: ChannelId
    start_at: float
    end_at: float
    how: Breakdown = Breakdown.REFUSED
    every_s: float = math.inf
    down_s: float = math.inf

    def is_on(self, at: float) -> bool:
        if not self.start_at <= at < self.end_at:
            return False
        return self.every_s == math.inf or (at - self.start_at) % self.every_s < self.down_s

    def next_at(self, at: float) -> float:
        """When it breaks off what is under way at an instant at which it is up; infinity: never."""
        if at <= self.start_at:
            return self.start_at
        if self.every_s == math.inf:
            return math.inf
        rounds = math.ceil((at - self.start_at) / self.every_s)
        next_at = self.start_at + rounds * self.every_s
        return next_at if next_at < self.end_at else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """A channel has just been started: a part of its requests is told to wait, the others take longer, less and less."""

    channel: ChannelId
    start_at: float
    end_at: float
    extra_s: float
    """Added to the time to first token at the start; falls to nothing at the end."""
    loading_ratio: float = 0.0
    """The part of requests that is told at the start that the model is loading; falls likewise."""

    def share(self, at: float) -> float:
        if not self.start_at <= at < self.end_at:
            return 0.0
        return (self.end_at - at) / (self.end_at - self.start_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCuts(Spell):
    """A part of the streams breaks off after some of its tokens."""

    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HollowAnswers(Spell):
    """A part of the requests is answered with status 200 and nothing in it."""

    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSpent(Spell):
    """Nothing is served until the quota begins anew: somebody else has used it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """From an instant on, everything costs so many times what it did."""

    channel: ChannelId
    start_at: float
    factor: float
    end_at: float = math.inf


Fault = SlowRamp | ErrorBurst | Outage | ColdStart | StreamCuts | HollowAnswers | QuotaSpent | PriceChange
