"""The demo's stage: six channels, and the story that is going to happen to them.

Five channels over three clouds and two regions, and a local one, serve one route. A few minutes after the
start the busiest one begins to slow down, little by little; later another one starts to fail out of the blue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.faults import ErrorBurst, Fault, SlowRamp
from foreroute.simulate.world import World

ROUTE: Final = RouteName("chat-small")
LIMIT_S: Final = 0.9
"""The route's objective: p95 of the time to first token."""
SLOWING: Final = ChannelId("azure-us-east")
FAILING: Final = ChannelId("gcp-us-east")
CYCLE_S: Final = 7200.0
"""The story repeats after two simulated hours."""
FAILS_AFTER_S: Final = 2160.0
"""From the start of the story."""
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One channel of the scene: what it is, and how it behaves."""

    id: str
    provider: str
    cloud: str
    region: str
    model: str
    weight: float
    first_chunk_s: float
    spread: float
    token_s: float
    price: Mapping[str, str] | None = None


CAST: Final[Sequence[Part]] = (
    Part(
        id="azure-us-east",
        provider="azure",
        cloud="azure",
        region="us-east",
        model="gpt-4o-mini",
        weight=0.34,
        first_chunk_s=0.36,
        spread=1.6,
        token_s=0.012,
    ),
    Part(
        id="azure-eu-west",
        provider="azure",
        cloud="azure",
        region="eu-west",
        model="gpt-4o-mini",
        weight=0.12,
        first_chunk_s=0.42,
        spread=1.5,
        token_s=0.012,
    ),
    Part(
        id="aws-us-east",
        provider="aws",
        cloud="aws",
        region="us-east",
        model="anthropic.claude-haiku-4-5-20251001-v1:0",
        weight=0.18,
        first_chunk_s=0.40,
        spread=1.5,
        token_s=0.010,
    ),
    Part(
        id="gcp-us-east",
        provider="google",
        cloud="gcp",
        region="us-east",
        model="gemini-2.5-flash",
        weight=0.20,
        first_chunk_s=0.34,
        spread=1.5,
        token_s=0.008,
    ),
    Part(
        id="gcp-eu-west",
        provider="google",
        cloud="gcp",
        region="eu-west",
        model="gemini-2.5-flash",
        weight=0.10,
        first_chunk_s=0.41,
        spread=1.6,
        token_s=0.008,
    ),
    Part(
        id="local-gpu",
        provider="local",
        cloud="local",
        region="us-east",
        model="qwen3-8b",
        weight=0.12,
        first_chunk_s=0.16,
        spread=1.3,
        token_s=0.016,
        price={"input_usd_per_mtok": "0.05", "output_usd_per_mtok": "0.10"},
    ),
)


def build_world(seed: int, *, live_at: float, until_at: float) -> World:
    """The channels and their story from `live_at` on. Before it nothing goes wrong: that is the history."""
    models = [
        ChannelModel(
            channel=_channel(part),
            first_chunk_s=part.first_chunk_s,
            spread=part.spread,
            token_s=part.token_s,
            swing=0.15,
            wander=0.03,
        )
        for part in CAST
    ]
    return World(seed, models, _story(live_at, until_at))


def _story(live_at: float, until_at: float) -> list[Fault]:
    faults: list[Fault] = []
    start = live_at
    while start < until_at:
        faults.append(
            SlowRamp(
                channel=SLOWING,
                start_at=start + 2 * _MINUTE,
                peak_at=start + 62 * _MINUTE,
                recover_at=start + 66 * _MINUTE,
                end_at=start + 76 * _MINUTE,
                factor=2.3,
            )
        )
        faults.append(
            ErrorBurst(
                channel=FAILING,
                start_at=start + FAILS_AFTER_S,
                end_at=start + FAILS_AFTER_S + 7 * _MINUTE,
                ratio=0.7,
            )
        )
        start += CYCLE_S
    return faults


def _channel(part: Part) -> Channel:
    return Channel(
        id=ChannelId(part.id),
        provider=part.provider,
        cloud=part.cloud,
        region=RegionId(part.region),
        model=part.model,
        base_url="http://127.0.0.1",
    )
