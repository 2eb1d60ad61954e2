"""A world from requests that were real, and how much it is like them where it has not looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.core.errors import TooLittleHistory
from foreroute.core.ids import RouteName
from foreroute.simulate.fit_channel import REQUESTS_MIN, fit_channel
from foreroute.simulate.fit_traffic import fit_traffic, per_minute
from foreroute.simulate.likeness import Likeness, channel_likeness, count_likeness
from foreroute.simulate.observed import Observed, instant_of_split
from foreroute.simulate.request import Request
from foreroute.simulate.scenario import model_of, routes_of
from foreroute.simulate.traffic_maker import RouteShare, Traffic
from foreroute.simulate.units import write_seconds
from foreroute.simulate.world import World
from foreroute.simulate.world_schema import WorldSpec

_WORLDS: Final = 10
"""So many draws of luck stand for what a world may do."""
_DURATIONS: Final = frozenset({"first_chunk", "per_token", "per_input_token"})
_BASE: Final[Mapping[str, Any]] = {"provider": "real", "region": "anywhere", "model": "real"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    world: WorldSpec
    likenesses: tuple[Likeness, ...]
    """Of each channel, then of the traffic: requests a minute, and tokens."""
    left_out: tuple[str, ...]
    """Channels of which there was too little to learn from."""
    split_at: float


def calibrate(
    found: Sequence[Observed],
    *,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    rest: Mapping[str, Any] | None = None,
    ratio: float = 0.7,
    seed: int = 1,
) -> Calibration:
    """`known`: what is known of a channel besides (provider, region, price …); `rest`: of the world (routes, gateway).

    Learns from the first `ratio` of the requests and is compared with the rest. Raises TooLittleHistory.
    """
    timed = [one.part(np.isfinite(one.seconds)) for one in found]
    able = [one for one in timed if one.weights.sum() * ratio >= REQUESTS_MIN]
    if not able:
        raise TooLittleHistory(
            f"no channel has {REQUESTS_MIN / ratio:.0f} requests with a time: there is nothing to learn a world from"
        )
    split_at = instant_of_split(able, ratio)
    halves = {one.channel: one.split(split_at) for one in able}
    halves = {
        name: (early, late)
        for name, (early, late) in halves.items()
        if early.weights.sum() >= REQUESTS_MIN and len(early) >= REQUESTS_MIN // 2
    }
    if not halves:
        raise TooLittleHistory("no channel has enough requests before the part that is held out")
    traffic = [one for one in found if len(one)]
    world = learn([early for early, _ in halves.values()], traffic, split_at, known=known, rest=rest)
    return Calibration(
        world=world,
        likenesses=(*_channels(world, halves, seed), *_traffic(world, traffic, split_at, seed)),
        left_out=tuple(sorted(one.channel for one in found if one.channel not in halves)),
        split_at=split_at,
    )


def learn(
    channels: Sequence[Observed],
    traffic: Sequence[Observed],
    end_at: float,
    *,
    start_at: float | None = None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    rest: Mapping[str, Any] | None = None,
) -> WorldSpec:
    """The world that these requests came from, as far as they tell; traffic from before `end_at`."""
    known, rest = known or {}, rest or {}
    first_at = min(float(one.at[0]) for one in traffic) if start_at is None else start_at
    document = {
        "channels": [
            {"id": one.channel, **_BASE, **known.get(one.channel, {}), **_written(fit_channel(one))}
            for one in channels
        ],
        "traffic": fit_traffic(traffic, start_at=first_at, end_at=end_at),
        **rest,
    }
    return WorldSpec.model_validate(document)


def _written(model: Mapping[str, Any]) -> dict[str, Any]:
    """Durations as a file has them."""
    return {key: write_seconds(value) if key in _DURATIONS else value for key, value in model.items()}


def _channels(world: WorldSpec, halves: Mapping[str, tuple[Observed, Observed]], seed: int) -> list[Likeness]:
    models = [model_of(channel) for channel in world.channels]
    made = [World(seed + number, models) for number in range(_WORLDS)]
    return [channel_likeness(made, early, late) for early, late in halves.values() if len(late)]


def _traffic(world: WorldSpec, found: Sequence[Observed], split_at: float, seed: int) -> list[Likeness]:
    at = np.concatenate([one.at for one in found])
    weights = np.concatenate([one.weights for one in found])
    start_at, end_at = float(at.min()), float(at.max())
    if end_at - split_at < 120.0:
        return []
    routes = [RouteShare(name=RouteName(route.model), share=route.share) for route in routes_of(world)]
    requests = list(Traffic(world.traffic, routes, seed=seed).requests(split_at, end_at))
    made = np.array([request.at for request in requests])
    likenesses = [
        count_likeness(
            "requests a minute",
            "requests",
            per_minute(at, weights, split_at, end_at),
            per_minute(made, np.ones(len(made)), split_at, end_at),
            per_minute(at, weights, start_at, split_at),
        )
    ]
    return likenesses + _tokens(found, requests, split_at)


def _tokens(found: Sequence[Observed], requests: Sequence[Request], split_at: float) -> list[Likeness]:
    if not requests:
        return []
    likenesses = []
    for name in ("input_tokens", "output_tokens"):
        values = np.concatenate([getattr(one, name) for one in found])
        late = np.concatenate([one.at for one in found]) >= split_at
        if not values.any() or not late.any():
            continue
        made = np.array([float(getattr(request, name)) for request in requests])
        likenesses.append(count_likeness(name.replace("_", " "), "tokens", values[late], made, values[~late]))
    return likenesses
