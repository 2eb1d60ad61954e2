"""Messages of one shape grouped into templates, online and in bounded memory.

A fixed-depth tree after Drain (He et al. 2017): by the number of words, then by the first one; within a leaf a message
joins the template that shares most words with it, if that is enough, and words that differ become `<*>`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.heal.redact import ANY

Words = tuple[str, ...]
_SIMILAR: Final = 0.6
"""The share of equal words from which a message belongs to a template."""


@dataclass(slots=True)
class Template:
    id: str
    words: Words
    seen_at: float

    @property
    def text(self) -> str:
        return " ".join(self.words)


class TemplateTree:
    """Ids follow from the first message of a template, and stay when it becomes more general or is restored.

    Over `templates_max`, the one that was not seen for the longest time is forgotten.
    """

    def __init__(self, templates_max: int = 500) -> None:
        self._max = templates_max
        self._leaves: dict[tuple[int, str], list[Template]] = {}
        self._by_id: dict[str, Template] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Template]:
        return iter(self._by_id.values())

    def add(self, words: Words, at: float) -> tuple[Template, bool, str | None]:
        """The message's template, whether it is new, and the id of one that was forgotten for it."""
        leaf = self._leaves.setdefault(_leaf_of(words), [])
        best = max(leaf, key=lambda template: _alike(template.words, words), default=None)
        if best is not None and _alike(best.words, words) >= _SIMILAR:
            best.words = tuple(
                one if one == other else ANY for one, other in zip(best.words, words, strict=True)
            )
            best.seen_at = max(best.seen_at, at)
            return best, False, None
        template = Template(_id_of(words), words, at)
        if (known := self._by_id.get(template.id)) is not None:
            known.seen_at = max(known.seen_at, at)
            return known, False, None
        gone = self._forget_one() if len(self._by_id) >= self._max else None
        self._put(template)
        return template, True, gone

    def dump(self) -> list[dict[str, object]]:
        return [{"id": one.id, "words": list(one.words), "seen_at": one.seen_at} for one in self]

    def load(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Raises KeyError, TypeError or ValueError on rows that `dump` did not write."""
        found = [
            Template(str(row["id"]), tuple(map(str, _listed(row["words"]))), float(str(row["seen_at"])))
            for row in rows[: self._max]
        ]
        self._leaves, self._by_id = {}, {}
        for template in found:
            self._put(template)

    def _put(self, template: Template) -> None:
        self._leaves.setdefault(_leaf_of(template.words), []).append(template)
        self._by_id[template.id] = template

    def _forget_one(self) -> str:
        oldest = min(self._by_id.values(), key=lambda template: (template.seen_at, template.id))
        del self._by_id[oldest.id]
        for key in [key for key, leaf in self._leaves.items() if oldest in leaf]:
            self._leaves[key].remove(oldest)
            if not self._leaves[key]:
                del self._leaves[key]
        return oldest.id


def _leaf_of(words: Words) -> tuple[int, str]:
    first = words[0] if words else ""
    return len(words), ANY if first.startswith("<") else first


def _alike(template: Words, words: Words) -> float:
    """The share of equal words; a placeholder of the template fits every word, and counts half."""
    if not words:
        return 1.0
    return sum(
        1.0 if one == other else 0.5 if one == ANY else 0.0
        for one, other in zip(template, words, strict=True)
    ) / len(words)


def _id_of(words: Words) -> str:
    return f"t-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:10]}"


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("a list of words is expected")
    return value
