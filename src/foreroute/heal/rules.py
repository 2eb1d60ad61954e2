"""Rules over what a failure says: which needles occur in a lower-case text, and what the first one means.

A rule fits when any of its needles occurs; a needle of several parts needs all of them. Needles are words of
providers, proxies and network libraries, never of one message.
"""

from foreroute.core.failure import FailureClass

Needle = str | tuple[str, ...]
Rules = tuple[tuple[FailureClass, tuple[Needle, ...]], ...]


def first_fit(rules: Rules, text: str) -> tuple[FailureClass, Needle] | None:
    """The class of the first rule that fits, and the needle that was found."""
    for kind, needles in rules:
        for needle in needles:
            if needle in text if isinstance(needle, str) else all(part in text for part in needle):
                return kind, needle
    return None
