"""Who takes part in a comparison of policies, by name: Foreroute as it runs, parts of it, and others' published ones."""

from random import Random
from typing import Final

from foreroute.app.data_plane import gateway_settings
from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.simulate.channel import UnitPrice
from foreroute.simulate.compare import Entrant, Match
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.policies import routewise
from foreroute.simulate.policies.clairvoyant import Clairvoyant
from foreroute.simulate.policies.litellm import LiteLLM
from foreroute.simulate.policies.peak_ewma import PeakEwma
from foreroute.simulate.policies.plain import RoundRobin, StaticWeights
from foreroute.simulate.policies.routewise import RouteWise
from foreroute.simulate.policies.thresholds import Thresholds, ThresholdSettings
from foreroute.simulate.routing import Router
from foreroute.simulate.upstreams import Upstreams

FOREROUTE: Final = "foreroute"
WITHOUT_FORECASTS: Final = "without_forecasts"
ROUTEWISE: Final = "routewise"


def entrants() -> tuple[Entrant, ...]:
    """All that can be played here: RouteWise only where its package is."""
    found = (
        Entrant(FOREROUTE, "Foreroute: the gateway's choice, steered by the control loop", _foreroute),
        Entrant(
            WITHOUT_FORECASTS,
            "Foreroute without forecasts: the same loop, moved by observation alone",
            _reactive,
        ),
        Entrant(
            "gateway", "Foreroute's gateway alone: the configured weights, breakers, two choices", _gateway
        ),
        Entrant("litellm", "LiteLLM: lowest mean of the last ten, cooldowns, two retries", _litellm),
        Entrant(ROUTEWISE, "RouteWise: least latency within a cost budget, by linear program", _routewise),
        Entrant(
            "peak_ewma", "peak-EWMA, the better of two, five failures in a row put out (Finagle)", _peak_ewma
        ),
        Entrant(
            "thresholds", "reactive thresholds of the earlier phase: one primary, one fallback", _thresholds
        ),
        Entrant("round_robin", "round robin", _round_robin),
        Entrant("static", "static weights", _static),
        Entrant("clairvoyant", "sees each answer before it asks, one request at a time", _clairvoyant),
    )
    return tuple(one for one in found if one.name != ROUTEWISE or routewise.is_installed())


def _foreroute(match: Match, _upstreams: Upstreams) -> Router:
    settings = settings_of(match.spec)
    return SimulatedForeroute(settings, start_at=match.start_at, live_at=match.scored_from_at)


def _reactive(match: Match, _upstreams: Upstreams) -> Router:
    return SimulatedForeroute(
        settings_of(match.spec), start_at=match.start_at, live_at=match.scored_from_at, forecasts=False
    )


def _gateway(match: Match, _upstreams: Upstreams) -> Router:
    """The configured plan serves for ever: nobody publishes another one."""
    settings = settings_of(match.spec)
    plans = build_plane(settings, match.start_at).plans
    return GatewayRouter(plans, _channels(match), gateway_settings(settings))


def _litellm(match: Match, _upstreams: Upstreams) -> Router:
    return LiteLLM(_channels(match))


def _routewise(match: Match, _upstreams: Upstreams) -> Router:
    return RouteWise(_prices(match), seed=match.seed, limit_s=match.loss.limit_s)


def _peak_ewma(match: Match, _upstreams: Upstreams) -> Router:
    return PeakEwma(list(match.weights), Random(f"peak_ewma/{match.seed}"))


def _thresholds(match: Match, _upstreams: Upstreams) -> Router:
    heaviest_first = sorted(match.weights, key=lambda name: -match.weights[name])
    channels = _channels(match)
    return Thresholds(
        {name: channels[name] for name in heaviest_first}, ThresholdSettings(limit_s=match.loss.limit_s)
    )


def _round_robin(match: Match, _upstreams: Upstreams) -> Router:
    return RoundRobin(list(match.weights))


def _static(match: Match, _upstreams: Upstreams) -> Router:
    return StaticWeights(match.weights)


def _clairvoyant(match: Match, upstreams: Upstreams) -> Router:
    return Clairvoyant(upstreams, match.loss)


def _channels(match: Match) -> dict[ChannelId, Channel]:
    return {name: match.world.channels[name].channel for name in match.weights}


def _prices(match: Match) -> dict[ChannelId, UnitPrice | None]:
    return {name: match.world.channels[name].price for name in match.weights}
