"""The scenarios of the standard comparison: one stage of six channels, and what befalls them.

The stage follows public measurements of hosted models: medians of 0.5 to 0.65 s to the first token with p95/p50 of 1.6
to 2.2, a faster and steadier local server, daily waves, levels that wander, and room for what an operator's share would
be. Each policy lives through 45 quiet minutes first. Faults come with a precursor where real ones do: ramps can be seen
coming, stops cannot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.simulate.channel import Capacity, ChannelModel, UnitPrice
from foreroute.simulate.compare import Contest, Match
from foreroute.simulate.faults import Breakdown, ColdStart, ErrorBurst, Fault, Outage, SlowRamp
from foreroute.simulate.policies.oracle import Loss
from foreroute.simulate.request import Request
from foreroute.simulate.world import World

START_AT: Final = 1_772_442_000.0
"""Monday 2 March 2026, 09:00 UTC."""
ROUTE: Final = RouteName("chat")
LIMIT_S: Final = 1.5
_MINUTE_S: Final = 60.0
_WARM_MINUTES: Final = 45
_SCORED_MINUTES: Final = 60
_PER_MINUTE: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One channel of the stage."""

    id: str
    provider: str
    region: str
    weight: float
    first_chunk_s: float
    spread: float
    token_s: float
    slots: int
    usd: tuple[str, str]
    """Per million tokens, input and output."""


