"""What one attempt says of each phase's duration: how long it took, or that it took longer than it was given."""

from typing import Final, NamedTuple

from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.failure import FailureClass
from foreroute.core.limits import UNTIMED, Parameter

NOT_USERS: Final = frozenset({PickReason.PROBE, PickReason.SHADOW})
"""Attempts that are no request of anybody's: a probe is tiny, a copy is not waited for."""


class Sample(NamedTuple):
    parameter: Parameter
    seconds: float
    cut: bool
    tokens: int = 0
    """Input tokens of a first chunk, output tokens of the whole."""


def samples_of(attempt: Attempt) -> list[Sample]:
    """Failures that are no timeout say nothing of durations. A client that left, or a lost hedge, cuts off as a
    timeout does.
    """
    if attempt.reason in NOT_USERS or attempt.asked.endpoint in UNTIMED:
        return []
    found = _connect(attempt)
    cut = attempt.outcome is Outcome.TIMEOUT or (
        attempt.outcome is Outcome.IGNORED and attempt.failure_class is None
    )
    if attempt.failure_class is FailureClass.TIMEOUT_CONNECT or not (
        cut or attempt.outcome is Outcome.SUCCESS
    ):
        return found
    asked, first_s = attempt.asked, attempt.time_to_first_chunk_s
    if attempt.stream and first_s is not None:
        found.append(Sample(Parameter.FIRST_CHUNK, first_s, cut=False, tokens=asked.input_tokens))
        if attempt.gap_max_s is not None:
            found.append(Sample(Parameter.STALL, attempt.gap_max_s, cut=cut))
    elif attempt.stream:
        found.append(Sample(Parameter.FIRST_CHUNK, attempt.duration_s, cut=True, tokens=asked.input_tokens))
    found.append(Sample(Parameter.TOTAL, attempt.duration_s, cut=cut, tokens=attempt.usage.output_tokens))
    return found


def _connect(attempt: Attempt) -> list[Sample]:
    if attempt.connect_s is not None:
        return [Sample(Parameter.CONNECT, attempt.connect_s, cut=False)]
    if attempt.failure_class is FailureClass.TIMEOUT_CONNECT:
        return [Sample(Parameter.CONNECT, attempt.duration_s, cut=True)]
    return []
