"""What somebody may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], section: str) -> str:
    """For a name that is none: the nearest that is, and all there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    wished = f"did you mean {near[0]}? " if near else ""
    return f"{wished}{section}: {', '.join(names) or 'none'}"
