"""What steering saves, from a held-out share of the requests: the measured difference, net of what it costs. Pure.

A request of the steered arm costs `1 + change` of what one of the control costs, with an interval around `change`
that holds at all times at once. What the steered requests would have cost otherwise is their cost ÷ (1 + change).
"""

from dataclasses import dataclass
from typing import Final

HOURS_A_MONTH: Final = 730.0
_DAY_H: Final = 24.0


@dataclass(frozen=True, slots=True)
class Span:
    """A value with its 95 % interval."""

    value: float
    lower: float
    upper: float

    def __add__(self, other: "Span") -> "Span":
        """Of two that say nothing of each other: never too narrow."""
        return Span(self.value + other.value, self.lower + other.lower, self.upper + other.upper)

    def less(self, amount: float) -> "Span":
        return Span(self.value - amount, self.lower - amount, self.upper - amount)

    def times(self, factor: float) -> "Span":
        return Span(self.value * factor, self.lower * factor, self.upper * factor)

    def at_most(self, most: float) -> "Span":
        return Span(min(self.value, most), min(self.lower, most), min(self.upper, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One stretch of measurement. `change` is relative: −0.2 is a fifth cheaper; None: too little is known."""

    requests: int
    requests_control: int
    usd: float
    """What the steered requests have cost, all their attempts together."""
    usd_control: float
    change: Span | None
    explained: float = 0.0
    """The part of the scatter that the size of requests explains, and that was taken away; 0…1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlay:
    """What else was spent in the same time. `spent_usd` is everything that the ledger has."""

    hours: float
    spent_usd: float
    probes_usd: float = 0.0
    hedges_usd: float = 0.0
    running_usd_per_month: float = 0.0
    setup_usd: float = 0.0

    @property
    def running_usd(self) -> float:
        return self.running_usd_per_month * self.hours / HOURS_A_MONTH

    @property
    def own_usd(self) -> float:
        """All that there is because Foreroute is there."""
        return self.probes_usd + self.hedges_usd + self.running_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """US dollars. None: it cannot be said yet, and `missing` says what it would take."""

    requests: int
    requests_control: int
    usd_per_request: float | None
    usd_per_request_control: float | None
    change: Span | None
    gross: Span | None
    """Steered requests alone; never above what was spent in all."""
    net: Span | None
    """After probes, hedges and the running cost."""
    outlay: Outlay
    roi: float | None
    """Net savings per dollar of running cost."""
    payback_days: float | None
    """At the rate so far, until the setup is earned, or without one a month's running cost; None: never, or none is stated."""
    explained: float
    missing: str

    @property
    def is_sure(self) -> bool:
        """Zero lies outside the interval of the gross savings."""
        return self.gross is not None and (self.gross.lower > 0 or self.gross.upper < 0)


def savings(stretches: tuple[Measured, ...], outlay: Outlay) -> Savings:
    """Of all stretches together; those of which too little is known are left out of the money, and said."""
    known = [one for one in stretches if one.change is not None]
    gross = None
    for one in known:
        gross = saved(one) if gross is None else gross + saved(one)
    if gross is not None:
        gross = gross.at_most(outlay.spent_usd)
    net = None if gross is None else gross.less(outlay.own_usd)
    requests, control = (
        sum(one.requests for one in stretches),
        sum(one.requests_control for one in stretches),
    )
    usd, usd_control = sum(one.usd for one in stretches), sum(one.usd_control for one in stretches)
    return Savings(
        requests=requests,
        requests_control=control,
        usd_per_request=usd / requests if requests else None,
        usd_per_request_control=usd_control / control if control else None,
        change=_change(known),
        gross=gross,
        net=net,
        outlay=outlay,
        roi=net.value / outlay.running_usd if net is not None and outlay.running_usd > 0 else None,
        payback_days=_payback_days(net, outlay),
        explained=max((one.explained for one in known), default=0.0),
        missing="" if len(known) == len(stretches) and known else _missing(requests, control),
    )


def saved(one: Measured) -> Span:
    """What the steered requests would have cost otherwise, less what they did. `change` is known."""
    change = one.change or Span(0.0, 0.0, 0.0)
    return Span(_saved(one.usd, change.value), _saved(one.usd, change.upper), _saved(one.usd, change.lower))


def _saved(usd: float, change: float) -> float:
    return usd * (1.0 / max(1.0 + change, 1e-6) - 1.0)


def _change(known: list[Measured]) -> Span | None:
    """Over stretches, each by the money in it."""
    total = sum(one.usd for one in known)
    if not known or total <= 0:
        return None
    found = Span(0.0, 0.0, 0.0)
    for one in known:
        found += (one.change or found).times(one.usd / total)
    return found


def _payback_days(net: Span | None, outlay: Outlay) -> float | None:
    """The setup out of what a day leaves when the day itself is paid for; without one, a month's running cost out of
    what a day earns.
    """
    if net is None or outlay.hours <= 0:
        return None
    days = outlay.hours / _DAY_H
    owed, earned = (
        (outlay.setup_usd, net.value / days)
        if outlay.setup_usd > 0
        else (outlay.running_usd_per_month, (net.value + outlay.running_usd) / days)
    )
    return owed / earned if owed > 0 and earned > 0 else None


def _missing(requests: int, control: int) -> str:
    if not requests and not control:
        return "nothing is measured yet: the optimum does not act, or nobody has asked since"
    return (
        f"{control} requests of the control and {requests} steered ones are counted so far: "
        "too few to tell a difference from chance"
    )
