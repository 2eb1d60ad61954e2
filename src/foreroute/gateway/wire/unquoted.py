"""What a provider says about a request, without what it quotes from it. Pure.

An error's words are kept for whoever asks why a channel failed, and providers like to repeat what they did not
understand: part of a prompt would be stored with them. Words that stand in the request in the same order, in quotation
marks, or that look like a number or a name of the client's own are left out; everything else stays.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import orjson

from foreroute.core.failure import FailureEvidence

_COMPARED_BYTES_MAX: Final = 64 * 1024
"""Of larger requests only the error's code is kept: to compare them would hold up others."""
_RUN: Final = 3
_OWN_LETTERS_MIN: Final = 6
_WORD: Final = re.compile(r"\w+")
_QUOTED: Final = re.compile(r"(?<!\w)(['\"`“«])(.{1,500}?)(['\"`”»])(?!\w)", re.DOTALL)
_CUT: Final = "…"
_OPEN: Final = frozenset({"model", "role", "type", "object", "stream"})
"""Members whose values are no text of the client's: to know which model was meant is half of an answer."""
_DEPTH_MAX: Final = 32


def unquoted(evidence: FailureEvidence, body: bytes) -> FailureEvidence:
    """The same evidence with nothing of the request's texts in it that could be kept."""
    if not body or not evidence.message:
        return evidence
    if len(body) > _COMPARED_BYTES_MAX:
        said = " ".join(part for part in (evidence.error_type, evidence.error_code) if part)
        return replace(evidence, message=said or f"HTTP {evidence.status}", body_head="")
    words = [word.lower() for word in _WORD.findall("\n".join(_texts(body)))]
    return replace(evidence, message=without(evidence.message, words), body_head="")


def without(message: str, words: list[str]) -> str:
    """The message with every run of these words cut out."""
    known = set(words)
    runs = set(zip(words, words[1:], words[2:], strict=False))
    found = list(_WORD.finditer(message))
    lowered = [one[0].lower() for one in found]
    cut = {
        at + step
        for at, run in enumerate(zip(lowered, lowered[1:], lowered[2:], strict=False))
        if run in runs
        for step in range(_RUN)
    }
    cut |= {at for at, word in enumerate(lowered) if word in known and _is_own(word)}
    for quote in _QUOTED.finditer(message):
        inside = [at for at, one in enumerate(found) if quote.start(2) <= one.start() < quote.end(2)]
        if inside and all(lowered[at] in known for at in inside):
            cut.update(inside)
    return _cut_out(message, [found[at] for at in sorted(cut)])


def _cut_out(message: str, spans: list[re.Match[str]]) -> str:
    parts: list[str] = []
    end = 0
    for span in spans:
        between = message[end : span.start()]
        if not parts or _WORD.search(between):
            parts += [between, _CUT]
        end = span.end()  # what lies between two words that are cut out is cut out with them
    return "".join([*parts, message[end:]])


def _is_own(word: str) -> bool:
    """Names and numbers that nobody but the client has: long, and not a word of any language."""
    return len(word) >= _OWN_LETTERS_MIN and any(letter.isdigit() for letter in word)


def _texts(body: bytes) -> Iterator[str]:
    try:
        yield from _strings(orjson.loads(body), 0)
    except orjson.JSONDecodeError:
        yield body.decode("utf-8", "replace")


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth > _DEPTH_MAX:
        yield str(value)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, depth + 1)
    elif isinstance(value, dict):
        for key, one in value.items():
            if not (key in _OPEN and isinstance(one, str)):
                yield from _strings(one, depth + 1)
