"""Frontier and optimum as plain values, for JSON and for tables."""

from collections.abc import Sequence
from typing import Any

from foreroute.core.optimum import Optimum
from foreroute.cost.aims import says
from foreroute.cost.frontier import frontier
from foreroute.dashboard.cost_market import RouteMarket

Row = dict[str, Any]


def frontier_rows(markets: Sequence[RouteMarket]) -> list[Row]:
    """By route: each channel, and what dominates it."""
    return [
        {
            "route": market.name,
            "requests_per_minute": market.requests_per_minute,
            "limit_s": market.limit_s,
            "channels": [
                {
                    "channel": one.offer.channel,
                    "usd_per_request": one.offer.usd,
                    "p95_s": one.offer.latency_s,
                    "forecast_by": market.forecast_by.get(one.offer.channel),
                    "success_ratio": one.offer.success,
                    "quality": one.offer.quality,
                    "share": market.baseline[one.offer.channel],
                    "on_frontier": one.on_frontier,
                    "dominated_by": list(one.dominated_by),
                    "missing": list(one.missing),
                }
                for one in frontier(market.offers)
            ],
        }
        for market in markets
    ]


def optimum_row(found: Optimum, markets: Sequence[RouteMarket]) -> Row:
    """Money is per hour at the rate of the span."""
    shared = [one for one in markets if one.request_class is not None]
    known = [one.baseline_usd_per_hour for one in shared if one.baseline_usd_per_hour is not None]
    baseline = sum(known) if known and len(known) == len(shared) else None
    saved = (
        None
        if baseline in (None, 0.0) or not found.feasible
        else 1.0 - found.usd_per_hour / (baseline or 1.0)
    )
    return {
        "feasible": found.feasible,
        "usd_per_hour": found.usd_per_hour if found.feasible else None,
        "baseline_usd_per_hour": baseline,
        "saved_ratio": saved,
        "mean_latency_s": found.mean_latency_s if found.feasible else None,
        "routes": [
            {
                "route": one.name,
                "requests_per_minute": one.requests_per_minute,
                "limit_s": one.limit_s,
                "baseline_p95_s": one.baseline_p95_s,
                "shares": dict(found.shares.get(one.name, {})),
                "baseline": dict(one.baseline),
            }
            for one in shared
        ],
        "left_out": [one.name for one in markets if one.request_class is None],
        "concessions": [
            {
                "promise": one.promise.value,
                "of": one.of,
                "bound": one.bound,
                "needed": one.needed,
                "says": says(one),
            }
            for one in found.concessions
        ],
        "shadow_prices": [
            {"promise": one.promise.value, "of": one.of, "bound": one.bound, "per_unit": one.per_unit}
            for one in found.shadow_prices
        ],
    }
