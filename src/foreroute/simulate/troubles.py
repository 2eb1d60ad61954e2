"""The faults of one channel, and what they do to it at an instant."""

import math

from foreroute.simulate.faults import (
    ColdStart,
    ErrorBurst,
    Fault,
    HollowAnswers,
    Outage,
    PriceChange,
    QuotaSpent,
    SlowRamp,
    StreamCuts,
)


class Troubles:
    """By kind, because almost every instant has none of most kinds."""

    def __init__(self) -> None:
        self._ramps: list[SlowRamp] = []
        self._bursts: list[ErrorBurst] = []
        self._outages: list[Outage] = []
        self._cold: list[ColdStart] = []
        self._cuts: list[StreamCuts] = []
        self._hollow: list[HollowAnswers] = []
        self._spent: list[QuotaSpent] = []
        self._prices: list[PriceChange] = []

    def add(self, fault: Fault) -> None:
        match fault:
            case SlowRamp():
                self._ramps.append(fault)
            case ErrorBurst():
                self._bursts.append(fault)
            case Outage():
                self._outages.append(fault)
            case ColdStart():
                self._cold.append(fault)
            case StreamCuts():
                self._cuts.append(fault)
            case HollowAnswers():
                self._hollow.append(fault)
            case QuotaSpent():
                self._spent.append(fault)
            case PriceChange():
                self._prices.append(fault)

    def slowdown(self, at: float) -> float:
        """≥ 1; of several ramps the steepest counts."""
        return max(ramp.slowdown(at) for ramp in self._ramps) if self._ramps else 1.0

    def burst(self, chance: float, at: float) -> ErrorBurst | None:
        """The burst that a request with this luck meets."""
        for burst in self._bursts:
            if burst.is_on(at) and chance < burst.ratio:
                return burst
        return None

    def outage(self, at: float) -> Outage | None:
        for one in self._outages:
            if one.is_on(at):
                return one
        return None

    def breaks_at(self, at: float) -> float:
        """When the next outage will cut what is under way now; infinity: never."""
        return min(one.next_at(at) for one in self._outages) if self._outages else math.inf

    def cold(self, at: float) -> tuple[float, float]:
        """(seconds on top of the time to first token, part of the requests that is told to wait)."""
        extra_s = loading = 0.0
        for one in self._cold:
            share = one.share(at)
            extra_s, loading = max(extra_s, share * one.extra_s), max(loading, share * one.loading_ratio)
        return extra_s, loading

    def cut_ratio(self, at: float) -> float:
        return max([one.ratio for one in self._cuts if one.is_on(at)], default=0.0)

    def hollow_ratio(self, at: float) -> float:
        return max([one.ratio for one in self._hollow if one.is_on(at)], default=0.0)

    def is_spent(self, at: float) -> bool:
        """Whether a fault has used up the channel's quota."""
        return bool(self._spent) and any(one.is_on(at) for one in self._spent)

    def price_factor(self, at: float) -> float:
        factor = 1.0
        for change in self._prices:
            if change.start_at <= at < change.end_at:
                factor *= change.factor
        return factor

    def failure_ratio(self, usual: float, at: float) -> float:
        """The part of requests that fails now, where `usual` does when all is well."""
        if self.outage(at) is not None or self.is_spent(at):
            return 1.0
        bursts = max((burst.ratio for burst in self._bursts if burst.is_on(at)), default=0.0)
        # One draw decides between an error, the usual failure and a cold start; hollow and cut answers share another.
        early = min(1.0, max(bursts, self.cold(at)[1]) + usual)
        late = min(1.0, self.hollow_ratio(at) + self.cut_ratio(at))
        return 1.0 - (1.0 - early) * (1.0 - late)
