"""Attempts of every kind for tests of whatever stores or carries them, the same at every call."""

from collections.abc import Iterator
from random import Random
from typing import Final

from foreroute.core.attempt import Asked, Attempt, Candidate, Outcome, PickReason, PickRule, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.limits import RateLimits

START_AT: Final = 1_770_000_000.0


def attempts(count: int, *, seed: int = 1) -> Iterator[Attempt]:
    rng = Random(seed)
    for number in range(count):
        outcome = rng.choice(list(Outcome))
        failed = outcome in {Outcome.FAILURE, Outcome.TIMEOUT, Outcome.THROTTLED}
        stream = rng.random() < 0.5
        yield Attempt(
            request_id=RequestId(f"req_{number:06d}"),
            number=1 + number % 3,
            route=RouteName("chat"),
            channel=ChannelId(rng.choice("abc")),
            started_at=START_AT + number * 0.25,
            duration_s=rng.random(),
            outcome=outcome,
            reason=rng.choice(list(PickReason)),
            plan_version=number,
            client_region=RegionId("here") if rng.random() < 0.5 else None,
            key_id=KeyId("key-1") if rng.random() < 0.5 else None,
            stream=stream,
            time_to_first_chunk_s=rng.random() if stream else None,
            failure_class=rng.choice(list(FailureClass)) if failed else None,
            phase=rng.choice(list(Phase)),
            status=rng.choice([None, 200, 429, 503]),
            usage=Usage(*(rng.randrange(1000) for _ in range(5))),
            hedge=rng.random() < 0.1,
            retry_after_s=7.0 if rng.random() < 0.1 else None,
            error="ünsäglich" if failed else "",
            asked=Asked(
                "/chat/completions", rng.randrange(5000), rng.choice([None, 100]), rng.random() < 0.5
            ),
            rule=rng.choice(list(PickRule)),
            candidates=(Candidate(ChannelId("b"), "open", 0.25, 1.5, 3),) if number % 4 == 0 else (),
            connect_s=0.031 if number % 7 == 0 else None,
            gap_max_s=0.25 if stream else None,
            canary="t1/total" if number % 10 == 0 else "",
            leash=number % 50 == 0,
            rate_limits=RateLimits(600, number % 600, 1.5, tokens_max=90_000) if number % 3 == 0 else None,
        )
