"""The cause of one failed attempt, and how sure that is.

Order: phase and exception type → error codes → what was said, in an error answer or inside a 200 → a status that
tells something → the words, by a trained classifier → a status that tells little → `unknown`. Status codes alone
mislead: a spent budget may be a 400, an overload a 200.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.heal.answer_rules import ANSWERS
from foreroute.heal.codes import CODES, STATUSES
from foreroute.heal.reliability import Reliability
from foreroute.heal.rules import Needle, Rules, first_fit
from foreroute.heal.text_model import TextModel, model_of, tokens_of, trained
from foreroute.heal.verdict import CONFIDENCE_MIN, Verdict
from foreroute.heal.wire_rules import UNSPECIFIC, WIRE

_TEXT_CHARS: Final = 1600
"""Enough for every known message, and a bound on the time that the rules take."""
_KNOWN_MIN: Final = 2
"""Known words without which the text model has nothing to go by but the status and the phase."""
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
_PASSING: Final = frozenset({FailureClass.SERVER_ERROR, FailureClass.INVALID_REQUEST})
"""What is said of nearly everything: the other words may know better."""
_EXACTER: Final = {
    FailureClass.AUTHENTICATION: (FailureClass.QUOTA_EXHAUSTED,),
    FailureClass.MODEL_NOT_FOUND: (FailureClass.UNSUPPORTED_FEATURE,),
    FailureClass.UNSUPPORTED_FEATURE: (FailureClass.CONTEXT_LENGTH_EXCEEDED,),
    FailureClass.PERMISSION_OR_REGION_DENIED: (FailureClass.QUOTA_EXHAUSTED, FailureClass.RATE_LIMITED),
}
"""What may be said beside a code and goes deeper: money behind a refused key, a feature behind a model."""
_CUT: Final = frozenset({FailureClass.CONNECTION_REFUSED_OR_RESET, FailureClass.STREAM_INTERRUPTED})
Found = tuple[FailureClass, str]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The tables that decide before any trained part is asked."""

    codes: dict[str, FailureClass] = field(default_factory=lambda: dict(CODES))
    answers: Rules = ANSWERS
    wire: Rules = WIRE
    unspecific: Rules = UNSPECIFIC


