"""The board as JSON: what `foreroute status` prints and the page's first screen shows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foreroute import __version__
from foreroute.control.state import Board, ChannelView
from foreroute.control.views import limits_of
from foreroute.core.channel import Channel, Health
from foreroute.core.decision import ReasonCode
from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, RoutingPlan
from foreroute.core.series import Metric
from foreroute.dashboard.rollout import rollout_row
from foreroute.dashboard.sources import Sources

HORIZONS_S: Final = (900.0, 3600.0)
"""What is shown of a forecast: a quarter of an hour and an hour ahead."""
_TICKS_UNTIL_DEAD: Final = 3
_UNWELL: Final = frozenset({Health.DEGRADED, Health.POOR, Health.OFFLINE})

Row = dict[str, Any]


def status_of(board: Board, sources: Sources, incidents: Sequence[Row]) -> Row:
    """`incidents` are the newest ones on record, newest first."""
    shares, configured = Shares(board.plan), Shares(board.configured)
    ahead = forecasts_by_channel(board)
    limits = limits_of(board.plan, board.objectives)
    channels = [_channel(board, channel, shares, configured, ahead, limits) for channel in board.channels]
    return {
        "version": __version__,
        "at": board.at,
        "ticks": board.ticks,
        "tick_s": board.tick_s,
        "started_at": board.started_at,
        "autopilot": board.autopilot.value,
        "kill_switch": board.kill_switch,
        "demo": sources.demo,
        "store": sources.store_kind,
        "gateway_url": sources.gateway_url(),
        "loop": {
            "alive": sources.clock.now() - board.at < _TICKS_UNTIL_DEAD * board.tick_s,
            "last_tick_at": board.at if board.ticks else None,
            "stage_errors": dict(board.stage_errors),
        },
        "plan": {
            "version": board.plan.version,
            "valid_until": board.plan.valid_until,
            "applied": board.decision is None or board.decision.applied,
        },
        "can_undo": board.can_undo,
        "routes": [_route(board, name, shares, configured) for name in board.plan.routes],
        "channels": channels,
        "totals": _totals(board, channels),
        "budgets": board.findings.budgets,
        "incidents": list(incidents),
        "anomalies": board.findings.anomalies,
        "forecast_record": board.forecast_record,
        "rollout": rollout_row(board),
    }


class Shares:
    """The share of each channel in each route that a plan gives it, 0…1.

    Only the first priority with any weight serves; the ones behind it stand by with a share of 0.
    """

    def __init__(self, plan: RoutingPlan) -> None:
        self.by_route = {name: _serving(route) for name, route in plan.routes.items()}

    def of(self, channel: ChannelId) -> dict[str, float]:
        return {name: shares[channel] for name, shares in self.by_route.items() if channel in shares}


def _serving(route: Route) -> dict[ChannelId, float]:
    first = min((target.priority for target in route.targets if target.weight > 0), default=0)
    return {t.channel: t.weight if t.priority == first else 0.0 for t in route.targets}


def shares_row(shares: Shares, configured: Shares, channel: ChannelId) -> Row:
    """A channel's shares, and the one to show: that of the route in which it has moved the most."""
    mine, before = shares.of(channel), configured.of(channel)
    name = max(mine, key=lambda route: abs(mine[route] - before.get(route, 0.0)), default=None)
    share = mine[name] if name is not None else 0.0
    was = before.get(name, 0.0) if name is not None else 0.0
    return {
        "shares": mine,
        "configured_shares": before,
        "share": share,
        "configured_share": was,
        "share_change": share - was,
    }


def forecasts_by_channel(board: Board) -> dict[ChannelId, Forecast]:
    """The forecast of each channel's own objective. Others are not touched: each is made when it is asked for."""
    ahead = ((name, board.findings.forecasts.get((name, one.metric))) for name, one in board.series.items())
    return {name: forecast for name, forecast in ahead if forecast is not None}


