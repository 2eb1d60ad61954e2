"""The Pareto frontier of a route's channels: price, latency, success and quality, none improved without loss. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a request of this traffic would get from a channel."""

    channel: str
    usd: float | None
    """The expected price of a request of this mix; None: not known."""
    latency_s: float | None
    """The quantile that the route is judged by; None: not known."""
    success: float = 1.0
    """The share of attempts that succeed, 0…1."""
    quality: float = 1.0
    """The operator's rating, 0…1."""


@dataclass(frozen=True, slots=True)
class Placed:
    """`dominated_by`: channels that are at least as good in all four and better in one; empty on the frontier.

    `missing` says what is not known of it, which keeps it out of any comparison.
    """

    offer: Offer
    dominated_by: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def on_frontier(self) -> bool:
        return not self.dominated_by and not self.missing


def frontier(offers: Iterable[Offer]) -> tuple[Placed, ...]:
    """Every offer placed, cheapest first, unknown ones last. Equal offers do not dominate each other."""
    known, rest = [], []
    for offer in offers:
        missing = tuple(
            name for name, one in (("price", offer.usd), ("latency", offer.latency_s)) if one is None
        )
        if missing:
            rest.append(Placed(offer, missing=missing))
        else:
            known.append(offer)
    placed = [
        Placed(one, tuple(sorted(other.channel for other in known if dominates(other, one)))) for one in known
    ]
    placed.sort(key=lambda one: (one.offer.usd or 0.0, one.offer.channel))
    return (*placed, *sorted(rest, key=lambda one: one.offer.channel))


def dominates(one: Offer, other: Offer) -> bool:
    ours, theirs = _losses(one), _losses(other)
    return all(a <= b for a, b in zip(ours, theirs, strict=True)) and ours != theirs


def _losses(offer: Offer) -> tuple[float, float, float, float]:
    """All four so that less is better."""
    return offer.usd or 0.0, offer.latency_s or 0.0, -offer.success, -offer.quality
