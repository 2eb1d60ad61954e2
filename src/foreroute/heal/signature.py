"""What a failure message says apart from its particulars, so that the same failure is recognised again.

Keys, addresses, names in quotes, identifiers and numbers become placeholders; what is left is the text of
a template. Masking comes first for secrets, so that nothing later can leave a part of one standing.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_CHARS_MAX: Final = 2000
_TEXT_MAX: Final = 300

_MASKS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\b(?:bearer|basic)\s+[\w\-.~+/=]{4,}"), "<key>"),
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|key|ghp|glpat|eyj)[-_][\w\-*.]{4,}"), "<key>"),
    (re.compile(r"\beyj[\w\-]{8,}\.[\w\-.]+"), "<key>"),
    (re.compile(r"\b(?:aiza|akia|asia)[\w\-]{8,}"), "<key>"),
    (
        re.compile(
            r"\b((?:api|access|secret)[-_ ]?(?:key|token)|token|secret|password|authorization)"
            r"(['\"]?\s*[:=]\s*)['\"]?[^\s'\",;&}<>]+"
        ),
        r"\1 <key>",
    ),
    (re.compile(r"\b[a-z][a-z0-9+.\-]*://[^\s'\"<>)\]]+"), "<url>"),
    (re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\"[^\"]{1,200}\"|(?<!\w)'[^']{1,200}'|`[^`]{1,200}`"), "<text>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<id>"),
    (re.compile(r"(?<![\w<])(?=[\w\-]{16,})(?=[\w\-]*\d)[\w\-]+"), "<id>"),
    (re.compile(r"\b(?:req|request|org|proj|chatcmpl|msg|call|run)[-_](?=\w*\d)\w+"), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Signature:
    """`digest` names the failure in twelve characters; equal texts have equal digests."""

    text: str
    digest: str


def signature_of(message: str) -> Signature:
    """The same for two messages that differ only in keys, ids, numbers, addresses, quotes, case or spaces."""
    text = message[:_CHARS_MAX].lower()
    for pattern, placeholder in _MASKS:
        text = pattern.sub(placeholder, text)
    text = text.strip()[:_TEXT_MAX]
    return Signature(text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12])