def _route(board: Board, name: Any, shares: Shares, configured: Shares) -> Row:
    objective = board.objectives.get(name)
    return {
        "name": name,
        "objective": None
        if objective is None
        else {"metric": objective.metric.value, "limit_s": objective.limit_s},
        "targets": [
            {
                "channel": target.channel,
                "share": shares.by_route[name][target.channel],
                "configured_share": configured.by_route.get(name, {}).get(target.channel, 0.0),
                "priority": target.priority,
            }
            for target in board.plan.routes[name].targets
        ],
    }


def _channel(
    board: Board,
    channel: Channel,
    shares: Shares,
    configured: Shares,
    ahead: Mapping[ChannelId, Forecast],
    limits: Mapping[ChannelId, float],
) -> Row:
    view = board.views[channel.id]
    prices = {cost.channel: cost.usd_per_request for cost in board.findings.costs}
    in15_s, in60_s = (_mean_at(ahead.get(channel.id), horizon_s) for horizon_s in HORIZONS_S)
    limit_s, price = limits.get(channel.id), prices.get(channel.id)
    series = board.series.get(channel.id)
    share = shares_row(shares, configured, channel.id)
    over = limit_s is not None and any(value is not None and value > limit_s for value in (in15_s, in60_s))
    odd = any(anomaly.channel == channel.id for anomaly in board.findings.anomalies)
    return {
        "id": channel.id,
        "provider": channel.provider,
        "cloud": channel.cloud,
        "region": channel.region,
        "model": channel.model,
        "health": view.health.value,
        "group": _group(view, out=not share["share"], strained=over or odd),
        "metric": series.metric.value if series is not None else Metric.FIRST_CHUNK_P95.value,
        "limit_s": limit_s,
        "now_s": view.now_s,
        "in15_s": in15_s,
        "in60_s": in60_s,
        "failure_ratio": view.failure_ratio,
        "attempts_per_minute": view.attempts_per_minute,
        "usd_per_request": None if price is None else str(price),
        **share,
        "why": None
        if view.why is None
        else {"code": view.why.code.value, "detail": view.why.detail, "at": view.why_at},
    }


def _group(view: ChannelView, *, out: bool, strained: bool) -> str:
    """What a person should think of it: acted, watching, healthy or out (of rotation: it has no share at all)."""
    if out:
        return "out"
    if view.why is not None and view.why.code is ReasonCode.FORECAST:
        return "acted"
    if view.why is not None or view.health in _UNWELL or strained:
        return "watching"
    return "healthy"


def _mean_at(forecast: Forecast | None, horizon_s: float) -> float | None:
    """The expectation at a horizon that the forecast reaches."""
    if forecast is None or len(forecast.mean) * forecast.step_s < horizon_s:
        return None
    return forecast.at_horizon(horizon_s).mean


def _totals(board: Board, channels: Sequence[Row]) -> Row:
    """What users saw over the observation window, and what they are to see.

    Percentiles do not add up, so the expectation is the share-weighted mean of the channels' forecasts,
    scaled by how the mixture's percentile stands to the traffic-weighted mean of the channels' now.
    """
    total = board.total
    seen = [(row["attempts_per_minute"], row["now_s"]) for row in channels if row["now_s"] is not None]
    mean_now = _weighted(seen)
    factor = total.now_s / mean_now if total.now_s is not None and mean_now else None
    limits = [row["limit_s"] for row in channels if row["limit_s"] is not None]
    return {
        "attempts_per_minute": total.attempts_per_minute,
        "failure_ratio": total.failure_ratio,
        "now_s": total.now_s,
        "in15_s": _scaled(factor, [(row["share"], row["in15_s"]) for row in channels]),
        "in60_s": _scaled(factor, [(row["share"], row["in60_s"]) for row in channels]),
        "limit_s": min(limits, default=None),
    }


def _scaled(factor: float | None, pairs: Sequence[tuple[float, float | None]]) -> float | None:
    mean = _weighted([(weight, value) for weight, value in pairs if value is not None])
    return None if factor is None or mean is None else factor * mean


def _weighted(pairs: Sequence[tuple[float, float]]) -> float | None:
    weight = sum(pair[0] for pair in pairs)
    return sum(weight * value for weight, value in pairs) / weight if weight > 0 else None
