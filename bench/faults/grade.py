"""How the answers to one fault are graded. Pure; `docs/faults.md` prints `RULES`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from bench.faults.catalogue import RETRY_AFTER_S, Fault, Kind
from foreroute.chaos.answer import Answer, Verdict, verdict_of
from foreroute.chaos.fault import is_right

_FAST_S: Final = 2.0
_AT_ONCE_S: Final = 1.0
_SOON_S: Final = 10.0
_LOST_RATIO_MAX: Final = 0.1


class Grade(StrEnum):
    GOOD = "good"
    DEGRADED = "degraded"
    WRONG = "wrong"
    UNTESTED = "untested"


RULES: Final = {
    Kind.SERVABLE: (
        f"good: every answer is complete, each within {_FAST_S:g} s. degraded: all complete but some later, or at most "
        f"{_LOST_RATIO_MAX:.0%} not complete and each of those told. wrong: anything else."
    ),
    Kind.BROKEN: (
        f"good: every answer is complete, or its stream ends told, each within {_SOON_S:g} s. degraded: some are only "
        f"noticed, refused with a status, or later. wrong: one lied or hung."
    ),
    Kind.LIMITED: (
        f"good: every answer is a 429, told, with a Retry-After of 1 to {RETRY_AFTER_S} s, within {_AT_ONCE_S:g} s. "
        "degraded: every answer is a 429 or 503 all the same. wrong: anything else."
    ),
    Kind.DOWN: (
        f"good: every answer is a 5xx, told, within {_FAST_S:g} s. degraded: every answer is a 5xx all the same. "
        "wrong: anything else."
    ),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that the upstream got."""

    channel: str
    text: str
    """What the client had asked: tells which request it was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one gateway made of one fault."""

    grade: Grade
    requests: int
    wrong: int
    """Answers that were not as good as they can be under this fault; slowness apart."""
    verdicts: dict[str, int]
    statuses: dict[str, int]
    p50_s: float
    max_s: float
    attempts_per_request: float
    late_bad_attempts: int
    """Calls of the faulty channel for the second half of the requests: the last ten of twenty."""
    retry_after: list[str]
    """Different values, in the order of their coming."""
    note: str
    """The first answer that was wrong, cut short."""


def texts(fault: Fault) -> list[str]:
    """What the client asks, request by request."""
    return [f"{fault.id}: question {number}" for number in range(1, fault.requests + 1)]


def cell_of(fault: Fault, answers: Sequence[Answer], attempts: Sequence[Attempt], bad: str) -> Cell:
    """`bad` is the id of the faulty channel."""
    judged = [(answer, verdict_of(answer, stream=fault.stream)) for answer in answers]
    lost = [answer for answer, verdict in judged if not is_right(fault.kind, answer, verdict)]
    asked = texts(fault)
    late = set(asked[len(asked) // 2 :])
    times = [answer.seconds for answer in answers]
    asked_bad = [attempt for attempt in attempts if attempt.channel == bad]
    is_tested = bool(asked_bad) or fault.healthy
    return Cell(
        grade=_grade(fault.kind, judged, len(lost)) if is_tested else Grade.UNTESTED,
        requests=len(answers),
        wrong=len(lost),
        verdicts=_counts(verdict.value for _, verdict in judged),
        statuses=_counts(str(answer.status) for answer in answers),
        p50_s=round(median(times), 4),
        max_s=round(max(times), 4),
        attempts_per_request=round(len(attempts) / len(answers), 2),
        late_bad_attempts=sum(attempt.text in late for attempt in asked_bad),
        retry_after=list(dict.fromkeys(answer.retry_after for answer in answers if answer.retry_after)),
        note=_note(lost[0]) if lost else "",
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _grade(kind: Kind, judged: Sequence[tuple[Answer, Verdict]], lost: int) -> Grade:
    limit_s = {Kind.SERVABLE: _FAST_S, Kind.BROKEN: _SOON_S, Kind.LIMITED: _AT_ONCE_S, Kind.DOWN: _FAST_S}
    is_fast = all(answer.seconds < limit_s[kind] for answer, _ in judged)
    if not lost:
        return Grade.GOOD if is_fast else Grade.DEGRADED
    return Grade.DEGRADED if _is_bearable(kind, judged, lost) else Grade.WRONG


def _is_bearable(kind: Kind, judged: Sequence[tuple[Answer, Verdict]], lost: int) -> bool:
    verdicts = {verdict for _, verdict in judged}
    statuses = {answer.status for answer, _ in judged}
    match kind:
        case Kind.SERVABLE:
            return verdicts <= {Verdict.COMPLETE, Verdict.TOLD} and lost <= _LOST_RATIO_MAX * len(judged)
        case Kind.BROKEN:
            return not verdicts & {Verdict.LIED, Verdict.HUNG}
        case Kind.LIMITED:
            return statuses <= {429, 503} and Verdict.HUNG not in verdicts
        case Kind.DOWN:
            return all(status >= 500 for status in statuses) and Verdict.HUNG not in verdicts


def _note(answer: Answer) -> str:
    body = " ".join(answer.body[-160:].decode(errors="replace").split())
    return f"{answer.status}: …{body}" if body else f"{answer.status}"
