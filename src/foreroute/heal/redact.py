"""Failure messages without anything that a caller may have written.

An error message can quote the prompt, a key, a name. Keys, addresses, quotes and numbers become placeholders first;
of the rest, only words of the language that failures are told in are kept, and every other word is `<*>`. So what is
stored cannot tell a prompt, whatever a provider echoes.
"""

import re
from functools import cache
from typing import Final

from foreroute.heal.answer_rules import ANSWERS
from foreroute.heal.rules import Rules
from foreroute.heal.signature import signature_of
from foreroute.heal.text_model import trained
from foreroute.heal.wire_rules import UNSPECIFIC, WIRE

ANY: Final = "<*>"
_WORDS_MAX: Final = 40
_WORD: Final = re.compile(r"[a-z]+")
_PLACEHOLDER: Final = re.compile(r"<[a-z]+>")


def redacted(message: str) -> tuple[str, ...]:
    """At most forty known words and placeholders, in order; runs of unknown words are one `<*>`."""
    tokens: list[str] = []
    for word in signature_of(message).text.split():
        token = _token(word)
        if token and not (token == ANY and tokens[-1:] == [ANY]):
            tokens.append(token)
        if len(tokens) == _WORDS_MAX:
            break
    return tuple(tokens)


def _token(word: str) -> str:
    placeholder = _PLACEHOLDER.search(word)
    letters = _WORD.findall(_PLACEHOLDER.sub("", word))
    if not letters:
        return placeholder.group() if placeholder else ""
    known = language()
    if all(part in known for part in letters):
        return placeholder.group() if placeholder else "_".join(letters)
    return ANY


@cache
def language() -> frozenset[str]:
    """Every word that the rules and the classifier know."""
    words = {part for word in trained()["words"] if "=" not in word for part in _WORD.findall(word)}
    for rules in (ANSWERS, WIRE, UNSPECIFIC):
        words |= _words_of(rules)
    return frozenset(words)


def _words_of(rules: Rules) -> set[str]:
    needles = [needle for _, found in rules for needle in found]
    parts = [part for needle in needles for part in ((needle,) if isinstance(needle, str) else needle)]
    return {word for part in parts for word in _WORD.findall(part)}