STAGE: Final = (
    Part(
        id="azure-us",
        provider="azure",
        region="us",
        weight=0.30,
        first_chunk_s=0.55,
        spread=1.9,
        token_s=0.012,
        slots=8,
        usd=("0.15", "0.60"),
    ),
    Part(
        id="azure-eu",
        provider="azure",
        region="eu",
        weight=0.12,
        first_chunk_s=0.65,
        spread=1.7,
        token_s=0.012,
        slots=6,
        usd=("0.15", "0.60"),
    ),
    Part(
        id="aws-us",
        provider="aws",
        region="us",
        weight=0.18,
        first_chunk_s=0.60,
        spread=1.6,
        token_s=0.010,
        slots=6,
        usd=("1.00", "5.00"),
    ),
    Part(
        id="gcp-us",
        provider="google",
        region="us",
        weight=0.20,
        first_chunk_s=0.50,
        spread=2.2,
        token_s=0.008,
        slots=6,
        usd=("0.30", "2.50"),
    ),
    Part(
        id="gcp-eu",
        provider="google",
        region="eu",
        weight=0.10,
        first_chunk_s=0.62,
        spread=1.9,
        token_s=0.008,
        slots=5,
        usd=("0.30", "2.50"),
    ),
    Part(
        id="local-gpu",
        provider="local",
        region="us",
        weight=0.10,
        first_chunk_s=0.25,
        spread=1.4,
        token_s=0.016,
        slots=2,
        usd=("0.05", "0.10"),
    ),
)
_BUSIEST, _OTHER = ChannelId("azure-us"), ChannelId("gcp-us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What befalls the stage. Minutes count from the first scored request."""

    name: str
    about: str
    faults: tuple[Fault, ...] = ()
    surge: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """(first minute, last minute, how many times the usual traffic)."""


def contests(*, quick: bool = False) -> tuple[Contest, ...]:
    """`quick`: the few scenarios in which most differs."""
    told = [_contest(story) for story in _stories(_at(0))]
    return tuple(one for one in told if not quick or one.name in {"ramp", "stop", "surge"})


def _contest(story: Story) -> Contest:
    return Contest(
        name=story.name,
        about=story.about,
        match=lambda seed: _match(story, seed),
        key=repr((story, STAGE, LIMIT_S, _WARM_MINUTES, _SCORED_MINUTES, _PER_MINUTE)),
    )


def _match(story: Story, seed: int) -> Match:
    return Match(
        seed=seed,
        world=World(seed, [_model(part) for part in STAGE], story.faults),
        requests=_requests(story, Random(f"traffic/{seed}")),
        weights={ChannelId(part.id): part.weight for part in STAGE},
        loss=Loss(limit_s=LIMIT_S),
        start_at=START_AT,
        scored_from_at=_at(0),
    )


def _at(minute: float) -> float:
    return START_AT + (_WARM_MINUTES + minute) * _MINUTE_S


def _stories(begin: float) -> Sequence[Story]:
    def at(minute: float) -> float:
        return begin + minute * _MINUTE_S

    return (
        Story(name="calm", about="nothing but the usual ups and downs"),
        Story(
            name="ramp",
            about="the busiest channel slows down to 3 times over 40 minutes, with a precursor, and recovers",
            faults=(_ramp(_BUSIEST, at, 2, 42, 48, 56, 3.0),),
        ),
        Story(
            name="rush",
            about="two channels slow down to 2.5 times in turn, as at peak hours",
            faults=(_ramp(_BUSIEST, at, 0, 20, 22, 34, 2.5), _ramp(_OTHER, at, 22, 44, 46, 58, 2.5)),
        ),
        Story(
            name="stop",
            about="the busiest channel refuses connections for 15 minutes, out of the blue",
            faults=(Outage(channel=_BUSIEST, start_at=at(20), end_at=at(35), how=Breakdown.REFUSED),),
        ),
        Story(
            name="brownout",
            about="40 % of one channel's requests fail for 20 minutes, out of the blue",
            faults=(ErrorBurst(channel=_OTHER, start_at=at(20), end_at=at(40), ratio=0.4),),
        ),
        Story(
            name="flapping",
            about="the busiest channel is down for 20 of every 60 seconds, for 20 minutes",
            faults=(
                Outage(
                    channel=_BUSIEST,
                    start_at=at(20),
                    end_at=at(40),
                    how=Breakdown.ERROR,
                    every_s=60.0,
                    down_s=20.0,
                ),
            ),
        ),
        Story(
            name="throttled",
            about="half of the busiest channel's requests are told to come back in 5 s, for 15 minutes",
            faults=(
                ErrorBurst(
                    channel=_BUSIEST,
                    start_at=at(20),
                    end_at=at(35),
                    ratio=0.5,
                    status=429,
                    code="rate_limit_exceeded",
                    message="Rate limit reached, please try again later",
                    retry_after_s=5.0,
                ),
            ),
        ),
        Story(name="surge", about="three times the traffic for 15 minutes", surge=(20.0, 35.0, 3.0)),
        Story(
            name="region",
            about="all three hosted channels of one region are lost for 10 minutes",
            faults=tuple(
                Outage(channel=ChannelId(part.id), start_at=at(20), end_at=at(30), how=Breakdown.ERROR)
                for part in STAGE
                if part.region == "us" and part.provider != "local"
            ),
        ),
        Story(
            name="newcomer",
            about="the local server is added after 20 minutes, cold: slow at first, and loading for a third",
            faults=(
                Outage(
                    channel=ChannelId("local-gpu"), start_at=START_AT, end_at=at(20), how=Breakdown.REFUSED
                ),
                ColdStart(
                    channel=ChannelId("local-gpu"),
                    start_at=at(20),
                    end_at=at(23),
                    extra_s=8.0,
                    loading_ratio=0.33,
                ),
            ),
        ),
    )


def _ramp(
    channel: ChannelId,
    at: Callable[[float], float],
    start: float,
    peak: float,
    recover: float,
    end: float,
    factor: float,
) -> SlowRamp:
    return SlowRamp(
        channel=channel,
        start_at=at(start),
        peak_at=at(peak),
        recover_at=at(recover),
        end_at=at(end),
        factor=factor,
    )


def _model(part: Part) -> ChannelModel:
    inputs, outputs = part.usd
    return ChannelModel(
        channel=Channel(
            id=ChannelId(part.id),
            provider=part.provider,
            cloud=part.provider,
            region=RegionId(part.region),
            model=f"model-of-{part.provider}",
            base_url="http://127.0.0.1",
        ),
        first_chunk_s=part.first_chunk_s,
        spread=part.spread,
        token_s=part.token_s,
        swing=0.15,
        wander=0.04,
        roam=0.08,
        capacity=Capacity(slots=part.slots),
        price=UnitPrice(input_usd=Decimal(inputs), output_usd=Decimal(outputs)),
    )


def _requests(story: Story, rng: Random) -> list[Request]:
    """Poisson arrivals, thinned to the rate of their minute (Lewis & Shedler 1979), with lognormal token counts."""
    first, last, times = story.surge
    most = _PER_MINUTE * max(1.0, times)
    found: list[Request] = []
    minute = 0.0
    while True:
        minute += rng.expovariate(most)
        if minute >= _WARM_MINUTES + _SCORED_MINUTES:
            return found
        rate = _PER_MINUTE * (times if first <= minute - _WARM_MINUTES < last else 1.0)
        keep, tokens_in, tokens_out = rng.random(), rng.lognormvariate(6.6, 1.0), rng.lognormvariate(4.4, 0.9)
        if keep < rate / most:
            found.append(
                Request(
                    id=RequestId(f"r{len(found)}"),
                    at=START_AT + minute * _MINUTE_S,
                    route=ROUTE,
                    input_tokens=min(8000, int(tokens_in)),
                    output_tokens=min(800, 1 + int(tokens_out)),
                )
            )
