"""A small world to try things in."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.request import ANYWHERE, Request
from foreroute.simulate.routing import Pick

MakeModel = Callable[..., ChannelModel]
MakeRequest = Callable[..., Request]


@pytest.fixture
def model() -> MakeModel:
    def make(name: str = "one", *, region: str = "us-east-1", **fields: Any) -> ChannelModel:
        channel = Channel(
            id=ChannelId(name),
            provider="p",
            cloud="c",
            region=RegionId(region),
            model="m",
            base_url="http://127.0.0.1/v1",
        )
        usual: dict[str, Any] = {
            "first_chunk_s": 0.5,
            "spread": 1.0001,
            "token_spread": 1.0001,
            "token_s": 0.01,
            "input_token_s": 0.0,
            "failure_ratio": 0.0,
        }
        return ChannelModel(channel=channel, **(usual | fields))

    return make


@pytest.fixture
def request_at() -> MakeRequest:
    def make(at: float, number: int = 0, *, place: str = ANYWHERE, **fields: Any) -> Request:
        usual: dict[str, Any] = {"input_tokens": 100, "output_tokens": 100}
        return Request(
            id=RequestId(f"r{number}"),
            at=at,
            route=RouteName("chat"),
            place=RegionId(place),
            **(usual | fields),
        )

    return make


class InTurn:
    """A router that takes the channels in turn, and remembers what it was told."""

    def __init__(self, channels: Sequence[str], attempts_max: int = 3) -> None:
        self.channels = [ChannelId(name) for name in channels]
        self.attempts_max = attempts_max
        self.told: list[tuple[Any, ...]] = []
        self.picked = 0

    def pick(self, asking: Any) -> Any:
        self.told.append(("pick", asking.request.id, tuple(asking.tried), asking.at))
        if len(asking.tried) >= self.attempts_max:
            return None
        self.picked += 1
        return Pick(channel=self.channels[(self.picked - 1) % len(self.channels)])

    def started(self, pick: Any, request: Any, number: int, at: float) -> None:
        self.told.append(("started", request.id, number, at))

    def ended(self, attempt: Any, limits: Any) -> None:
        self.told.append(("ended", attempt.request_id, attempt.number, attempt.ended_at))


@pytest.fixture
def in_turn() -> type[InTurn]:
    return InTurn
