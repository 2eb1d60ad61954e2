"""What the policies have in common: how often a request is tried, and what is tried again at all."""

from typing import Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.failure import FAILURE_ADVICE
from foreroute.simulate.routing import Asking

ATTEMPTS_MAX: Final = 3
"""Of one request, with every policy: LiteLLM's default of two retries, and Foreroute's of three attempts."""


def is_over(asking: Asking) -> bool:
    """Whether the request must be given up: it was tried often enough, or no channel would take it."""
    return len(asking.tried) >= ATTEMPTS_MAX or (asking.failed is not None and not may_retry(asking.failed))


def may_retry(attempt: Attempt) -> bool:
    failure = attempt.failure_class
    return failure is None or FAILURE_ADVICE[failure].failover


def speaks_against(attempt: Attempt) -> bool:
    """Whether a failure is the channel's; being throttled counts, as it does for those who do not look closer."""
    return attempt.outcome not in {Outcome.SUCCESS, Outcome.IGNORED}


def waited_s(attempt: Attempt) -> float:
    """What the caller waited for: the first chunk of a stream, the whole of another answer."""
    first = attempt.time_to_first_chunk_s
    return first if attempt.stream and first is not None else attempt.duration_s
