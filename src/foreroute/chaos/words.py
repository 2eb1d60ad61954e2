"""What the upstream says when nothing is wrong: the client knows it too, so that it can tell a whole answer."""

from collections.abc import Sequence
from typing import Any, Final

TEXT: Final = "Foul weather is seen from afar by those who watch the sky at dawn"
WORDS: Final = TEXT.split()


def pieces(messages: Sequence[Any]) -> list[str]:
    """The answer's pieces; those that are left when the conversation ends with a part of the answer."""
    whole = [WORDS[0], *(f" {word}" for word in WORDS[1:])]
    last = messages[-1] if messages else None
    if isinstance(last, dict) and last.get("role") == "assistant":
        said = str(last.get("content") or "")
        for count in range(len(whole), 0, -1):
            if said == "".join(whole[:count]):
                return whole[count:]
    return whole
