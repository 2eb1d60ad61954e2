"""A linear classifier over the words of a failure, in plain Python: nothing to import, some 0.1 ms a text.

TF-IDF (binary counts, smoothed idf, unit length) and multinomial logistic regression with one temperature, trained
offline by `scripts/train_failure_model.py`. Weights are kept as bytes with one scale for each class.
"""

import base64
import json
import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Final

from foreroute.core.failure import FailureClass

_WORD: Final = re.compile(r"[a-z_]{2,24}|[\u4e00-\u9fff]")
_WORDS_MAX: Final = 160
_FILE: Final = "failure_model.json"


def tokens_of(text: str, status: int | None, phase: str) -> list[str]:
    """Words and pairs of neighbours of a lower-case text, its status and phase; each once, in order."""
    words = _WORD.findall(text)[:_WORDS_MAX]
    pairs = (f"{one} {other}" for one, other in pairwise(words))
    about = (f"status={status}", f"status={(status or 0) // 100}xx", f"phase={phase}")
    return list(dict.fromkeys((*words, *pairs, *about)))


@dataclass(frozen=True, slots=True)
class TextModel:
    """`weights` holds one row of `len(kinds)` signed bytes for each word of `words`."""

    kinds: tuple[FailureClass, ...]
    words: Mapping[str, int]
    idf: Sequence[float]
    weights: Sequence[int]
    scales: Sequence[float]
    bias: Sequence[float]
    temperature: float

    def knows(self, tokens: Sequence[str]) -> int:
        """How many of the words and pairs it has seen; status and phase do not count."""
        return sum(token in self.words for token in tokens if "=" not in token)

    def best(self, tokens: Sequence[str]) -> tuple[FailureClass, float]:
        """The likeliest class and its probability; a text without a known word gives the prior."""
        width = len(self.kinds)
        known = [index for token in tokens if (index := self.words.get(token)) is not None]
        norm = math.sqrt(sum(self.idf[index] ** 2 for index in known)) or 1.0
        sums = [0.0] * width
        for index in known:
            value = self.idf[index] / norm
            row = self.weights[index * width : index * width + width]
            sums = [total + value * weight for total, weight in zip(sums, row, strict=True)]
        scores = [
            (bias + scale * total) / self.temperature
            for bias, scale, total in zip(self.bias, self.scales, sums, strict=True)
        ]
        top = max(scores)
        place = scores.index(top)
        return self.kinds[place], 1.0 / sum(math.exp(score - top) for score in scores)


def model_of(fields: Mapping[str, Any]) -> TextModel:
    """The model that `fields_of` wrote down."""
    weights = array("b")
    weights.frombytes(base64.b64decode(fields["weights"]))
    return TextModel(
        kinds=tuple(FailureClass(kind) for kind in fields["kinds"]),
        words={word: index for index, word in enumerate(fields["words"])},
        idf=fields["idf"],
        weights=weights,
        scales=fields["scales"],
        bias=fields["bias"],
        temperature=fields["temperature"],
    )


def fields_of(model: TextModel) -> dict[str, Any]:
    """The model as JSON fields."""
    return {
        "kinds": list(model.kinds),
        "words": list(_in_order(model.words)),
        "idf": [round(value, 4) for value in model.idf],
        "weights": base64.b64encode(array("b", model.weights).tobytes()).decode(),
        "scales": [round(value, 6) for value in model.scales],
        "bias": [round(value, 4) for value in model.bias],
        "temperature": round(model.temperature, 3),
    }


@cache
def trained() -> Mapping[str, Any]:
    """What training left in the package: the text model's fields and the reliability of each basis."""
    loaded: dict[str, Any] = json.loads(resources.files("foreroute.heal").joinpath(_FILE).read_text("utf-8"))
    return loaded


def _in_order(words: Mapping[str, int]) -> Iterator[str]:
    return iter(sorted(words, key=words.__getitem__))
