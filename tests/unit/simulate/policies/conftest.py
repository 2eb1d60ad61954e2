"""A world so small that a test can see all of it: every channel answers as it is told, and time is a number."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Pick, Router, Ticking

ROUTE = RouteName("chat")


@dataclass(frozen=True, kw_only=True)
class Says:
    """How a channel answers."""

    first_s: float = 0.5
    body_s: float = 1.0
    status: int = 200
    failure: FailureClass | None = None
    retry_after_s: float | None = None


@dataclass(kw_only=True)
class Stage:
    """Drives a router with one request after the other, each on its way while the next ones come."""

    router: Router
    answers: Callable[[ChannelId, float], Says]
    chance: Random = field(default_factory=lambda: Random(1))
    asked: list[tuple[float, ChannelId]] = field(default_factory=list)
    given_up: list[float] = field(default_factory=list)

    def play(self, *, every_s: float, count: int, start_at: float = 0.0) -> None:
        events: list[tuple[float, int, Request, int, list[ChannelId], Attempt | None]] = []
        for number in range(count):
            at = start_at + number * every_s
            request = Request(
                id=RequestId(f"r{start_at:g}-{number}"),
                at=at,
                route=ROUTE,
                input_tokens=500,
                output_tokens=100,
            )
            heapq.heappush(events, (at, number, request, 1, [], None))
        order, next_tick = count, start_at + 60.0
        while events:
            at, _, request, number, tried, ended = heapq.heappop(events)
            while at >= next_tick:
                if isinstance(self.router, Ticking):
                    self.router.tick(next_tick)
                next_tick += 60.0
            if ended is not None:
                self.router.ended(ended, None)
                if ended.outcome is Outcome.SUCCESS:
                    continue
            pick = self.router.pick(
                Asking(request=request, at=at, chance=self.chance, tried=tried, failed=ended)
            )
            if not isinstance(pick, Pick):
                self.given_up.append(at)
                continue
            self.asked.append((at, pick.channel))
            self.router.started(pick, request, number, at)
            attempt = attempt_of(request, number, pick.channel, at, self.answers(pick.channel, at))
            order += 1
            entry = (attempt.ended_at, order, request, number + 1, [*tried, pick.channel], attempt)
            heapq.heappush(events, entry)

    def counts(self, *, from_at: float = 0.0, to_at: float = float("inf")) -> Counter[ChannelId]:
        return Counter(channel for at, channel in self.asked if from_at <= at < to_at)


def attempt_of(request: Request, number: int, channel: ChannelId, at: float, says: Says) -> Attempt:
    good = says.status == 200 and says.failure is None
    outcome = Outcome.SUCCESS
    if not good:
        outcome = Outcome.THROTTLED if says.status == 429 else Outcome.FAILURE
        if says.failure is FailureClass.TIMEOUT_READ:
            outcome = Outcome.TIMEOUT
    return Attempt(
        request_id=request.id,
        number=number,
        route=request.route,
        channel=channel,
        started_at=at,
        duration_s=says.first_s + (says.body_s if good else 0.0),
        outcome=outcome,
        reason=PickReason.CONFIGURED,
        plan_version=0,
        stream=True,
        time_to_first_chunk_s=says.first_s if good else None,
        failure_class=says.failure,
        status=None if says.failure is FailureClass.TIMEOUT_READ else says.status,
        usage=Usage(request.input_tokens, output_tokens=request.output_tokens) if good else Usage(),
        retry_after_s=says.retry_after_s,
    )


def channel(
    name: str,
    *,
    provider: str = "openai",
    cloud: str = "openai",
    requests_per_minute_max: int | None = None,
) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider=provider,
        cloud=cloud,
        region=RegionId("here"),
        model="m",
        base_url="http://127.0.0.1",
        requests_per_minute_max=requests_per_minute_max,
    )


@pytest.fixture
def channels() -> Mapping[ChannelId, Channel]:
    return {ChannelId(name): channel(name) for name in "abc"}
