"""Labelled failures: the shared ones where they are, the project's own measured ones, and messages from the field."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foreroute.core.failure import FailureClass, FailureEvidence
from foreroute.heal.classify import text_of
from foreroute.heal.records import record_of
from foreroute.heal.text_model import tokens_of

_ROOT: Final = Path(__file__).parents[2]
SHARED: Final = _ROOT.parent / "shared" / "failures" / "failures.dev.jsonl"
OWN: Final = _ROOT / "tests" / "data" / "failures"


@dataclass(frozen=True, slots=True)
class Labelled:
    evidence: FailureEvidence
    label: FailureClass
    origin: str
    source: str
    """The client library that saw it, or the thread or file that tells of it."""
    cluster: str

    @property
    def tokens(self) -> list[str]:
        return tokens_of(text_of(self.evidence), self.evidence.status, self.evidence.phase)


def read(path: Path, origin: str | None = None) -> list[Labelled]:
    """The failures of a JSONL file with `label`, and `origin`, `source` and `cluster` where it has them."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        fields = json.loads(line)
        where = fields.get("origin") or origin or path.stem
        source = str(fields.get("source") or fields["id"])
        found.append(
            Labelled(
                evidence=record_of(line, number).evidence,
                label=FailureClass(fields["label"]),
                origin=where,
                source=source.partition("/")[0] if where == "measured" else source,
                cluster=str(fields.get("cluster") or f"{path.stem}/{number}"),
            )
        )
    return found


def own() -> list[Labelled]:
    return [*read(OWN / "measured.jsonl", "measured"), *read(OWN / "field.jsonl", "field")]


def folds(rows: Sequence[Labelled], key: str, parts: int, seed: int) -> list[frozenset[str]]:
    """The values of a field (`source` or `cluster`), dealt into parts of about as many rows each, by origin in turn."""
    import random  # noqa: PLC0415

    sizes: dict[str, int] = {}
    for row in rows:
        sizes[getattr(row, key)] = sizes.get(getattr(row, key), 0) + 1
    names = sorted(sizes)
    random.Random(seed).shuffle(names)
    names.sort(key=lambda name: -sizes[name])
    dealt: list[set[str]] = [set() for _ in range(parts)]
    loads = [0] * parts
    for name in names:
        part = loads.index(min(loads))
        dealt[part].add(name)
        loads[part] += sizes[name]
    return [frozenset(part) for part in dealt]
