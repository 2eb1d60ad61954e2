"""Fitting the classifier's trained part, and judging it with its rules on failures it has not seen.

Rules were written by people who had read failures. To say how they do on others, a fold's rules are cut back: a
needle or code that no failure outside the fold contains, but one inside it does, is taken out, as nobody could have
written it from the rest. What is left, and a text model fitted on the rest, judges the fold.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bench.heal.failures import Labelled, folds
from foreroute.core.failure import FailureClass
from foreroute.heal.answer_rules import ANSWERS
from foreroute.heal.classify import CauseClassifier, RuleBook, text_of
from foreroute.heal.codes import CODES
from foreroute.heal.reliability import Reliability
from foreroute.heal.rules import Needle, Rules
from foreroute.heal.text_model import TextModel
from foreroute.heal.verdict import Verdict
from foreroute.heal.wire_rules import UNSPECIFIC, WIRE

PARTS: Final = 8
_C: Final = 30.0
_WORDS_MAX: Final = 4000


@dataclass(frozen=True, slots=True)
class Judged:
    row: Labelled
    verdict: Verdict

    @property
    def right(self) -> bool:
        return self.row.label is self.verdict.kind


def fit_text_model(rows: Sequence[Labelled], temperature: float = 1.0) -> TextModel:
    """TF-IDF and multinomial logistic regression, with weights rounded to signed bytes."""
    import numpy as np  # noqa: PLC0415
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    vectorizer = TfidfVectorizer(
        analyzer=lambda row: row.tokens, min_df=2, binary=True, max_features=_WORDS_MAX
    )
    matrix = vectorizer.fit_transform(rows)
    regression = LogisticRegression(C=_C, max_iter=2000)
    regression.fit(matrix, [row.label.value for row in rows])
    top = np.abs(regression.coef_).max(axis=1)
    scales = np.where(top > 0, top / 127.0, 1.0)
    weights = np.rint(regression.coef_ / scales[:, None]).astype(np.int8)
    return TextModel(
        kinds=tuple(FailureClass(kind) for kind in regression.classes_),
        words={word: int(index) for word, index in vectorizer.vocabulary_.items()},
        idf=[float(value) for value in vectorizer.idf_],
        weights=weights.T.reshape(-1).tolist(),
        scales=[float(value) for value in scales],
        bias=[float(value) for value in regression.intercept_],
        temperature=temperature,
    )


def cut_back(rest: Sequence[Labelled], held: Sequence[Labelled]) -> RuleBook:
    """The rules that somebody who had seen only the rest might have written."""
    known = [text_of(row.evidence) for row in rest]
    asked = [text_of(row.evidence) for row in held]

    def stays(needle: Needle) -> bool:
        return _in(needle, known) or not _in(needle, asked)

    squeezed = [text.translate(str.maketrans("", "", "-_. ")) for text in known]
    held_squeezed = [text.translate(str.maketrans("", "", "-_. ")) for text in asked]
    return RuleBook(
        codes={
            code: kind for code, kind in CODES.items() if _in(code, squeezed) or not _in(code, held_squeezed)
        },
        answers=_kept(ANSWERS, stays),
        wire=_kept(WIRE, stays),
        unspecific=_kept(UNSPECIFIC, stays),
    )


def cross_validated(
    rows: Sequence[Labelled],
    extra: Sequence[Labelled],
    *,
    key: str,
    temperature: float,
    reliability: Reliability,
    cut: bool = True,
    seed: int = 0,
) -> list[Judged]:
    """Each row judged by rules and a model that have not seen its group. `extra` rows are only ever learnt from."""
    judged = []
    for part in folds(rows, key, PARTS, seed):
        held = [row for row in rows if getattr(row, key) in part]
        rest = [row for row in rows if getattr(row, key) not in part] + list(extra)
        book = cut_back(rest, held) if cut else RuleBook()
        classifier = CauseClassifier(book, fit_text_model(rest, temperature), reliability)
        judged += [Judged(row, classifier.verdict(row.evidence)) for row in held]
    return judged


def counted(judged: Iterable[Judged]) -> dict[str, tuple[int, int]]:
    """(right, seen) by ground and by class of a ground, as `Reliability` wants them."""
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for one in judged:
        for name in (one.verdict.ground, f"{one.verdict.ground}/{one.verdict.kind}"):
            seen[name] += 1
            right[name] += one.right
    return {name: (right[name], seen[name]) for name in sorted(seen)}


def nested(
    rows: Sequence[Labelled], extra: Sequence[Labelled], *, key: str, temperature: float, cut: bool = True
) -> list[Judged]:
    """As `cross_validated`, with each fold's confidences counted on the other folds alone."""
    first = cross_validated(rows, extra, key=key, temperature=temperature, reliability=Reliability(), cut=cut)
    other = cross_validated(
        rows, extra, key=key, temperature=temperature, reliability=Reliability(), cut=not cut
    )
    by_part: dict[int, list[Judged]] = defaultdict(list)
    of_other: dict[int, list[Judged]] = defaultdict(list)
    parts = folds(rows, key, PARTS, 0)
    for these, places in ((first, by_part), (other, of_other)):
        for one in these:
            places[next(i for i, part in enumerate(parts) if getattr(one.row, key) in part)].append(one)
    judged = []
    for place, held in by_part.items():
        others = [one for i in by_part if i != place for one in (*by_part[i], *of_other[i])]
        judged += [with_confidence(one, reliability_of(others)) for one in held]
    return judged


def pooled_reliability(rows: Sequence[Labelled], extra: Sequence[Labelled]) -> Reliability:
    """Counted with the rules as they are, fitted to what was read, and cut back to what was not: the truth lies between."""
    return reliability_of(
        [
            one
            for cut in (True, False)
            for one in cross_validated(
                rows, extra, key="source", temperature=1.0, reliability=Reliability(), cut=cut
            )
        ]
    )


def reliability_of(judged: Sequence[Judged]) -> Reliability:
    ruled = [one for one in judged if one.verdict.ground != "text"]
    return Reliability(counted(ruled), sum(one.right for one in ruled) / max(1, len(ruled)))


def with_confidence(one: Judged, reliability: Reliability) -> Judged:
    verdict = one.verdict
    if verdict.ground in ("text", "nothing"):
        return one
    return replace(one, verdict=replace(verdict, confidence=reliability.of(verdict.ground, verdict.kind)))


def _kept(rules: Rules, stays: Callable[[Needle], bool]) -> Rules:
    return tuple((kind, tuple(needle for needle in needles if stays(needle))) for kind, needles in rules)


def _in(needle: Needle, texts: Sequence[str]) -> bool:
    parts = (needle,) if isinstance(needle, str) else needle
    return any(all(part in text for part in parts) for text in texts)


def as_json(reliability: Reliability) -> dict[str, Any]:
    return {
        "reliability": {name: list(pair) for name, pair in reliability.counts.items()},
        "usual": round(reliability.usual, 4),
    }