class CauseClassifier:
    """Pure, bounded in time, never raises. Rules decide in some 20 µs; the trained part adds 0.2 ms where they do not."""

    def __init__(self, book: RuleBook, model: TextModel | None, reliability: Reliability) -> None:
        self._book = book
        self._model = model
        self._reliability = reliability

    def classify(self, evidence: FailureEvidence) -> FailureClass:
        return self.verdict(evidence).kind

    def verdict(self, evidence: FailureEvidence) -> Verdict:
        text = text_of(evidence)
        answered = evidence.status is not None and evidence.status >= 400
        found = self._by_code(evidence)
        if found is not None and not answered and found[0] is FailureClass.TIMEOUT_READ:
            found = None  # which timeout it was, the phase knows
        if answered:
            found = self._answered(evidence, text, found)
        elif found is None:
            found = self._unanswered(evidence, text)
        if found is not None and not (answered and found[0] in _PASSING and found[1].startswith("said")):
            return _known(self._sure(found))
        return self._by_words(evidence, text, found)

    def _answered(self, evidence: FailureEvidence, text: str, coded: Found | None) -> Found | None:
        status = evidence.status
        assert status is not None  # noqa: S101 - the caller has looked
        said = _by_rules("said", self._book.answers, text)
        if coded is not None and not (said is not None and said[0] in _EXACTER.get(coded[0], ())):
            return coded
        wire = _by_rules("wire", self._book.wire, text)
        if wire is not None and wire[0] is FailureClass.MALFORMED_RESPONSE:
            wire = None  # the client could not read the error's own page
        if said is not None and said[0] not in _VAGUE:
            return said
        if said is not None and status not in STATUSES:
            through = wire or _by_rules("wire", self._book.unspecific, text) if status >= 500 else None
            return through or said
        if (known := STATUSES.get(status)) is not None:
            return known, f"status:{status}"
        if status == 404 and evidence.content_type:
            # A real answer: we chose the path and the model, not the caller.
            return FailureClass.MODEL_NOT_FOUND, "status:404"
        return wire

    def _unanswered(self, evidence: FailureEvidence, text: str) -> Found | None:
        """No answer, or a 200 that was none."""
        phase = evidence.phase
        if (wire := _by_rules("wire", self._book.wire, text)) is not None:
            return _in_phase(wire, phase)
        if (said := _by_rules("said", self._book.answers, text)) is not None:
            return said
        if evidence.status is not None and phase is not Phase.STREAM:
            return FailureClass.MALFORMED_RESPONSE, f"status:{evidence.status}"
        if (usual := _DEFAULTS.get(phase)) is not None:
            return usual, f"phase:{phase}"
        return _by_rules("wire", self._book.unspecific, text)

    def _sure(self, found: Found) -> Verdict:
        kind, basis = found
        return Verdict(kind, self._reliability.of(basis.partition(":")[0], kind), basis)

    def _by_words(self, evidence: FailureEvidence, text: str, passing: Found | None) -> Verdict:
        """By the trained part; by words in passing or a status that tells little, if that is surer; or not at all."""
        verdict = Verdict(FailureClass.UNKNOWN, 0.0, "nothing")
        if self._model is not None and text:
            tokens = tokens_of(text, evidence.status, evidence.phase)
            if self._model.knows(tokens) >= _KNOWN_MIN:
                kind, sure = self._model.best(tokens)
                verdict = Verdict(kind, sure, "text")
        if passing is not None:
            return _known(max(verdict, self._sure(passing), key=lambda one: one.confidence))
        if evidence.status is not None and evidence.status >= 400:
            bare = FailureClass.SERVER_ERROR if evidence.status >= 500 else FailureClass.INVALID_REQUEST
            sure = self._reliability.of("bare", bare)
            if sure > verdict.confidence:
                verdict = Verdict(bare, sure, f"bare:{evidence.status}")
        return _known(verdict)

    def _by_code(self, evidence: FailureEvidence) -> Found | None:
        """By the code, the type, or the last part of either (`Throttling.AllocationQuota`)."""
        codes = self._book.codes
        for value in (evidence.error_code, evidence.error_type):
            lower = value.lower()
            for name in (lower.translate(_SEPARATORS), lower.rpartition(".")[2].translate(_SEPARATORS)):
                if (found := codes.get(name)) is not None:
                    return found, f"code:{name}"
        return None


@cache
def default_classifier() -> CauseClassifier:
    """The rules with what training has left in the package. Read once; immutable."""
    fields = trained()
    counts = {name: (right, seen) for name, (right, seen) in fields["reliability"].items()}
    return CauseClassifier(RuleBook(), model_of(fields), Reliability(counts, fields["usual"]))


def text_of(evidence: FailureEvidence) -> str:
    """All that was said, lower case and without tags: codes, message, exceptions, and the body where the
    message is not the whole story. A body that was read already is left out: it may quote the prompt.
    """
    chain = " ".join(f"{name}: {said}" for name, said in evidence.exception_chain)
    untold = not evidence.message or evidence.message.startswith("HTTP ") or evidence.status == 429
    body = evidence.body_head if untold else ""
    parts = (evidence.error_code, evidence.error_type, evidence.message, chain, body)
    joined = "; ".join(part for part in parts if part)[:_TEXT_CHARS]
    return _TAG.sub(" ", joined).lower() if "<" in joined else joined.lower()


def _in_phase(wire: Found, phase: Phase) -> Found:
    """What a network library said, in the light of how far the attempt had come."""
    kind, basis = wire
    if kind is FailureClass.TIMEOUT_READ and phase in _OPENING:
        return FailureClass.TIMEOUT_CONNECT, basis
    if kind in _CUT and phase in _READING:
        return FailureClass.STREAM_INTERRUPTED, basis
    return wire


def _known(verdict: Verdict) -> Verdict:
    if verdict.confidence >= CONFIDENCE_MIN:
        return verdict
    return Verdict(FailureClass.UNKNOWN, verdict.confidence, verdict.basis)


def _by_rules(ground: str, rules: Rules, text: str) -> Found | None:
    found = first_fit(rules, text)
    return None if found is None else (found[0], f"{ground}:{_named(found[1])}")


def _named(needle: Needle) -> str:
    return needle if isinstance(needle, str) else " + ".join(needle)
