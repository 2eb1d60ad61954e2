"""Patterns that nobody could name, grouped by likeness: HDBSCAN over the TF-IDF of their words (Campello et al. 2013).

Runs in the fit pool, once a night; needs the extra `ml`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.errors import MissingExtra

_MEMBERS_MIN: Final = 2
_PATTERNS_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """Patterns by id, as texts of known words. Picklable."""

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Pattern → group. A group is named after its members, so that it keeps its name while they stay."""

    groups: Mapping[str, str]


def cluster(job: ClusterJob) -> Clusters:
    """Groups of two patterns or more; what is like nothing else has none. Raises MissingExtra."""
    names = sorted(job.texts)
    if len(names) < _PATTERNS_MIN:
        return Clusters({})
    members = defaultdict(list)
    for name, label in zip(names, _labels([job.texts[name] for name in names]), strict=True):
        if label >= 0:
            members[label].append(name)
    return Clusters({name: _named(group) for group in members.values() for name in group})


def _labels(texts: Sequence[str]) -> list[int]:
    try:
        from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - behind an extra
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("scikit-learn", "ml", "grouping of unnamed failures") from None
    try:
        matrix = TfidfVectorizer(analyzer=str.split).fit_transform(texts).toarray()
    except ValueError:  # not one word among them
        return [-1] * len(texts)
    found = HDBSCAN(min_cluster_size=_MEMBERS_MIN, metric="euclidean", copy=True).fit_predict(matrix)
    return [int(label) for label in found]


def _named(members: Sequence[str]) -> str:
    return f"g-{hashlib.sha256(' '.join(sorted(members)).encode()).hexdigest()[:8]}"
