"""What goes wrong in a simulated world, and when. Instants are seconds since the epoch."""

from dataclasses import dataclass

from foreroute.core.ids import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRamp:
    """A channel slows down little by little, stays slow and recovers: a fault with a precursor."""

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
class ErrorBurst:
    """A channel answers a part of its requests with an error, out of the blue: no precursor."""

    channel: ChannelId
    start_at: float
    end_at: float
    ratio: float
    status: int = 503
    code: str = "overloaded"
    message: str = "The server is overloaded, please try again later"

    def is_on(self, at: float) -> bool:
        return self.start_at <= at < self.end_at


Fault = SlowRamp | ErrorBurst
