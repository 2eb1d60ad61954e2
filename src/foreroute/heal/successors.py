"""The model to use instead of one that is gone, as providers name it when they refuse."""

import re
from typing import Final

_NAME: Final = r"[`'\"]?((?:[\w\-]+/)?[a-zA-Z][\w\-]*[\-.:]?[\w.\-:]*\d[\w.\-:]*)[`'\"]?"
_HINTS: Final = tuple(
    re.compile(pattern + _NAME, re.IGNORECASE)
    for pattern in (
        r"replacement(?: model)?(?: is|:|=)?\s*[`'\"]*\s*:?\s*",
        r"(?:replaced|superseded|succeeded) (?:by|with)\s+(?:the )?(?:model )?",
        r"(?:migrate|migrating|switch|switching|upgrade|move) to\s+(?:the )?(?:model )?",
        r"(?:please |instead,? )?use\s+(?:the )?(?:model )?",
        r"try\s+(?:the )?(?:model )?",
        r"successor(?: is|:)?\s+",
    )
)
_CHARS_MAX: Final = 80


def successor_in(message: str) -> str | None:
    """The name of the successor, if the message names one: a name has letters and a digit, such as `gpt-4.1`."""
    for hint in _HINTS:
        if (found := hint.search(message)) is not None:
            return found.group(1).rstrip(".:-")[:_CHARS_MAX]
    return None
