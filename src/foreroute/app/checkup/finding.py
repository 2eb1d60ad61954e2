"""What one check has found: a code and its facts, which whoever shows it has the words for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a word for a check that went well
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at, `of` which one where there are several."""

    check: str
    verdict: Verdict
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    of: str = ""


def passed(check: str, code: str, *, of: str = "", **facts: object) -> Finding:
    return Finding(check, Verdict.PASS, code, facts, of)


def warned(check: str, code: str, *, of: str = "", **facts: object) -> Finding:
    return Finding(check, Verdict.WARN, code, facts, of)


def failed(check: str, code: str, *, of: str = "", **facts: object) -> Finding:
    return Finding(check, Verdict.FAIL, code, facts, of)
