"""The requests of a world's users: made up from a seed, or a recorded trace over and over.

When requests come and what they ask is decided by the seed alone; surges add requests to those that come anyhow, so
a day with a surge and one without are the same until it starts.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Final

from foreroute.core.ids import RegionId, RequestId, RouteName
from foreroute.simulate.channel import profile_at, quantile_at, weekend_share
from foreroute.simulate.request import ANYWHERE, Request
from foreroute.simulate.traffic import Arrival, read_trace, repeat
from foreroute.simulate.world_schema import PlaceSpec, TokenSpec, TrafficSpec

_Z95: Final = NormalDist().inv_cdf(0.95)
_DAY_S: Final = 86_400.0
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """More requests between two instants: `factor` times as many as usual at its height."""

    start_at: float
    end_at: float
    factor: float
    rise_s: float = 0.0
    places: tuple[RegionId, ...] = ()
    """Empty: everywhere."""

    def share(self, at: float) -> float:
        """How many requests come on top, as a part of the usual ones."""
        if not self.start_at <= at < self.end_at:
            return 0.0
        risen = 1.0 if self.rise_s <= 0.0 else min(1.0, (at - self.start_at) / self.rise_s)
        return (self.factor - 1.0) * risen


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShare:
    name: RouteName
    share: float


class Traffic:
    """`requests` makes the requests between two instants, in order of time. `add` puts in a surge while it runs."""

    def __init__(
        self,
        spec: TrafficSpec,
        routes: Sequence[RouteShare],
        surges: Sequence[Surge] = (),
        *,
        seed: int,
        folder: Path | None = None,
    ) -> None:
        self._spec = spec
        self._routes = routes
        self._surges = list(surges)
        self._seed = seed
        self._places = spec.places or (PlaceSpec(region="anywhere"),)
        self._is_anywhere = not spec.places
        self._known_minute = -1.0
        self._known: tuple[float, list[float]] = (0.0, [])
        self._replayed: list[Arrival] | None = None
        if spec.replay is not None:
            path = spec.replay.file if folder is None else folder / spec.replay.file
            self._replayed = read_trace(path, keep_every=spec.replay.keep_every)

    def add(self, surge: Surge) -> None:
        self._surges.append(surge)

    def requests(self, start_at: float, end_at: float) -> Iterator[Request]:
        if self._replayed is not None:
            usual = self._replay(self._replayed, start_at, end_at)
        else:
            usual = self._made_up(start_at, end_at)
        waiting = next(usual, None)
        at = start_at
        while at < end_at:
            until = min(at + _MINUTE_S, end_at)
            # Looked at minute by minute: a surge may be put in while the world runs.
            surging = any(one.start_at < until and at < one.end_at for one in self._surges)
            found = list(self._on_top(at, until)) if surging else []
            while waiting is not None and waiting.at < until:
                found.append(waiting)
                waiting = next(usual, None)
            yield from sorted(found, key=lambda request: request.at) if surging else found
            at = until

    def rate(self, at: float) -> float:
        """Requests a second, bursts and surges left out; the same for the whole of a minute."""
        return self._minute(at)[0]

    def _minute(self, at: float) -> tuple[float, list[float]]:
        """(rate, weight of each place)."""
        minute = at // _MINUTE_S
        if minute != self._known_minute:
            middle = (minute + 0.5) * _MINUTE_S
            weights = [place.share * self._level(place, middle) for place in self._places]
            total = sum(place.share for place in self._places)
            level = profile_at(self._spec.hours, middle) if self._spec.hours else sum(weights) / total
            level *= 1.0 - self._spec.weekend * weekend_share(middle)
            self._known_minute = minute
            self._known = self._spec.requests_per_minute / 60.0 * level, weights
        return self._known

    def _level(self, place: PlaceSpec, at: float) -> float:
        local = at + place.utc_offset
        return 1.0 + self._spec.swing * math.cos((local - self._spec.peak) / _DAY_S * 2 * math.pi)

    def _made_up(self, start_at: float, end_at: float) -> Iterator[Request]:
        """Poisson arrivals by thinning (Lewis & Shedler 1979)."""
        rng, spec = Random(f"{self._seed}/traffic"), self._spec
        bursts = _Bursts(spec, self._seed)
        most = self._rate_max() * (spec.bursts.factor if spec.bursts.per_day else 1.0)
        at = start_at
        for number in count():
            at += rng.expovariate(most)
            if at >= end_at:
                return
            if rng.random() * most < self.rate(at) * bursts.factor(at):
                yield self._request(f"r{number}", at, rng, surging=False)

    def _on_top(self, start_at: float, end_at: float) -> Iterator[Request]:
        """What surges add within a minute, with luck of its own."""
        rng = Random(f"{self._seed}/surge/{start_at:.0f}")
        most = self._rate_max() * sum(surge.factor - 1.0 for surge in self._surges)
        at = start_at
        for number in count():
            at += rng.expovariate(most)
            if at >= end_at:
                return
            if rng.random() * most < self.rate(at) * self._extra(at):
                yield self._request(f"s{start_at:.0f}-{number}", at, rng, surging=True)

    def _rate_max(self) -> float:
        top = max(self._spec.hours, default=1.0 + self._spec.swing)
        return self._spec.requests_per_minute / 60.0 * top

    def _extra(self, at: float) -> float:
        return sum(surge.share(at) for surge in self._surges)

    def _request(self, name: str, at: float, rng: Random, *, surging: bool) -> Request:
        spec = self._spec
        return Request(
            id=RequestId(name),
            at=at,
            place=self._place(at, rng, surging=surging),
            route=self._route(rng),
            input_tokens=_tokens(spec.input_tokens, rng),
            output_tokens=_tokens(spec.output_tokens, rng),
            stream=rng.random() < spec.stream_ratio,
        )

    def _replay(self, arrivals: Sequence[Arrival], start_at: float, end_at: float) -> Iterator[Request]:
        rng = Random(f"{self._seed}/replay")
        for number, arrival in enumerate(repeat(arrivals, until_s=end_at - start_at)):
            at = start_at + arrival.offset_s
            yield Request(
                id=RequestId(f"r{number}"),
                at=at,
                place=self._place(at, rng, surging=False),
                route=self._route(rng),
                input_tokens=arrival.input_tokens,
                output_tokens=arrival.output_tokens,
                stream=rng.random() < self._spec.stream_ratio,
            )

    def _place(self, at: float, rng: Random, *, surging: bool) -> RegionId:
        uniform = rng.random()
        if self._is_anywhere:
            return ANYWHERE
        weights = self._minute(at)[1]
        if surging:
            named = {name for one in self._surges if one.share(at) for name in one.places}
            weights = [
                weight if not named or place.region in named else 0.0
                for place, weight in zip(self._places, weights, strict=True)
            ]
        return RegionId(self._places[_drawn(weights, uniform)].region)

    def _route(self, rng: Random) -> RouteName:
        return self._routes[_drawn([route.share for route in self._routes], rng.random())].name


class _Bursts:
    """Many requests at once, some times a day, each for a while: what nobody can foresee."""

    def __init__(self, spec: TrafficSpec, seed: int) -> None:
        self._spec = spec.bursts
        self._seed = seed
        self._days: dict[int, list[tuple[float, float, float]]] = {}
        self._near: tuple[int, list[tuple[float, float, float]]] = (0, [])

    def factor(self, at: float) -> float:
        if not self._spec.per_day:
            return 1.0
        day = int(at // _DAY_S)
        if day != self._near[0]:
            self._near = day, [*self._of(day - 1), *self._of(day)]
        highest = 0.0
        for start, end, factor in self._near[1]:
            if start <= at < end and factor > highest:
                highest = factor
        return highest or 1.0

    def _of(self, day: int) -> list[tuple[float, float, float]]:
        if day not in self._days:
            rng, spec = Random(f"{self._seed}/bursts/{day}"), self._spec
            self._days[day] = []
            at = day * _DAY_S
            while spec.per_day and (at := at + rng.expovariate(spec.per_day / _DAY_S)) < (day + 1) * _DAY_S:
                length = spec.for_ * math.exp(rng.gauss(0.0, 0.7))
                height = 1.0 + (spec.factor - 1.0) * rng.random()
                self._days[day].append((at, at + min(length, _DAY_S), height))
        return self._days[day]


def _tokens(spec: TokenSpec, rng: Random) -> int:
    if spec.table:
        return max(1, min(spec.max, round(quantile_at(spec.table, rng.random()))))
    sigma = math.log(spec.spread) / _Z95
    return max(1, min(spec.max, round(spec.median * math.exp(sigma * rng.gauss(0.0, 1.0)))))


def _drawn(weights: Sequence[float], uniform: float) -> int:
    left = uniform * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0.0:
            return place
    return len(weights) - 1
