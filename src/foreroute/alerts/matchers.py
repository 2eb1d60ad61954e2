"""`severity=critical|warning`, `region!=eu-*`: what picks alerts by their labels.

Values are patterns in which `*` stands for anything, several with `|` between them. There are no regular
expressions on purpose: a silence comes over the API, and must not be able to keep the loop busy.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from foreroute.core.fields import BadField

_FORM: Final = re.compile(r'\s*([a-z_][a-z0-9_]{0,63})\s*(!?=)\s*("?)([^"\n]{0,512}?)\3\s*')
LABELS: Final = (
    *("alertname", "budget", "channel", "cloud", "kind", "metric", "model", "provider"),
    *("receiver", "region", "severity", "source", "stage", "cause"),
)
"""The labels that alerts have."""


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    patterns: tuple[str, ...]
    negated: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        """A label that an alert does not have counts as empty."""
        value = labels.get(self.label, "")
        return any(fnmatchcase(value, pattern) for pattern in self.patterns) is not self.negated


def matcher(text: str, where: str = "") -> Matcher:
    """Raises BadField with what would be right."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadField(
            where, f"{text[:60]!r} is no matcher", 'for example: severity=critical, or region="us-*"'
        )
    if found[1] not in LABELS:
        raise BadField(where, f"there is no label {found[1]!r}", f"known: {', '.join(sorted(LABELS))}")
    # Only * is special: brackets and question marks stand for themselves.
    patterns = (part.replace("[", "[[]").replace("?", "[?]") for part in found[4].split("|"))
    return Matcher(found[1], tuple(re.sub(r"\*+", "*", one) for one in patterns), found[2] == "!=")


@lru_cache(maxsize=1024)
def _known(text: str) -> Matcher:
    return matcher(text)


def all_match(matchers: Iterable[str], labels: Mapping[str, str]) -> bool:
    """Whether each of them matches; none at all matches everything. They must have been checked before."""
    return all(_known(text).matches(labels) for text in matchers)
