"""Budgets' shadow prices as weights on channels' costs: dear channels lose share a little at a time. Pure.

With shadow prices `p_b` and base weights `w`, the shares of one priority are those nearest to the weights in relative
entropy whose spend pays its price: the minimum of `KL(x, w) + Σ_b p_b · Σ_i x_i c_i / c̄_b` is

    x_i ∝ w_i · exp(- Σ_b p_b · c_i / c̄)        over the budgets b that the channel's spend counts in,

with `c_i` the cost of a request on channel i and `c̄` the cost of one by the base weights. At a price of 1 a channel of
twice the usual cost is left with e⁻¹ = 0.37 of its weight against one of the usual cost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from foreroute.core.decision import Reason, ReasonCode
from foreroute.core.findings import BudgetPace
from foreroute.core.ids import ChannelId, RouteName
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import UNKNOWN_STATE, Snapshot

Shares = dict[ChannelId, float]


def paces_of(snapshot: Snapshot, route: RouteName) -> tuple[BudgetPace, ...]:
    """Those whose shadow price counts on this route, the dearest first."""
    found = [
        pace
        for budget in snapshot.budgets
        if (pace := budget.pace) is not None and pace.price > 0 and (not pace.route or pace.route == route)
    ]
    return tuple(sorted(found, key=lambda pace: (-pace.price, pace.budget)))


def paced(
    base: Mapping[ChannelId, float], snapshot: Snapshot, paces: Sequence[BudgetPace], rails: Guardrails
) -> Shares:
    """The base weights of one priority at these prices, summing to one. Whoever had a share keeps its floor, so that
    its price and its health can still be seen. A channel without a known price counts as the dearest.
    """
    costs = _costs(base, snapshot)
    total = sum(base.values())
    usual = sum(share * costs[channel] for channel, share in base.items()) / total if total > 0 else 0.0
    if not paces or usual <= 0:
        return dict(base)
    pressure = {channel: _price(channel, paces) * costs[channel] / usual for channel in base}
    least = min(pressure[channel] for channel, share in base.items() if share > 0)
    raw = {channel: share * math.exp(least - pressure[channel]) for channel, share in base.items()}
    return _floored(raw, base, rails)


def pace_reason(
    pace: BudgetPace, channel: ChannelId, change: float, usd_per_request: Decimal | None
) -> Reason:
    """What was spent, what an even pace would have spent, and what the price is."""
    where = "favours" if change > 0 else "spares"
    each = "" if usd_per_request is None else f" (${usd_per_request:.4f} a request)"
    detail = (
        f"budget {pace.budget}: ${pace.spent_usd:.2f} of ${pace.limit_usd:.2f} spent, ${pace.pace_usd:.2f} would be "
        f"an even pace, shadow price {pace.price:.2f}: {where} it{each}"
    )
    return Reason(channel, ReasonCode.BUDGET_PACE, detail)


def _price(channel: ChannelId, paces: Iterable[BudgetPace]) -> float:
    return sum(pace.price for pace in paces if not pace.channels or channel in pace.channels)


def _costs(base: Iterable[ChannelId], snapshot: Snapshot) -> dict[ChannelId, float]:
    prices = {channel: snapshot.channels.get(channel, UNKNOWN_STATE).usd_per_request for channel in base}
    dearest = max((price for price in prices.values() if price is not None), default=Decimal(0))
    return {channel: float(dearest if price is None else price) for channel, price in prices.items()}


def _floored(raw: Shares, base: Mapping[ChannelId, float], rails: Guardrails) -> Shares:
    total, whole = sum(raw.values()), sum(base.values())
    floors = {channel: min(rails.share_floor, share / whole) for channel, share in base.items()}
    shares = {channel: max(floors[channel], share / total) for channel, share in raw.items()}
    above = sum(max(0.0, shares[channel] - floors[channel]) for channel in shares)
    excess = sum(shares.values()) - 1.0
    if excess <= 0 or above <= 0:
        return shares
    return {
        channel: floors[channel] + max(0.0, share - floors[channel]) * (1.0 - excess / above)
        for channel, share in shares.items()
    }
