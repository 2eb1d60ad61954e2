"""The cause of one failed attempt, by rules.

Order: error codes → what was said in the answer → status, when an answer came; exceptions and what
network libraries say, read in the light of the phase, when none did. What nothing names gets the safe
default of its phase. Status codes alone mislead: a spent budget may be a 400, an overload a 200.
"""

import re
from typing import Final

from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.heal.codes import CODES, STATUSES
from foreroute.heal.rules import ANSWERS, WIRE, Needle, Rules

_TEXT_CHARS: Final = 1600
"""Enough for every known message, and a bound on the time that the rules take."""
_SEPARATORS: Final = str.maketrans("", "", "-_. ")
_TAG: Final = re.compile(r"<[^>]{0,200}>")
_OPENING: Final = frozenset({Phase.DNS, Phase.CONNECT, Phase.TLS})
_READING: Final = frozenset({Phase.STREAM, Phase.DONE})
_DEFAULTS: Final = {
    Phase.DNS: FailureClass.DNS_FAILURE,
    Phase.CONNECT: FailureClass.CONNECTION_REFUSED_OR_RESET,
    Phase.STREAM: FailureClass.STREAM_INTERRUPTED,
}
_VAGUE: Final = frozenset(
    {FailureClass.SERVER_ERROR, FailureClass.INVALID_REQUEST, FailureClass.TIMEOUT_READ}
)
"""What is said in passing: the status knows better."""
_EXACTER: Final = {
    FailureClass.AUTHENTICATION: (FailureClass.QUOTA_EXHAUSTED,),
    FailureClass.MODEL_NOT_FOUND: (FailureClass.UNSUPPORTED_FEATURE,),
    FailureClass.UNSUPPORTED_FEATURE: (FailureClass.CONTEXT_LENGTH_EXCEEDED,),
}
"""What may be said beside a code and goes deeper: money behind a refused key, a feature behind a model."""
_CUT: Final = frozenset({FailureClass.CONNECTION_REFUSED_OR_RESET, FailureClass.STREAM_INTERRUPTED})


class RuleClassifier:
    """Names the cause of a failed attempt by ordered rules. Pure, bounded in time, never raises."""

    def classify(self, evidence: FailureEvidence) -> FailureClass:
        text = _text(evidence)
        if evidence.status is not None and evidence.status >= 400:
            return _answered(evidence, text, evidence.status)
        coded = _by_code(evidence)
        if coded is not None and coded is not FailureClass.TIMEOUT_READ:
            return coded
        return _unanswered(evidence, text)


def _answered(evidence: FailureEvidence, text: str, status: int) -> FailureClass:
    coded = _by_code(evidence)
    said = _by_rules(ANSWERS, text)
    if coded is not None and not _is_more_exact(said, than=coded):
        return coded
    if said is not None and not (said in _VAGUE and status in STATUSES):
        return said
    if (known := STATUSES.get(status)) is not None:
        return known
    if status == 404 and evidence.content_type:
        return FailureClass.MODEL_NOT_FOUND  # a real answer: we chose the path and the model, not the caller
    if (wire := _by_rules(WIRE, text)) is not None:
        return wire
    return FailureClass.SERVER_ERROR if status >= 500 else FailureClass.INVALID_REQUEST


def _is_more_exact(said: FailureClass | None, *, than: FailureClass) -> bool:
    return said is not None and said in _EXACTER.get(than, ())


def _unanswered(evidence: FailureEvidence, text: str) -> FailureClass:
    """No answer, or a 200 that was none."""
    phase = evidence.phase
    wire = _by_rules(WIRE, text)
    if wire is FailureClass.TIMEOUT_READ and phase in _OPENING:
        return FailureClass.TIMEOUT_CONNECT
    if wire is not None and wire in _CUT:
        return FailureClass.STREAM_INTERRUPTED if phase in _READING else wire
    if wire is None and (said := _by_rules(ANSWERS, text)) is not None:
        return said
    if wire is not None:
        return wire
    if evidence.status is not None and phase is not Phase.STREAM:
        return FailureClass.MALFORMED_RESPONSE
    return _DEFAULTS.get(phase, FailureClass.NETWORK_UNSPECIFIED)


def _by_code(evidence: FailureEvidence) -> FailureClass | None:
    """By the code, the type, or the last part of either (`Throttling.AllocationQuota`)."""
    for value in (evidence.error_code, evidence.error_type):
        lower = value.lower()
        found = CODES.get(lower.translate(_SEPARATORS)) or CODES.get(
            lower.rpartition(".")[2].translate(_SEPARATORS)
        )
        if found is not None:
            return found
    return None


def _by_rules(rules: Rules, text: str) -> FailureClass | None:
    for kind, needles in rules:
        for needle in needles:
            if _occurs(needle, text):
                return kind
    return None


def _occurs(needle: Needle, text: str) -> bool:
    if isinstance(needle, str):
        return needle in text
    return all(part in text for part in needle)


def _text(evidence: FailureEvidence) -> str:
    """All that was said, lower case and without tags: codes, message, exceptions, and the body where the
    message is not the whole story. A body that was read already is left out: it may quote the prompt.
    """
    chain = " ".join(f"{name}: {said}" for name, said in evidence.exception_chain)
    untold = not evidence.message or evidence.message.startswith("HTTP ") or evidence.status == 429
    body = evidence.body_head if untold else ""
    parts = (evidence.error_code, evidence.error_type, evidence.message, chain, body)
    joined = " ".join(part for part in parts if part)[:_TEXT_CHARS]
    return _TAG.sub(" ", joined).lower() if "<" in joined else joined.lower()
